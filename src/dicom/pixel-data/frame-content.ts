import { Buffer } from 'node:buffer';

import type { TransferSyntax } from '../transfer-syntax.ts';
import type { FrameLocation, FrameLocator } from './frame-locations.ts';
import { PixelDataError, type RandomAccess, readFully } from './random-access.ts';

/** The bytes of one frame, read as they are asked for. */
export interface FrameContent extends RandomAccess {
  readonly bytes: number;
  /** Where its bytes stand in what they are read from, where they are all there as they are, one after the other. */
  readonly offset?: number | undefined;
}

/** Bytes of one value in the VRs that Pixel Data may have; only their order within a value is turned around. */
export const SWAPPED_BYTES: Readonly<Record<string, 2 | 4 | 8>> = { OW: 2, OL: 4, OF: 4, OV: 8, OD: 8 };

/**
 * Gives a frame's bytes: native ones in little endian and from the first bit on, whatever their place in the object;
 * compressed ones as they are, fragments joined.
 */
export function frameContent(
  source: RandomAccess,
  location: FrameLocation,
  { vr, isEncapsulated }: Pick<FrameLocator, 'vr' | 'isEncapsulated'>,
  transferSyntax: Pick<TransferSyntax, 'bigEndianPixelData'>,
): FrameContent {
  const joined = joinPieces(source, location);
  const { bits } = location;
  const size = isEncapsulated || !transferSyntax.bigEndianPixelData ? undefined : SWAPPED_BYTES[vr ?? 'OW'];
  if (size === undefined) return bits === undefined ? joined : shifted(joined, bits);
  if (bits !== undefined || joined.bytes % size !== 0)
    throw new PixelDataError('unsupported', 'A big endian frame does not consist of whole values.');
  return swapped(joined, size);
}

/** Reads all of a frame. @throws PixelDataError where it is longer than `maxBytes`, or the object ends inside. */
export async function readFrame(content: FrameContent, maxBytes: number): Promise<Buffer> {
  if (content.bytes > maxBytes)
    throw new PixelDataError('unsupported', `A frame of ${content.bytes} bytes is too large.`);
  const frame = Buffer.allocUnsafe(content.bytes);
  if ((await readFully(content, frame, 0)) < frame.length)
    throw new PixelDataError('damaged', 'The object ends inside a frame.');
  return frame;
}

export function joinPieces(source: RandomAccess, { pieces }: FrameLocation): FrameContent {
  const [only] = pieces;
  if (only !== undefined && pieces.length === 1)
    return {
      bytes: only.length,
      offset: only.offset,
      read: (target, position) =>
        position >= only.length
          ? Promise.resolve(0)
          : source.read(target.subarray(0, only.length - position), only.offset + position),
    };
  const ends: number[] = [];
  for (const { length } of pieces) ends.push((ends.at(-1) ?? 0) + length);
  return {
    bytes: ends.at(-1) ?? 0,
    read(target, position) {
      const index = indexOfFirstAbove(ends, position);
      const piece = pieces[index];
      if (piece === undefined) return Promise.resolve(0);
      const within = position - ((ends[index] ?? 0) - piece.length);
      return source.read(target.subarray(0, piece.length - within), piece.offset + within);
    },
  };
}

/** Index of the first end above `position`; empty pieces, whose end is no higher, are passed over. */
function indexOfFirstAbove(ends: readonly number[], position: number): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ends[middle] ?? 0) > position) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Moves bits down so that the frame begins at the lowest bit of its first byte; unused bits of the last are 0. */
function shifted(joined: FrameContent, bits: NonNullable<FrameLocation['bits']>): FrameContent {
  const bytes = Math.ceil(bits.length / 8);
  const lastMask = bits.length % 8 === 0 ? 0xff : (1 << (bits.length % 8)) - 1;
  return {
    bytes,
    async read(target, position) {
      const wanted = Math.min(target.length, bytes - position);
      if (wanted <= 0) return 0;
      const input = Buffer.alloc(wanted + 1);
      const available = await readFully(joined, input, position);
      const usable = Math.min(wanted, available);
      for (let index = 0; index < usable; index++) {
        const low = (input[index] ?? 0) >> bits.offset;
        target[index] = low | ((input[index + 1] ?? 0) << (8 - bits.offset));
      }
      if (position + usable === bytes) target[usable - 1] = (target[usable - 1] ?? 0) & lastMask;
      return usable;
    },
  };
}

export function swapped(joined: FrameContent, size: 2 | 4 | 8): FrameContent {
  return {
    bytes: joined.bytes,
    async read(target, position) {
      const skip = position % size;
      const wanted = Math.min(target.length, joined.bytes - position);
      if (wanted <= 0) return 0;
      const whole = Buffer.alloc(Math.ceil((skip + wanted) / size) * size);
      const read = await readFully(joined, whole, position - skip);
      const values = whole.subarray(0, read - (read % size));
      if (size === 2) values.swap16();
      else if (size === 4) values.swap32();
      else values.swap64();
      return values.copy(target, 0, skip, skip + wanted);
    },
  };
}
