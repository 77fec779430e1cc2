import { ABORT_REASON, ABORT_SOURCE } from './pdu/types.ts';

/** Who aborted and why, in the words of PS3.8 Table 9-26; in numbers where it has none. */
export function abortText({ source, reason }: { readonly source: number; readonly reason: number }): string {
  // The reason counts only where the service-provider aborts.
  if (source === ABORT_SOURCE['service-user']) return 'by its application';
  const name = Object.entries(ABORT_REASON).find(([, value]) => value === reason)?.[0];
  const why = name?.replaceAll('-', ' ') ?? `reason ${reason}`;
  return source === ABORT_SOURCE['service-provider']
    ? `by its DICOM implementation: ${why}`
    : `source ${source}, reason ${reason}`;
}
