import { Buffer } from 'node:buffer';

import type { TransferSyntax } from '../transfer-syntax.ts';
import { findPixelData, type PixelDataPlace } from './find-pixel-data.ts';
import { listFragments, MAX_FRAGMENTS, readFragment } from './fragments.ts';
import { type ByteSpan, framesOfFragments } from './frames-of-fragments.ts';
import { bitsPerNativeFrame, IMAGE_PIXEL_TAGS, type ImagePixel, readImagePixel } from './image-pixel.ts';
import { PixelDataError, type RandomAccess, readFully, WindowReader } from './random-access.ts';

/** Where the bytes of one frame are. */
export interface FrameLocation {
  /** In this order. More than one only for compressed frames in several fragments. */
  readonly pieces: readonly ByteSpan[];
  /** Native frames that do not fill whole bytes: the first bit, counted from the lowest of the first byte. */
  readonly bits?: { readonly offset: number; readonly length: number };
}

/** The frames of one object. */
export interface FrameLocator {
  readonly image: ImagePixel;
  /** Frames come compressed, or at least in fragments, each as the Transfer Syntax says. */
  readonly isEncapsulated: boolean;
  /** VR of the Pixel Data; undefined in Implicit VR, which stands for OW. */
  readonly vr: string | undefined;
  /**
   * One call at a time.
   * @param number from 1 to `image.numberOfFrames`.
   * @throws PixelDataError where that frame is not there, or not whole; RangeError for other numbers.
   */
  locate(number: number): Promise<FrameLocation>;
}

const NO_TABLE = Buffer.alloc(0);
/** Frames of video are inside of its stream, where only a decoder finds them. */
const VIDEO_NAME = /MPEG|HEVC/;

/**
 * Finds the frames of an image (PS3.5 8.2, A.4). Reads the header, then for each frame as little as can be: nothing
 * where frames are native, an entry of a table and one item where there is a Basic or Extended Offset Table, and the
 * headers of all fragments, once, where there is none or where it is wrong.
 * @param start where the Data Set begins in the source.
 * @throws PixelDataError
 */
export async function createFrameLocator(
  source: RandomAccess,
  start: number,
  transferSyntax: TransferSyntax,
): Promise<FrameLocator> {
  const place = await findPixelData(source, start, transferSyntax, IMAGE_PIXEL_TAGS);
  const image = readImagePixel(place, transferSyntax.littleEndian);
  const isEncapsulated = place.length === undefined;
  if (isEncapsulated !== transferSyntax.encapsulated)
    throw new PixelDataError('damaged', `Pixel Data is not encoded as ${transferSyntax.name} demands.`);
  if (VIDEO_NAME.test(transferSyntax.name))
    throw new PixelDataError('unsupported', `${transferSyntax.name} has no frames that can be told apart.`);
  const find = isEncapsulated
    ? await createFragmentFinder(source, place, image.numberOfFrames)
    : createNativeFinder(place, image);
  return {
    image,
    isEncapsulated,
    vr: place.vr,
    locate(number) {
      if (!Number.isInteger(number) || number < 1 || number > image.numberOfFrames)
        return Promise.reject(new RangeError(`there is no frame ${number}`));
      return find(number - 1);
    },
  };
}

type FrameFinder = (index: number) => Promise<FrameLocation>;

function createNativeFinder({ position, length = 0 }: PixelDataPlace, image: ImagePixel): FrameFinder {
  const frameBits = bitsPerNativeFrame(image);
  return (index) => {
    const startBit = index * frameBits;
    const offset = startBit % 8;
    const first = (startBit - offset) / 8;
    const bytes = Math.ceil((offset + frameBits) / 8);
    if (first + bytes > length)
      return Promise.reject(
        new PixelDataError('damaged', `Pixel Data ends before frame ${index + 1} does: ${length} bytes.`),
      );
    const pieces = [{ offset: position + first, length: bytes }];
    const isWhole = offset === 0 && frameBits % 8 === 0;
    return Promise.resolve(isWhole ? { pieces } : { pieces, bits: { offset, length: frameBits } });
  };
}

async function createFragmentFinder(
  source: RandomAccess,
  place: PixelDataPlace,
  frames: number,
): Promise<FrameFinder> {
  const window = new WindowReader(source);
  const basicTable = await readFragment(window, place.position);
  if (basicTable === undefined)
    throw new PixelDataError('damaged', 'Pixel Data has neither an offset table nor fragments.');
  const first = basicTable.offset + basicTable.length;
  const byTable = offsetTable({ source, window, place, basicTable, first, frames });
  let scanned: Promise<FrameFinder> | undefined;
  return async (index) => {
    const found = await byTable?.(index);
    if (found !== undefined) return found;
    scanned ??= scanFrames(window, first, frames);
    return (await scanned)(index);
  };
}

interface OffsetTableOptions {
  readonly source: RandomAccess;
  readonly window: WindowReader;
  readonly place: PixelDataPlace;
  readonly basicTable: ByteSpan;
  /** Where the first fragment's item begins: what offsets are counted from. */
  readonly first: number;
  readonly frames: number;
}

/** @returns a finder by offset table, which finds nothing where the table is wrong; undefined where there is none. */
function offsetTable(
  options: OffsetTableOptions,
): ((index: number) => Promise<FrameLocation | undefined>) | undefined {
  const { source, window, place, basicTable, first, frames } = options;
  const { extendedOffsets, extendedLengths } = place;
  if (extendedOffsets?.length === frames * 8) {
    return async (index) => {
      const offset = await readEntry(source, extendedOffsets, index, 8);
      const fragment = await fragmentAt(window, first + offset);
      if (fragment === undefined) return undefined;
      const length =
        extendedLengths?.length === frames * 8
          ? await readEntry(source, extendedLengths, index, 8)
          : undefined;
      // The length is that of the compressed frame, without what pads its fragment to an even one (PS3.3 C.7.6.3.1.9).
      const isLengthRight = length !== undefined && length > 0 && length <= fragment.length;
      return { pieces: [isLengthRight ? { ...fragment, length } : fragment] };
    };
  }
  if (basicTable.length !== frames * 4 || frames === 0) return undefined;
  return async (index) => {
    const start = await readEntry(source, basicTable, index, 4);
    const end = index + 1 < frames ? await readEntry(source, basicTable, index + 1, 4) : undefined;
    if ((index === 0) !== (start === 0) || (end !== undefined && end <= start)) return undefined;
    return fragmentsBetween(window, first + start, end === undefined ? undefined : first + end);
  };
}

async function readEntry(source: RandomAccess, table: ByteSpan, index: number, size: 4 | 8): Promise<number> {
  const entry = Buffer.alloc(8);
  if ((await readFully(source, entry.subarray(0, size), table.offset + index * size)) < size)
    throw new PixelDataError('damaged', 'The object ends inside its offset table.');
  return Number(entry.readBigUInt64LE());
}

/** @returns undefined where no fragment stands there: the table is wrong. */
async function fragmentAt(window: WindowReader, position: number): Promise<ByteSpan | undefined> {
  try {
    return await readFragment(window, position);
  } catch (error) {
    if (error instanceof PixelDataError) return undefined;
    throw error;
  }
}

/** @param end undefined: to the end of Pixel Data. @returns undefined where no fragment ends at `end`. */
async function fragmentsBetween(
  window: WindowReader,
  start: number,
  end: number | undefined,
): Promise<FrameLocation | undefined> {
  const pieces: ByteSpan[] = [];
  for (let at = start; end === undefined || at < end;) {
    const fragment = pieces.length === MAX_FRAGMENTS ? undefined : await fragmentAt(window, at);
    if (fragment === undefined) return end === undefined && pieces.length > 0 ? { pieces } : undefined;
    pieces.push(fragment);
    at = fragment.offset + fragment.length;
    if (end !== undefined && at > end) return undefined;
  }
  return pieces.length > 0 ? { pieces } : undefined;
}

/** Tells frames apart without a table: by their number, or by where compressed images begin. */
async function scanFrames(window: WindowReader, first: number, numberOfFrames: number): Promise<FrameFinder> {
  const fragments = await listFragments(window, first);
  const frames = framesOfFragments({ fragments, basicOffsetTable: NO_TABLE, numberOfFrames });
  return (index) => {
    const pieces = frames?.[index];
    return pieces !== undefined
      ? Promise.resolve({ pieces })
      : Promise.reject(
          new PixelDataError(
            'damaged',
            `Nothing tells which of ${fragments.length} fragments make up which of ${numberOfFrames} frames.`,
          ),
        );
  };
}
