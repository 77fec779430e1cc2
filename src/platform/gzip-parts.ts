import { Buffer } from 'node:buffer';
import { constants, crc32, deflateRawSync } from 'node:zlib';

/*
 * One gzip stream (RFC 1952) put together from parts that were deflated apart, without inflating any of them. A part
 * is raw deflate blocks that end at a byte boundary, refer to nothing before them and do not include a last block
 * (RFC 1951 3.2.3). Several gzip members would be simpler, but browsers and curl stop after the first.
 */

/** What a stretch of bytes adds to a gzip stream. */
export interface GzipPart {
  /** Of what it inflates to. */
  readonly crc32: number;
  /** Of what it inflates to, in bytes. */
  readonly bytes: number;
}

/** Nothing yet. */
export const EMPTY_PART: GzipPart = { crc32: 0, bytes: 0 };

/** Without a time, a name, or anything that differs from machine to machine. */
export const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);

const MAX_STORED_BYTES = 0xffff;

/** Deflates a part. */
export function deflatePart(bytes: Buffer, level: number): Buffer {
  return deflateRawSync(bytes, { level, memLevel: 9, finishFlush: constants.Z_SYNC_FLUSH });
}

/** A part of a few bytes as they are. */
export function storedPart(text: string): { readonly deflated: Buffer; readonly part: GzipPart } {
  const bytes = Buffer.from(text);
  if (bytes.length > MAX_STORED_BYTES) throw new RangeError('too long for a stored block');
  const header = Buffer.alloc(5);
  header.writeUInt16LE(bytes.length, 1);
  header.writeUInt16LE(bytes.length ^ 0xffff, 3);
  return { deflated: Buffer.concat([header, bytes]), part: { crc32: crc32(bytes), bytes: bytes.length } };
}

/** The last block and the trailer of a gzip stream of all of `part`. */
export function gzipEnd({ crc32: sum, bytes }: GzipPart): Buffer {
  const end = Buffer.alloc(10);
  end.writeUInt16LE(0x0003, 0);
  end.writeUInt32LE(sum, 2);
  end.writeUInt32LE(bytes % 2 ** 32, 6);
  return end;
}

/** What two parts come to, one behind the other. */
export function joinParts(first: GzipPart, second: GzipPart): GzipPart {
  return {
    crc32: combineCrc32(first.crc32, second.crc32, second.bytes),
    bytes: first.bytes + second.bytes,
  };
}

/** x to the power 2^n modulo the CRC's polynomial, bits reflected, for n from 0. */
const POWERS: readonly number[] = (() => {
  const powers = [0x40000000];
  while (powers.length < 64) {
    const last = powers.at(-1) ?? 0;
    powers.push(multiply(last, last));
  }
  return powers;
})();

/** Multiplies two polynomials over GF(2) modulo that of CRC-32. */
function multiply(a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= factor;
    factor = (factor & 1) === 0 ? factor >>> 1 : (factor >>> 1) ^ 0xedb88320;
  }
  return product >>> 0;
}

/** The CRC-32 of two stretches of bytes from those of each; appending `bytes` zeros multiplies by x^(8 * bytes). */
function combineCrc32(first: number, second: number, bytes: number): number {
  let shift = 0x80000000;
  let rest = bytes;
  for (let power = 3; rest > 0; power += 1) {
    if (rest % 2 === 1) shift = multiply(POWERS[power] ?? 0, shift);
    rest = Math.floor(rest / 2);
  }
  return (multiply(shift, first) ^ second) >>> 0;
}
