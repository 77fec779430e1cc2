/** Decodes the bytes above 7F that follow each other while a set is in G1. */
export type HighBytesDecoder = (bytes: Uint8Array) => string;

/** What stands for the bytes below 80 (G0): ASCII or one of the Japanese sets of two bytes a character. */
export type G0Set = 'ascii' | 'jis-x-0208' | 'jis-x-0212';

/** Effect of an escape sequence (PS3.3 tables C.12-3 and C.12-4). */
export type Designation =
  | { readonly target: 'g0'; readonly set: G0Set }
  | { readonly target: 'g1'; readonly decode: HighBytesDecoder };

function labelled(label: string): HighBytesDecoder {
  const decoder = new TextDecoder(label);
  return (bytes) => decoder.decode(bytes);
}

/** JIS X 0201 katakana: A1 to DF are the half-width forms from U+FF61 on. */
function decodeKatakana(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    text += byte >= 0xa1 && byte <= 0xdf ? String.fromCharCode(0xff61 + byte - 0xa1) : '\ufffd';
  }
  return text;
}

/**
 * Sets with their characters above 7F, by ISO registration number as in `ISO_IR 100`. Where the web's decoder of a
 * set covers more than the set (windows-1252 for Latin-1), so much the better: devices send those characters.
 */
export const G1_BY_REGISTRATION: ReadonlyMap<number, HighBytesDecoder> = new Map([
  [100, labelled('windows-1252')],
  [101, labelled('iso-8859-2')],
  [109, labelled('iso-8859-3')],
  [110, labelled('iso-8859-4')],
  [144, labelled('iso-8859-5')],
  [127, labelled('iso-8859-6')],
  [126, labelled('iso-8859-7')],
  [138, labelled('iso-8859-8')],
  [148, labelled('windows-1254')],
  [166, labelled('windows-874')],
  [203, labelled('iso-8859-15')],
  [13, decodeKatakana],
  [149, labelled('euc-kr')],
  [58, labelled('gbk')],
]);

/** Sets that live in G0 only: naming one as the first value leaves ASCII in force until an escape sequence. */
export const G0_REGISTRATIONS: ReadonlySet<number> = new Set([6, 14, 87, 159]);

const G1_ESCAPES: readonly (readonly [sequence: string, registration: number])[] = [
  ['-A', 100],
  ['-B', 101],
  ['-C', 109],
  ['-D', 110],
  ['-L', 144],
  ['-G', 127],
  ['-F', 126],
  ['-H', 138],
  ['-M', 148],
  ['-T', 166],
  ['-b', 203],
  [')I', 13],
  ['$)C', 149],
  ['$)A', 58],
];

const G0_ESCAPES: readonly (readonly [sequence: string, set: G0Set])[] = [
  ['(B', 'ascii'],
  // JIS X 0201 romaji: differs from ASCII in yen and overline only, and DICOM delimits values with that yen's code.
  ['(J', 'ascii'],
  ['$B', 'jis-x-0208'],
  ['$@', 'jis-x-0208'],
  ['$(D', 'jis-x-0212'],
];

/** Designations by what follows the ESC byte. */
export const ESCAPE_SEQUENCES: ReadonlyMap<string, Designation> = new Map<string, Designation>([
  ...G0_ESCAPES.map(([sequence, set]) => [sequence, { target: 'g0', set }] as const),
  ...G1_ESCAPES.flatMap(([sequence, registration]) => {
    const decode = G1_BY_REGISTRATION.get(registration);
    return decode === undefined ? [] : [[sequence, { target: 'g1', decode }] as const];
  }),
]);

const eucJp = new TextDecoder('euc-jp');

/** Decodes pairs of 7-bit bytes of JIS X 0208 or 0212 by way of their places in EUC-JP. */
export function decodeJis(bytes: Uint8Array, set: 'jis-x-0208' | 'jis-x-0212'): string {
  const lead = set === 'jis-x-0212' ? [0x8f] : [];
  const euc: number[] = [];
  for (let pos = 0; pos < bytes.length; pos += 2) {
    euc.push(...lead, (bytes[pos] ?? 0) | 0x80, (bytes[pos + 1] ?? 0) | 0x80);
  }
  return eucJp.decode(Uint8Array.from(euc));
}
