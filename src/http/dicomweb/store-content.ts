import { HttpProblem } from '../errors.ts';

/** How the objects of a store request are packed. */
export type StoreContent =
  { readonly kind: 'single' } | { readonly kind: 'multipart'; readonly boundary: string };

const DICOM = 'application/dicom';
const PARAMETER = /;\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/g;

/**
 * Reads the Content-Type of a store request (PS3.18 10.5.1, 8.6.1.2).
 * @throws HttpProblem 415 for anything but Part 10 files, 400 where the boundary is missing.
 */
export function storeContentOf(contentType: string | undefined): StoreContent {
  const text = contentType ?? '';
  const mediaType = text.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (mediaType === DICOM) return { kind: 'single' };
  if (mediaType !== 'multipart/related')
    throw unsupported(`The Content-Type ${mediaType === '' ? 'is missing' : 'is not supported'}.`);
  const parameters = new Map<string, string>();
  for (const [, name = '', quoted, plain] of text.matchAll(PARAMETER))
    parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '');
  const type = parameters.get('type')?.toLowerCase();
  if (type !== undefined && type !== DICOM)
    throw unsupported(
      type === 'application/dicom+json' || type === 'application/dicom+xml'
        ? 'Metadata with bulk data apart is not taken.'
        : `Parts of type ${type} are not taken.`,
    );
  const boundary = parameters.get('boundary');
  if (boundary === undefined)
    throw new HttpProblem(400, {
      code: 'no-boundary',
      detail: 'The Content-Type multipart/related needs its boundary parameter.',
    });
  return { kind: 'multipart', boundary };
}

/** Whether a part can be a Part 10 file. */
export function isDicomPart(headers: ReadonlyMap<string, string>): boolean {
  const mediaType = headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  const encoding = headers.get('content-transfer-encoding')?.toLowerCase();
  const isPlain = encoding === undefined || ['binary', '8bit', '7bit'].includes(encoding);
  return isPlain && (mediaType === undefined || mediaType === DICOM);
}

function unsupported(what: string): HttpProblem {
  return new HttpProblem(415, {
    code: 'content-type-not-supported',
    detail: `${what} Send Part 10 files: multipart/related; type="application/dicom", or one as application/dicom.`,
    headers: { Accept: 'multipart/related; type="application/dicom", application/dicom' },
  });
}
