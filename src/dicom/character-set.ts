import {
  G0_REGISTRATIONS,
  G1_BY_REGISTRATION,
  type HighBytesDecoder,
} from './charset/coded-character-sets.ts';
import { decodeIso2022 } from './charset/iso-2022-decoder.ts';

/** Person Names delimit components too, which matters to code extensions. */
export type TextKind = 'text' | 'person-name';

/** How the text of a Data Set or item is encoded: the value of Specific Character Set (0008,0005). */
export interface CharacterSet {
  /** Decodes a value field, all of its values at once. Never throws: what cannot be decoded becomes U+FFFD. */
  decode(bytes: Uint8Array, kind?: TextKind): string;
  /** Set where a term is not one of PS3.3 C.12.1.1.2 and how it is read instead; one line for an operator. */
  readonly issue?: string;
}

/** One value of (0008,0005), understood. */
type Term =
  | { readonly kind: 'extensible'; readonly registration: number }
  /** Encodings of their own that allow no code extension. */
  | { readonly kind: 'alone'; readonly label: 'utf-8' | 'gb18030' | 'gbk' | 'shift_jis' }
  | { readonly kind: 'unknown'; readonly text: string };

const DEFAULT_TERM: Term = { kind: 'extensible', registration: 6 };
const UTF_8: Term = { kind: 'alone', label: 'utf-8' };

/** Registration numbers of the parts of ISO 8859, under whose names some devices know them. */
const REGISTRATION_OF_ISO_8859 = new Map([
  ['1', 100],
  ['2', 101],
  ['3', 109],
  ['4', 110],
  ['5', 144],
  ['6', 127],
  ['7', 126],
  ['8', 138],
  ['9', 148],
  ['11', 166],
  ['15', 203],
]);

/** Terms, and names for them seen in the field, in capitals without punctuation. */
const NAMED_TERMS: ReadonlyMap<string, Term> = new Map<string, Term>([
  ['', DEFAULT_TERM],
  ['ASCII', DEFAULT_TERM],
  ['USASCII', DEFAULT_TERM],
  ['ISO646', DEFAULT_TERM],
  ['ISOIR192', UTF_8],
  ['ISO2022IR192', UTF_8],
  ['IR192', UTF_8],
  ['UTF8', UTF_8],
  ['ISO10646', UTF_8],
  ['UNICODE', UTF_8],
  ['GB18030', { kind: 'alone', label: 'gb18030' }],
  ['ISO2022GB18030', { kind: 'alone', label: 'gb18030' }],
  ['GBK', { kind: 'alone', label: 'gbk' }],
  ['ISO2022GBK', { kind: 'alone', label: 'gbk' }],
  ['GB2312', { kind: 'extensible', registration: 58 }],
  ['LATIN1', { kind: 'extensible', registration: 100 }],
  ['SHIFTJIS', { kind: 'alone', label: 'shift_jis' }],
  ['SJIS', { kind: 'alone', label: 'shift_jis' }],
]);

const EXACT_TERM = /^(?:ISO_IR \d+|ISO 2022 IR (?!192)\d+|GB18030|GBK|)$/;

function parseTerm(text: string): Term {
  const name = text.toUpperCase().replace(/[^A-Z0-9]/g, '');
  const named = NAMED_TERMS.get(name);
  if (named !== undefined) return named;
  const iso8859 = /^ISO8859(\d{1,2})$/.exec(name)?.[1];
  const number = /^(?:ISO)?(?:2022)?(?:IR)?(\d{1,3})$/.exec(name)?.[1];
  const registration = REGISTRATION_OF_ISO_8859.get(iso8859 ?? '') ?? Number(number);
  const isKnown = G1_BY_REGISTRATION.has(registration) || G0_REGISTRATIONS.has(registration);
  return isKnown ? { kind: 'extensible', registration } : { kind: 'unknown', text };
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });
const windows1252 = new TextDecoder('windows-1252');

/** Bytes above 7F that no set accounts for: UTF-8 where they are that, otherwise Latin-1. */
function decodeUndeclared(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return windows1252.decode(bytes);
  }
}

function isPlainAscii(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte > 0x7f || byte === 0x1b) return false;
  return true;
}

function asciiText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function createDecode(terms: readonly Term[]): CharacterSet['decode'] {
  const first = terms.find((term) => term.kind !== 'extensible' || term.registration !== 6) ?? DEFAULT_TERM;
  let decode: NonNullable<CharacterSet['decode']>;
  if (first.kind === 'alone') {
    const decoder = new TextDecoder(first.label);
    decode = (bytes) => decoder.decode(bytes);
  } else {
    const g1Of = (term: Term | undefined): HighBytesDecoder | undefined =>
      term?.kind === 'extensible' ? G1_BY_REGISTRATION.get(term.registration) : undefined;
    const initialG1 = g1Of(terms[0]);
    const strayHighBytes = terms.map(g1Of).find((g1) => g1 !== undefined) ?? decodeUndeclared;
    decode = (bytes, kind = 'text') =>
      decodeIso2022(bytes, { initialG1, strayHighBytes, isPersonName: kind === 'person-name' });
  }
  return (bytes, kind) => (isPlainAscii(bytes) ? asciiText(bytes) : decode(bytes, kind));
}

function describeIssue(values: readonly string[], terms: readonly Term[]): string | undefined {
  const odd = values.find((value, index) => !EXACT_TERM.test(value) || terms[index]?.kind === 'unknown');
  if (odd !== undefined) {
    const shown = JSON.stringify(odd.slice(0, 24));
    const isUnknown = terms[values.indexOf(odd)]?.kind === 'unknown';
    return isUnknown
      ? `Specific Character Set ${shown} is unknown: read as UTF-8 where valid, else as Latin-1.`
      : `Specific Character Set ${shown} is misspelled: read as what it resembles.`;
  }
  return terms.length > 1 && terms.some((term) => term.kind === 'alone')
    ? 'Specific Character Set names code extensions beside an encoding that allows none.'
    : undefined;
}

function createCharacterSet(specificCharacterSet: string): CharacterSet {
  const values = specificCharacterSet.split('\\').map((value) => value.replace(/^[ \0]+|[ \0]+$/g, ''));
  const terms = values.map(parseTerm);
  const issue = describeIssue(values, terms);
  return { decode: createDecode(terms), ...(issue === undefined ? {} : { issue }) };
}

// A site's devices use a handful of values; hostile ones must not fill memory.
const MAX_CACHED = 64;
const cache = new Map<string, CharacterSet>();

/**
 * Looks up how to decode text.
 * @param specificCharacterSet value of (0008,0005), values separated by `\`; undefined or empty for the default
 * repertoire, in which bytes above 7F, that it does not have, are taken for UTF-8 or Latin-1.
 */
export function characterSet(specificCharacterSet: string | undefined): CharacterSet {
  const key = specificCharacterSet ?? '';
  let known = cache.get(key);
  if (known === undefined) {
    known = createCharacterSet(key);
    if (cache.size < MAX_CACHED) cache.set(key, known);
  }
  return known;
}
