import type { Buffer } from 'node:buffer';

/** Bytes of a file. */
export interface ByteSpan {
  readonly offset: number;
  readonly length: number;
}

/** A fragment of encapsulated Pixel Data (PS3.5 A.4): where its value stands, and how it begins. */
export interface Fragment extends ByteSpan {
  /** Its first four bytes, or what there are of them, as a big endian number padded with zeros. */
  readonly head: number;
}

export interface FragmentedFrames {
  /** Without the Basic Offset Table. */
  readonly fragments: readonly Fragment[];
  /** Value of the Basic Offset Table item; empty where it has none. */
  readonly basicOffsetTable: Buffer;
  /** Number of Frames; 1 where the attribute is missing. */
  readonly numberOfFrames: number;
}

const JPEG_START_OF_IMAGE = 0xffd8;
const JPEG_2000_START_OF_CODESTREAM = 0xff4f;
/** Length of the first box of a JP2 file, which some writers put in place of the bare codestream. */
const JP2_SIGNATURE_BOX = 0x0000000c;

/**
 * Which fragments make up which frame. In this order: one frame has all of them; as many fragments as frames; the Basic
 * Offset Table; fragments that begin like a compressed image.
 * @returns per frame its fragments in order; undefined where the fragments cannot be told apart into that many frames.
 */
export function framesOfFragments({
  fragments,
  basicOffsetTable,
  numberOfFrames,
}: FragmentedFrames): readonly (readonly Fragment[])[] | undefined {
  if (fragments.length === 0) return undefined;
  if (numberOfFrames <= 1) return [fragments];
  if (fragments.length === numberOfFrames) return fragments.map((fragment) => [fragment]);
  if (fragments.length < numberOfFrames) return undefined;
  return (
    groupByStarts(fragments, numberOfFrames, startsByTable(fragments, basicOffsetTable)) ??
    groupByStarts(fragments, numberOfFrames, beginsImage)
  );
}

/** Offsets of the table count from the item header of the first fragment to that of a frame's first one. */
function startsByTable(
  fragments: readonly Fragment[],
  basicOffsetTable: Buffer,
): (fragment: Fragment) => boolean {
  const first = fragments[0]?.offset ?? 0;
  // Item headers are all of one length, so offsets between them are offsets between values as well.
  const starts = new Set<number>();
  for (let at = 0; at + 4 <= basicOffsetTable.length; at += 4)
    starts.add(first + basicOffsetTable.readUInt32LE(at));
  return ({ offset }) => starts.has(offset);
}

function beginsImage({ head }: Fragment): boolean {
  const start = head >>> 16;
  return (
    start === JPEG_START_OF_IMAGE || start === JPEG_2000_START_OF_CODESTREAM || head === JP2_SIGNATURE_BOX
  );
}

function groupByStarts(
  fragments: readonly Fragment[],
  numberOfFrames: number,
  isStart: (fragment: Fragment) => boolean,
): readonly (readonly Fragment[])[] | undefined {
  const frames: Fragment[][] = [];
  for (const fragment of fragments) {
    if (isStart(fragment)) frames.push([fragment]);
    else if (frames.length === 0) return undefined;
    else frames.at(-1)?.push(fragment);
  }
  return frames.length === numberOfFrames ? frames : undefined;
}
