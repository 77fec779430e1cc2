import { decodeJis, ESCAPE_SEQUENCES, type G0Set, type HighBytesDecoder } from './coded-character-sets.ts';

const ESC = 0x1b;
const SPACE = 0x20;
const DELETE = 0x7f;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;
const CARET = 0x5e;
const REPLACEMENT = '\ufffd';

export interface Iso2022Options {
  /** In force at the start of the value and again after each delimiter. */
  readonly initialG1: HighBytesDecoder | undefined;
  /** For bytes above 7F while no set is in G1. */
  readonly strayHighBytes: HighBytesDecoder;
  /** Person Names have two more delimiters, `^` and `=`. */
  readonly isPersonName: boolean;
}

/**
 * Decodes text with or without code extensions (PS3.5 6.1.2.4 and 6.1.2.5). Delimiters and control characters put
 * the initial sets back in force (6.1.2.5.3); an escape sequence of another standard becomes U+FFFD.
 */
export function decodeIso2022(bytes: Uint8Array, options: Iso2022Options): string {
  const { initialG1, strayHighBytes, isPersonName } = options;
  let g0: G0Set = 'ascii';
  let g1 = initialG1;
  let text = '';
  let pos = 0;
  while (pos < bytes.length) {
    const byte = bytes[pos] ?? 0;
    if (byte === ESC) {
      const sequence = escapeSequenceAt(bytes, pos + 1);
      const designation = ESCAPE_SEQUENCES.get(sequence);
      if (designation === undefined) text += REPLACEMENT;
      else if (designation.target === 'g0') g0 = designation.set;
      else g1 = designation.decode;
      pos += 1 + sequence.length;
    } else if (byte > DELETE) {
      const end = runEnd(bytes, pos, (other) => other > DELETE);
      text += (g1 ?? strayHighBytes)(bytes.subarray(pos, end));
      pos = end;
    } else if (g0 !== 'ascii' && byte > SPACE) {
      const end = runEnd(bytes, pos, (other) => other > SPACE && other < DELETE);
      const pairs = end - ((end - pos) % 2);
      text += decodeJis(bytes.subarray(pos, pairs), g0) + (end > pairs ? REPLACEMENT : '');
      pos = end;
    } else {
      const isDelimiter =
        byte < SPACE || byte === BACKSLASH || (isPersonName && (byte === CARET || byte === EQUALS));
      if (isDelimiter) {
        g0 = 'ascii';
        g1 = initialG1;
      }
      text += String.fromCharCode(byte);
      pos++;
    }
  }
  return text;
}

/** The longest known escape sequence after an ESC; empty where there is none. */
function escapeSequenceAt(bytes: Uint8Array, pos: number): string {
  for (const length of [3, 2]) {
    const sequence = String.fromCharCode(...bytes.subarray(pos, pos + length));
    if (ESCAPE_SEQUENCES.has(sequence)) return sequence;
  }
  return '';
}

function runEnd(bytes: Uint8Array, start: number, belongs: (byte: number) => boolean): number {
  let end = start;
  while (end < bytes.length && belongs(bytes[end] ?? 0)) end++;
  return end;
}
