/** Length field of sequences, items and encapsulated values that end at a delimiter (PS3.5 7.5). */
export const UNDEFINED_LENGTH = 0xffffffff;

export const ITEM_TAG = 0xfffee000;
export const ITEM_DELIMITATION_TAG = 0xfffee00d;
export const SEQUENCE_DELIMITATION_TAG = 0xfffee0dd;

/** Longest element header in bytes: Explicit VR with a 32-bit length. */
export const MAX_ELEMENT_HEADER_LENGTH = 12;

/** VRs with a 32-bit length field, after two reserved bytes, in Explicit VR (PS3.5 7.1.2). */
export const LONG_VRS: ReadonlySet<string> = new Set('OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' '));

/** How the elements at one place of a Data Set are encoded. */
export interface ElementEncoding {
  readonly explicitVr: boolean;
  readonly littleEndian: boolean;
}

/** Decoded header, reused from element to element because scanning must not allocate for each. */
export interface ElementHeader {
  tag: number;
  /** The two letters as a 16-bit number, first letter high; 0 for none. */
  vr: number;
  /** In bytes; {@link UNDEFINED_LENGTH} where the value ends at a delimiter. */
  length: number;
  /** Bytes of the header itself: 8 or 12. */
  size: number;
}

function code(vr: string): number {
  return vr.charCodeAt(0) * 256 + vr.charCodeAt(1);
}

export const VR_SQ = code('SQ');
export const VR_UN = code('UN');

const UNKNOWN = 0;
const SHORT = 1;
const LONG = 2;

// PS3.5 7.1.2. Indexed by the VR code: one byte load instead of a hash look-up for each element.
const VR_FORM = new Uint8Array(0x10000);
const SHORT_VRS = 'AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US';
for (const vr of SHORT_VRS.split(' ')) VR_FORM[code(vr)] = SHORT;
for (const vr of LONG_VRS) VR_FORM[code(vr)] = LONG;

/** Tells whether a 16-bit number spells a VR of PS3.5 6.2. */
export function isKnownVr(vr: number): boolean {
  return VR_FORM[vr] !== UNKNOWN;
}

/** Tells whether a 16-bit number is two capital letters, as every VR, present or future, is. */
export function isVrLike(vr: number): boolean {
  const first = vr >> 8;
  const second = vr & 0xff;
  return first >= 0x41 && first <= 0x5a && second >= 0x41 && second <= 0x5a;
}

/** Tells whether values of a VR may come as fragments or with undefined length, sequences aside. */
export function isOtherVr(vr: number): boolean {
  return vr >> 8 === 0x4f;
}

export function vrText(vr: number): string | undefined {
  return vr === 0 ? undefined : String.fromCharCode(vr >> 8, vr & 0xff);
}

// Plain byte loads: Buffer's own readers check their arguments on each call, which doubles the cost of a header. The
// callers have made sure that the bytes are there.
function uint16(bytes: Buffer, pos: number, littleEndian: boolean): number {
  const first = bytes[pos] ?? 0;
  const second = bytes[pos + 1] ?? 0;
  return littleEndian ? (second << 8) | first : (first << 8) | second;
}

function uint32(bytes: Buffer, pos: number, littleEndian: boolean): number {
  const first = uint16(bytes, pos, littleEndian);
  const second = uint16(bytes, pos + 2, littleEndian);
  return littleEndian ? second * 0x10000 + first : first * 0x10000 + second;
}

/**
 * Decodes the element, item or delimiter header at `pos` into `header`.
 * @returns false, and an unspecified `header`, where the bytes before `end` do not hold all of it.
 */
export function decodeElementHeader(
  bytes: Buffer,
  pos: number,
  end: number,
  encoding: ElementEncoding,
  header: ElementHeader,
): boolean {
  if (pos + 8 > end) return false;
  const { explicitVr, littleEndian } = encoding;
  header.tag = uint16(bytes, pos, littleEndian) * 0x10000 + uint16(bytes, pos + 2, littleEndian);
  header.size = 8;
  if (!explicitVr || header.tag >= ITEM_TAG) {
    header.vr = 0;
    header.length = uint32(bytes, pos + 4, littleEndian);
    return true;
  }
  return decodeExplicitLength(bytes, pos, end, littleEndian, header);
}

/**
 * The part of a header after its tag in Explicit VR. Writers that break the rules are read as other readers do:
 * - two capitals that are no VR: a VR of a later edition, so 32-bit length (PS3.5 6.2), unless the reserved bytes
 *   are in use;
 * - anything else: an element in Implicit VR where that gives a length below 64 KiB, otherwise a 16-bit length.
 */
function decodeExplicitLength(
  bytes: Buffer,
  pos: number,
  end: number,
  littleEndian: boolean,
  header: ElementHeader,
): boolean {
  header.vr = uint16(bytes, pos + 4, false);
  const form = VR_FORM[header.vr];
  if (form === SHORT) {
    header.length = uint16(bytes, pos + 6, littleEndian);
    return true;
  }
  const shortLength = uint16(bytes, pos + 6, littleEndian);
  if (form === LONG || (isVrLike(header.vr) && shortLength === 0)) {
    if (pos + 12 > end) return false;
    header.length = uint32(bytes, pos + 8, littleEndian);
    header.size = 12;
    return true;
  }
  if (isVrLike(header.vr)) {
    header.length = shortLength;
    return true;
  }
  const longLength = uint32(bytes, pos + 4, littleEndian);
  header.vr = 0;
  header.length = longLength < 0x10000 || longLength === UNDEFINED_LENGTH ? longLength : shortLength;
  return true;
}
