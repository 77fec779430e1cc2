import type { Buffer } from 'node:buffer';

import type { CharacterSet } from '../character-set.ts';
import { parseDecimalString, parseIntegerString } from '../values/number.ts';
import { splitValues, trimFreeText } from '../values/text.ts';

/** VRs whose value field is InlineBinary or bulk data (PS3.18 F.2.7). */
const BINARY_VRS: ReadonlySet<string> = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'UN']);
/** VRs whose text is one value, backslashes and all (PS3.5 6.2). */
const FREE_TEXT_VRS: ReadonlySet<string> = new Set(['LT', 'ST', 'UT', 'UR']);
/** VRs that Specific Character Set (0008,0005) applies to. */
const LOCAL_TEXT_VRS: ReadonlySet<string> = new Set(['LO', 'LT', 'PN', 'SH', 'ST', 'UC', 'UT']);

/** A JSON number as it may stand (RFC 8259 6): such decimal strings are copied, so that none loses a digit. */
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** Text that needs no escapes. */
const PLAIN = /^[ !#-[\]-~]*$/;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, '0'));

type NumberReader = (bytes: Buffer, at: number, littleEndian: boolean) => string;
interface NumberForm {
  readonly size: number;
  readonly read: NumberReader;
}

/** Not a Number and infinities have no place in JSON; the value is there, but none that could be told. */
function float(value: number): string {
  return Number.isFinite(value) ? String(value) : 'null';
}

/** Beyond what a JSON number carries safely the digits go as a string (PS3.18 F.2.3 note). */
function long(value: bigint): string {
  return BigInt.asIntN(54, value) === value ? value.toString() : `"${value}"`;
}

const NUMBER_FORMS: Readonly<Record<string, NumberForm>> = {
  US: { size: 2, read: (b, at, little) => String(little ? b.readUInt16LE(at) : b.readUInt16BE(at)) },
  SS: { size: 2, read: (b, at, little) => String(little ? b.readInt16LE(at) : b.readInt16BE(at)) },
  UL: { size: 4, read: (b, at, little) => String(little ? b.readUInt32LE(at) : b.readUInt32BE(at)) },
  SL: { size: 4, read: (b, at, little) => String(little ? b.readInt32LE(at) : b.readInt32BE(at)) },
  FL: { size: 4, read: (b, at, little) => float(little ? b.readFloatLE(at) : b.readFloatBE(at)) },
  FD: { size: 8, read: (b, at, little) => float(little ? b.readDoubleLE(at) : b.readDoubleBE(at)) },
  UV: { size: 8, read: (b, at, little) => long(little ? b.readBigUInt64LE(at) : b.readBigUInt64BE(at)) },
  SV: { size: 8, read: (b, at, little) => long(little ? b.readBigInt64LE(at) : b.readBigInt64BE(at)) },
  AT: { size: 4, read: attributeTag },
};

function attributeTag(bytes: Buffer, at: number, littleEndian: boolean): string {
  const [a, b, c, d] = littleEndian ? [1, 0, 3, 2] : [0, 1, 2, 3];
  const hex = (place = 0): string => HEX[bytes[at + place] ?? 0] ?? '00';
  return `"${hex(a)}${hex(b)}${hex(c)}${hex(d)}"`;
}

/** Tells whether values of a VR are InlineBinary or bulk data, never a `Value`. */
export function isBinaryVr(vr: string): boolean {
  return BINARY_VRS.has(vr);
}

/** Tells whether a VR's text depends on Specific Character Set (0008,0005). */
export function isLocalText(vr: string): boolean {
  return LOCAL_TEXT_VRS.has(vr);
}

/** A string of JSON, quotes included. */
export function jsonString(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/**
 * What stands between the brackets of an attribute's `Value` (PS3.18 F.2.3, F.2.4); for a VR that is no binary one.
 * @param value the value field, padding included.
 * @returns undefined where it is empty, so that there is no `Value` (F.2.5).
 */
export function jsonValues(
  vr: string,
  value: Buffer,
  littleEndian: boolean,
  characterSet: CharacterSet,
): string | undefined {
  const form = NUMBER_FORMS[vr];
  if (form !== undefined) return numbers(form, value, littleEndian);
  const text = LOCAL_TEXT_VRS.has(vr)
    ? characterSet.decode(value, vr === 'PN' ? 'person-name' : 'text')
    : value.toString('latin1');
  if (FREE_TEXT_VRS.has(vr)) {
    const trimmed = trimFreeText(text);
    return trimmed === undefined ? undefined : jsonString(trimmed);
  }
  const values = PLAIN.test(text) && !text.includes('\\') ? [text.trim()] : splitValues(text);
  if (values.length === 1 && values[0] === '') return undefined;
  const encode = ENCODERS[vr] ?? jsonString;
  if (values.length === 1) {
    const only = encode(values[0] ?? '');
    return only === 'null' ? undefined : only;
  }
  return values.map((one) => (one === '' ? 'null' : encode(one))).join(',');
}

function numbers({ size, read }: NumberForm, value: Buffer, littleEndian: boolean): string | undefined {
  const end = value.length - (value.length % size);
  if (end === 0) return undefined;
  let text = read(value, 0, littleEndian);
  for (let at = size; at < end; at += size) text += `,${read(value, at, littleEndian)}`;
  return text;
}

const ENCODERS: Readonly<Record<string, (text: string) => string>> = {
  DS: (text) => {
    const value = parseDecimalString(text);
    if (value === undefined) return jsonString(text);
    return JSON_NUMBER.test(text) ? text : String(value);
  },
  IS: (text) => {
    const value = parseIntegerString(text);
    return value === undefined ? jsonString(text) : String(value);
  },
  PN: personName,
};

const GROUPS = ['Alphabetic', 'Ideographic', 'Phonetic'] as const;

/** Component groups that name nobody are left out (F.2.2). */
function personName(text: string): string {
  const groups = text
    .split('=', GROUPS.length)
    .map((group) => group.trim())
    .flatMap((group, index) =>
      /[^^ ]/.test(group) ? [`"${GROUPS[index] ?? ''}":${jsonString(group)}`] : [],
    );
  return groups.length === 0 ? 'null' : `{${groups.join(',')}}`;
}
