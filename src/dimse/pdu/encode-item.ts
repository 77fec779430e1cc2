/** Big endian building blocks of the associate PDUs. Out-of-range numbers throw RangeError (from Buffer). */

export function uint8(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(1);
  bytes.writeUInt8(value);
  return bytes;
}

export function uint16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A two byte length and the value. @throws RangeError beyond 65,535 bytes. */
export function lengthPrefixed(value: Buffer | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  return Buffer.concat([uint16(bytes.length), bytes]);
}

/** An item or sub-item: type, reserved byte, two byte length, fields. @throws RangeError beyond 65,535 bytes. */
export function encodeItem(itemType: number, ...fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat(fields);
  return Buffer.concat([uint8(itemType), uint8(0), uint16(body.length), body]);
}
