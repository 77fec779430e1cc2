import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { framesOfFragments } from './frames-of-fragments.ts';
import type { Fragment } from './frames-of-fragments.ts';

const NO_TABLE = Buffer.alloc(0);

/** Fragments one behind the other from byte 1000 on, item headers between them. */
function fragments(...pieces: readonly [length: number, head: number][]): Fragment[] {
  let offset = 1000;
  return pieces.map(([length, head]) => {
    const fragment = { offset, length, head };
    offset += length + 8;
    return fragment;
  });
}

function table(...offsets: readonly number[]): Buffer {
  const bytes = Buffer.alloc(offsets.length * 4);
  offsets.forEach((offset, index) => bytes.writeUInt32LE(offset, index * 4));
  return bytes;
}

function lengths(frames: readonly (readonly Fragment[])[] | undefined): number[][] | undefined {
  return frames?.map((frame) => frame.map(({ length }) => length));
}

const SOI = 0xffd8ffe0;
const SOC = 0xff4fff51;
const MIDDLE = 0x12345678;

describe('framesOfFragments', () => {
  test('gives a single frame all fragments', () => {
    const split = fragments([10, SOI], [12, MIDDLE], [14, SOI]);
    expect(
      lengths(framesOfFragments({ fragments: split, basicOffsetTable: NO_TABLE, numberOfFrames: 1 })),
    ).toEqual([[10, 12, 14]]);
  });

  test('takes one fragment per frame where the numbers are the same', () => {
    const split = fragments([10, MIDDLE], [12, MIDDLE]);
    expect(
      lengths(framesOfFragments({ fragments: split, basicOffsetTable: NO_TABLE, numberOfFrames: 2 })),
    ).toEqual([[10], [12]]);
  });

  test('follows the Basic Offset Table', () => {
    const split = fragments([10, MIDDLE], [12, MIDDLE], [14, MIDDLE]);
    const frames = framesOfFragments({
      fragments: split,
      basicOffsetTable: table(0, 10 + 8 + 12 + 8),
      numberOfFrames: 2,
    });
    expect(lengths(frames)).toEqual([[10, 12], [14]]);
  });

  test.each([
    ['JPEG', SOI],
    ['JPEG 2000', SOC],
    ['JP2', 0x0000000c],
  ])('without a table, begins a frame where a %s image begins', (_name, start) => {
    const split = fragments([10, start], [12, MIDDLE], [14, start], [16, MIDDLE]);
    const frames = framesOfFragments({ fragments: split, basicOffsetTable: NO_TABLE, numberOfFrames: 2 });
    expect(lengths(frames)).toEqual([
      [10, 12],
      [14, 16],
    ]);
  });

  test('looks at the images where the table points into a fragment', () => {
    const split = fragments([10, SOI], [12, MIDDLE], [14, SOI]);
    const frames = framesOfFragments({ fragments: split, basicOffsetTable: table(0, 33), numberOfFrames: 2 });
    expect(lengths(frames)).toEqual([[10, 12], [14]]);
  });

  test.each([
    ['no fragments', fragments(), 1],
    ['fewer fragments than frames', fragments([10, SOI]), 2],
    ['fragments that begin no image', fragments([10, MIDDLE], [10, MIDDLE], [10, MIDDLE]), 2],
    ['more images than frames', fragments([10, SOI], [10, SOI], [10, SOI]), 2],
  ])('does not guess with %s', (_name, split, numberOfFrames) => {
    expect(
      framesOfFragments({ fragments: split, basicOffsetTable: NO_TABLE, numberOfFrames }),
    ).toBeUndefined();
  });
});
