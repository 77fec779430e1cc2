const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
/** Integers that some devices write with an empty fraction are taken too. */
const INTEGER = /^[+-]?\d+(?:\.0*)?$/;

/** Bounds of VR IS, PS3.5 6.2. */
const MIN_INTEGER = -(2 ** 31);
const MAX_INTEGER = 2 ** 31 - 1;

/** Reads one value of VR DS. @returns undefined for anything but a finite decimal number. */
export function parseDecimalString(text: string): number | undefined {
  const trimmed = text.trim();
  if (!DECIMAL.test(trimmed)) return undefined;
  const value = Number(trimmed);
  return Number.isFinite(value) ? value : undefined;
}

/** Reads one value of VR IS. @returns undefined for anything but an integer of 32 bits. */
export function parseIntegerString(text: string): number | undefined {
  const trimmed = text.trim();
  if (!INTEGER.test(trimmed)) return undefined;
  const value = Number.parseInt(trimmed, 10);
  return value >= MIN_INTEGER && value <= MAX_INTEGER ? value : undefined;
}

/** Reads the first value of VR US. @returns undefined where the value field is shorter than one value. */
export function readUnsignedShort(value: Buffer, littleEndian: boolean): number | undefined {
  if (value.length < 2) return undefined;
  return littleEndian ? value.readUInt16LE(0) : value.readUInt16BE(0);
}
