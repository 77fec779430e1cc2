import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { decodeRleFrame } from './rle.ts';

function frame(...segments: readonly (readonly number[])[]): Buffer {
  const head = Buffer.alloc(64);
  head.writeUInt32LE(segments.length, 0);
  let at = 64;
  segments.forEach((segment, index) => {
    head.writeUInt32LE(at, 4 + index * 4);
    at += segment.length;
  });
  return Buffer.concat([head, ...segments.map((segment) => Buffer.from(segment))]);
}

const LITERAL_3 = 2;
const REPEAT_4 = 253;
const NOTHING = 128;

describe('decodeRleFrame', () => {
  test('reads literal and repeated bytes', () => {
    const bytes = frame([LITERAL_3, 1, 2, 3, NOTHING, REPEAT_4, 9]);
    expect([...decodeRleFrame(bytes, { pixels: 7, samplesPerPixel: 1, bitsAllocated: 8 })]).toEqual([
      1, 2, 3, 9, 9, 9, 9,
    ]);
  });

  test('puts the segments of a sample together, the most significant byte first', () => {
    const bytes = frame([1, 0x12, 0x56], [1, 0x34, 0x78]);
    expect([...decodeRleFrame(bytes, { pixels: 2, samplesPerPixel: 1, bitsAllocated: 16 })]).toEqual([
      0x34, 0x12, 0x78, 0x56,
    ]);
  });

  test('puts the samples of a pixel side by side', () => {
    const bytes = frame([1, 1, 4], [1, 2, 5], [1, 3, 6]);
    expect([...decodeRleFrame(bytes, { pixels: 2, samplesPerPixel: 3, bitsAllocated: 8 })]).toEqual([
      1, 2, 3, 4, 5, 6,
    ]);
  });

  test('drops what comes too much and fills what lacks with zeros', () => {
    const of = (pixels: number) => ({ pixels, samplesPerPixel: 1, bitsAllocated: 8 });
    expect([...decodeRleFrame(frame([REPEAT_4, 9]), of(2))]).toEqual([9, 9]);
    expect([...decodeRleFrame(frame([REPEAT_4, 9]), of(6))]).toEqual([9, 9, 9, 9, 0, 0]);
    expect([...decodeRleFrame(frame([LITERAL_3, 1]), of(3))]).toEqual([1, 0, 0]);
  });

  test('refuses segments that are too few, too many or outside of the frame', () => {
    const of = { pixels: 2, samplesPerPixel: 1, bitsAllocated: 16 };
    expect(() => decodeRleFrame(frame([0, 1]), of)).toThrow(RangeError);
    expect(() => decodeRleFrame(frame([0, 1], [0, 1], [0, 1]), of)).toThrow(RangeError);
    expect(() => decodeRleFrame(Buffer.alloc(10), of)).toThrow(RangeError);
    const outside = frame([0, 1], [0, 1]);
    outside.writeUInt32LE(0x7fffffff, 8);
    expect(() => decodeRleFrame(outside, of)).toThrow(RangeError);
    const backwards = frame([0, 1], [0, 1]);
    backwards.writeUInt32LE(0, 4);
    expect(() => decodeRleFrame(backwards, of)).toThrow(RangeError);
  });
});
