import { isUtf8 } from 'node:buffer';

/**
 * Names on disk are bytes, and old software writes them in other character sets than UTF-8. A byte that is none of UTF-8
 * stands in our strings as U+DC80 to U+DCFF, which no UTF-8 text holds, so that every name has a string of its own and
 * leads back to its file.
 */
const ESCAPE_BASE = 0xdc00;
// With "u" the halves of a surrogate pair do not match.
const ESCAPED = /[\udc80-\udcff]/u;
const MAX_SEQUENCE_BYTES = 4;

/** A name or path as a string. */
export function textOfName(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    text +=
      length === 0
        ? String.fromCharCode(ESCAPE_BASE + (bytes[at] ?? 0))
        : bytes.toString('utf8', at, at + length);
    at += Math.max(1, length);
  }
  return text;
}

/** What the operating system is to be given for a path. */
export function systemPath(filePath: string): string | Buffer {
  if (!ESCAPED.test(filePath)) return filePath;
  const parts = Array.from(filePath, (character) =>
    ESCAPED.test(character)
      ? Buffer.from([character.charCodeAt(0) - ESCAPE_BASE])
      : Buffer.from(character, 'utf8'),
  );
  return Buffer.concat(parts);
}

/** A path for people and for the index: bytes that are none of UTF-8 as `%FC`. */
export function shownPath(filePath: string): string {
  if (!ESCAPED.test(filePath)) return filePath;
  return Array.from(filePath, (character) =>
    ESCAPED.test(character)
      ? `%${(character.charCodeAt(0) - ESCAPE_BASE).toString(16).toUpperCase()}`
      : character,
  ).join('');
}

/** Bytes of the character at a place; 0 where there is none of UTF-8. */
function sequenceLength(bytes: Buffer, at: number): number {
  for (let length = 1; length <= MAX_SEQUENCE_BYTES && at + length <= bytes.length; length += 1)
    if (isUtf8(bytes.subarray(at, at + length))) return length;
  return 0;
}
