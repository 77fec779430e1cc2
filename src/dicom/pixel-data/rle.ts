import { Buffer } from 'node:buffer';

/** Number of segments and their offsets (PS3.5 G.5). */
const HEADER_LENGTH = 64;
const MAX_SEGMENTS = 15;

export interface RleFrame {
  /** Pixels of the frame. */
  readonly pixels: number;
  readonly samplesPerPixel: number;
  /** 8, 16 or 32. */
  readonly bitsAllocated: number;
}

/**
 * Decodes a frame in RLE Lossless (PS3.5 annex G).
 * @returns samples of a pixel side by side, little endian. What a segment lacks at its end is zeros.
 * @throws RangeError where segments are not as many as the frame needs, or lie outside of it.
 */
export function decodeRleFrame(
  encoded: Uint8Array,
  { pixels, samplesPerPixel, bitsAllocated }: RleFrame,
): Buffer {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  if (bytes.length < HEADER_LENGTH) throw new RangeError('an RLE frame is shorter than its header');
  const bytesPerSample = bitsAllocated / 8;
  const bytesPerPixel = samplesPerPixel * bytesPerSample;
  const segments = bytes.readUInt32LE(0);
  if (segments !== bytesPerPixel || segments > MAX_SEGMENTS)
    throw new RangeError(`an RLE frame has ${segments} segments in place of ${bytesPerPixel}`);
  const decoded = Buffer.alloc(pixels * bytesPerPixel);
  for (let segment = 0; segment < segments; segment++) {
    const start = bytes.readUInt32LE(4 + segment * 4);
    const next = segment + 1 < segments ? bytes.readUInt32LE(8 + segment * 4) : bytes.length;
    if (start < HEADER_LENGTH || start > next || next > bytes.length)
      throw new RangeError('a segment of an RLE frame lies outside of it');
    // Segments are sample by sample, of each the most significant byte first.
    const sample = Math.floor(segment / bytesPerSample);
    const significance = bytesPerSample - 1 - (segment % bytesPerSample);
    decodeSegment(bytes, start, next, decoded, sample * bytesPerSample + significance, bytesPerPixel);
  }
  return decoded;
}

/** PackBits (PS3.5 G.3.2). Writes to `first`, `first + step` and so on; what comes too much is dropped. */
function decodeSegment(
  bytes: Buffer,
  start: number,
  end: number,
  decoded: Buffer,
  first: number,
  step: number,
): void {
  let to = first;
  let at = start;
  while (at < end && to < decoded.length) {
    const control = bytes[at] ?? 0;
    at += 1;
    if (control < 128) {
      const stop = Math.min(at + control + 1, end);
      for (; at < stop && to < decoded.length; at++, to += step) decoded[to] = bytes[at] ?? 0;
    } else if (control > 128 && at < end) {
      const value = bytes[at] ?? 0;
      at += 1;
      const stop = Math.min(to + (257 - control) * step, decoded.length);
      for (; to < stop; to += step) decoded[to] = value;
    }
  }
}
