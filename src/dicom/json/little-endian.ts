import { Buffer } from 'node:buffer';

/** Bytes of one value in VRs whose values have a byte order. */
const VALUE_BYTES: Readonly<Record<string, 2 | 4 | 8>> = {
  US: 2, SS: 2, OW: 2, UL: 4, SL: 4, FL: 4, OL: 4, OF: 4, UV: 8, SV: 8, FD: 8, OV: 8, OD: 8,
}; // prettier-ignore

/** Bytes of one value, whose order is turned round for bulk data; undefined where a VR has no byte order. */
export function swappedBytes(vr: string): 2 | 4 | 8 | undefined {
  return VALUE_BYTES[vr];
}

/** A value field in little endian, as InlineBinary and bulk data want it. @param value is not changed. */
export function toLittleEndian(vr: string, value: Buffer, littleEndian: boolean): Buffer {
  const size = littleEndian ? undefined : swappedBytes(vr);
  if (size === undefined || value.length % size !== 0) return value;
  const copy = Buffer.from(value);
  if (size === 2) return copy.swap16();
  return size === 4 ? copy.swap32() : copy.swap64();
}
