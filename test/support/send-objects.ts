import { createHash } from 'node:crypto';

import { type ObjectToSend, storeObjects } from '../../src/dimse/scu/store-scu.ts';
import type { SyntheticInstance } from './data-sets.ts';

export interface SendOptions {
  readonly to: { readonly host: string; readonly port: number };
  readonly calledAe: string;
  /** Default `SCANNER`. */
  readonly callingAe?: string;
  /** Longest wait for each answer, milliseconds. */
  readonly timeoutMs?: number;
}

/** Sends objects over one Association, byte for byte. @returns the DIMSE Status of each, in the order sent. */
export async function sendObjects(
  objects: readonly SyntheticInstance[],
  { to, calledAe, callingAe = 'SCANNER', timeoutMs }: SendOptions,
): Promise<readonly number[]> {
  const statuses: number[] = [];
  await storeObjects({
    ...to,
    calledAeTitle: calledAe,
    callingAeTitle: callingAe,
    objects: objects.map(asObjectToSend),
    onResponse: (_object, status) => statuses.push(status),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  return statuses;
}

/** An object as {@link storeObjects} takes it. */
export function asObjectToSend(instance: SyntheticInstance): ObjectToSend {
  const { sopClassUid, sopInstanceUid, transferSyntaxUid, dataSet } = instance;
  return { sopClassUid, sopInstanceUid, transferSyntaxUid, readDataSet: () => dataSet };
}

/** SHA-256, lower-case hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
