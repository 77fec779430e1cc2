/** Which bytes of a representation are asked for. */
export type ByteRange =
  /** No range, or one that is to be ignored: all of it, with 200. */
  | { readonly kind: 'whole' }
  /** `length` bytes from `start`, with 206. */
  | { readonly kind: 'part'; readonly start: number; readonly length: number }
  /** Nothing of what is asked for exists: 416. */
  | { readonly kind: 'unsatisfiable' };

const WHOLE: ByteRange = { kind: 'whole' };
const SINGLE_RANGE = /^bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*$/i;

/**
 * Reads a Range header (RFC 9110 14.2). Other units, several ranges and malformed ones are ignored, as 14.2 allows.
 * @param header the field value, undefined where there is none.
 * @param size of the representation in bytes.
 */
export function parseByteRange(header: string | undefined, size: number): ByteRange {
  const match = header === undefined ? null : SINGLE_RANGE.exec(header);
  if (match === null) return WHOLE;
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') return WHOLE;
    const length = Math.min(Number(last), size);
    return length === 0 ? { kind: 'unsatisfiable' } : { kind: 'part', start: size - length, length };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return WHOLE;
  return start >= size ? { kind: 'unsatisfiable' } : { kind: 'part', start, length: end - start + 1 };
}
