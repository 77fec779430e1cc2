import { Buffer } from 'node:buffer';
import { deflateRawSync } from 'node:zlib';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createDataSetBuilder, type DataSetBuilder } from '../../../test/support/data-set-builder.ts';
import { assumedTransferSyntax } from '../transfer-syntax.ts';
import { uid } from '../uid.ts';
import { readFrame } from './frame-content.ts';
import { openFrames } from './open-frames.ts';
import type { RandomAccess } from './random-access.ts';

const IMPLICIT = '1.2.840.10008.1.2';
const EXPLICIT = '1.2.840.10008.1.2.1';
const DEFLATED = '1.2.840.10008.1.2.1.99';
const BIG_ENDIAN = '1.2.840.10008.1.2.2';
const JPEG = '1.2.840.10008.1.2.4.50';
const RLE = '1.2.840.10008.1.2.5';
const H264 = '1.2.840.10008.1.2.4.102';

/** In front of each Data Set, so that offsets are of the file. */
const FRONT = Buffer.from('File Meta Information');

interface Image {
  readonly rows?: number;
  readonly columns?: number;
  readonly samples?: number;
  readonly bits?: number;
  readonly frames?: number;
  readonly photometric?: string;
}

function builderOf(syntax: string): DataSetBuilder {
  return createDataSetBuilder(assumedTransferSyntax(uid(syntax)));
}

function header(build: DataSetBuilder, image: Image): Buffer {
  const { rows = 2, columns = 2, samples = 1, bits = 8, frames, photometric = 'MONOCHROME2' } = image;
  // An icon of its own comes first, as in many objects: it is not what is asked for.
  const icon = build.item(
    [build.element(0x00280010, 'US', build.number16(99)), build.element(0x7fe00010, 'OW', 'icon')],
    true,
  );
  return Buffer.concat([
    build.element(0x00080016, 'UI', '1.2.840.10008.5.1.4.1.1.2'),
    build.sequence(0x00081115, [build.item([build.sequence(0x00081199, [], true)], true)], true),
    build.element(0x00280002, 'US', build.number16(samples)),
    build.element(0x00280004, 'CS', photometric),
    ...(frames === undefined ? [] : [build.element(0x00280008, 'IS', String(frames))]),
    build.element(0x00280010, 'US', build.number16(rows)),
    build.element(0x00280011, 'US', build.number16(columns)),
    build.element(0x00280100, 'US', build.number16(bits)),
    build.element(0x00291010, 'OB', Buffer.alloc(100_000, 1)),
    build.sequence(0x00880200, [icon], true),
  ]);
}

function sourceOf(dataSet: Buffer): RandomAccess & { readonly bytesRead: number } {
  const file = Buffer.concat([FRONT, dataSet]);
  let bytesRead = 0;
  return {
    read(target, position) {
      // Short reads, as a network file system gives them.
      if (position >= file.length) return Promise.resolve(0);
      const bytes = file.copy(target, 0, position, position + Math.max(1, Math.ceil(target.length / 2)));
      bytesRead += bytes;
      return Promise.resolve(bytes);
    },
    get bytesRead() {
      return bytesRead;
    },
  };
}

async function framesOf(syntax: string, dataSet: Buffer): Promise<Buffer[]> {
  const opened = await openFrames(sourceOf(dataSet), FRONT.length, uid(syntax));
  const frames: Buffer[] = [];
  const file = Buffer.concat([FRONT, dataSet]);
  for (let number = 1; number <= opened.image.numberOfFrames; number++) {
    const content = await opened.frame(number);
    const frame = await readFrame(content, 1_000_000);
    // Whoever takes it straight from the file gets the same.
    if (content.offset !== undefined)
      expect(file.subarray(content.offset, content.offset + content.bytes).equals(frame)).toBe(true);
    frames.push(frame);
  }
  opened.close();
  return frames;
}

/** Uncompressed image, frames one behind the other. */
function nativeImage(syntax: string, image: Image, pixels: Buffer, vr = 'OW'): Buffer {
  const build = builderOf(syntax);
  return Buffer.concat([header(build, image), build.element(0x7fe00010, vr, pixels)]);
}

describe('native frames', () => {
  it.each([IMPLICIT, EXPLICIT])('are slices of Pixel Data in %s', async (syntax) => {
    const pixels = Buffer.from('aaaabbbbcccc');
    const frames = await framesOf(syntax, nativeImage(syntax, { frames: 3 }, pixels));
    expect(frames.map(String)).toEqual(['aaaa', 'bbbb', 'cccc']);
    const opened = await openFrames(
      sourceOf(nativeImage(syntax, { frames: 3 }, pixels)),
      FRONT.length,
      uid(syntax),
    );
    const [first, last] = [await opened.frame(1), await opened.frame(3)];
    expect((last.offset ?? 0) - (first.offset ?? 0)).toBe(8);
  });

  it('count as one where Number of Frames is missing', async () => {
    expect(await framesOf(EXPLICIT, nativeImage(EXPLICIT, {}, Buffer.from('aaaa')))).toHaveLength(1);
  });

  it('are read from a deflated Data Set in any order', async () => {
    const pixels = Buffer.concat(['a', 'b', 'c'].map((fill) => Buffer.alloc(100_000, fill)));
    const plain = nativeImage(EXPLICIT, { rows: 250, columns: 400, frames: 3 }, pixels);
    const opened = await openFrames(sourceOf(deflateRawSync(plain)), FRONT.length, uid(DEFLATED));
    expect((await opened.frame(1)).offset).toBeUndefined();
    for (const [number, fill] of [
      [3, 'c'],
      [1, 'a'],
      [2, 'b'],
    ] as const)
      expect((await readFrame(await opened.frame(number), 1e6)).equals(Buffer.alloc(100_000, fill))).toBe(
        true,
      );
  });

  it('come in little endian whatever the object is in', async () => {
    const words = Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]);
    const swapped = Buffer.from([2, 1, 4, 3, 6, 5, 8, 7]);
    expect(await framesOf(BIG_ENDIAN, nativeImage(BIG_ENDIAN, { bits: 16 }, words))).toEqual([swapped]);
    // Bytes of VR OB have no order; two pixels of 8 bits share a word of VR OW (PS3.5 8.1.1).
    const bytes = Buffer.from([1, 2, 3, 4]);
    expect(await framesOf(BIG_ENDIAN, nativeImage(BIG_ENDIAN, {}, bytes, 'OB'))).toEqual([bytes]);
    expect(await framesOf(BIG_ENDIAN, nativeImage(BIG_ENDIAN, {}, bytes))).toEqual([
      Buffer.from([2, 1, 4, 3]),
    ]);
  });

  it('share chrominance in YBR_FULL_422', async () => {
    const image = { samples: 3, photometric: 'YBR_FULL_422', frames: 2 };
    const frames = await framesOf(
      EXPLICIT,
      nativeImage(EXPLICIT, image, Buffer.from('aaaaaaaabbbbbbbb'), 'OB'),
    );
    expect(frames.map(String)).toEqual(['aaaaaaaa', 'bbbbbbbb']);
  });

  it('are found bit by bit where they do not fill bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom(1, 12),
        fc.infiniteStream(fc.boolean()),
        async (rows, columns, count, bits, stream) => {
          const perFrame = rows * columns * bits;
          const frames = Array.from({ length: count }, () =>
            Array.from({ length: perFrame }, () => stream.next().value === true),
          );
          const packed = pack(frames.flat());
          const pixels = packed.length % 2 === 0 ? packed : Buffer.concat([packed, Buffer.alloc(1)]);
          const image = { rows, columns, bits, frames: count };
          expect(await framesOf(EXPLICIT, nativeImage(EXPLICIT, image, pixels))).toEqual(frames.map(pack));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are damaged where Pixel Data is too short, from that frame on', async () => {
    const source = sourceOf(nativeImage(EXPLICIT, { frames: 3 }, Buffer.from('aaaabbbbcc')));
    const opened = await openFrames(source, FRONT.length, uid(EXPLICIT));
    expect(String(await readFrame(await opened.frame(2), 100))).toBe('bbbb');
    await expect(opened.frame(3)).rejects.toMatchObject({ code: 'damaged' });
    await expect(opened.frame(4)).rejects.toThrow(RangeError);
    await expect(opened.frame(0)).rejects.toThrow(RangeError);
  });

  it('need no reading of other frames or long values', async () => {
    const source = sourceOf(
      nativeImage(EXPLICIT, { rows: 1000, columns: 1000, frames: 3 }, Buffer.alloc(3_000_000)),
    );
    const opened = await openFrames(source, FRONT.length, uid(EXPLICIT));
    await readFrame(await opened.frame(3), 1_000_000);
    expect(source.bytesRead).toBeLessThan(1_200_000);
  });
});

/** Lowest bit first. */
function pack(bits: readonly boolean[]): Buffer {
  const bytes = Buffer.alloc(Math.ceil(bits.length / 8));
  bits.forEach((bit, index) => {
    if (bit) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7));
  });
  return bytes;
}

describe('encapsulated frames', () => {
  const build = builderOf(JPEG);
  const SOI = Buffer.from([0xff, 0xd8, 0xff, 0xe0]);
  const start = (fill: string): Buffer => Buffer.concat([SOI, Buffer.alloc(6, fill)]);
  const more = (fill: string): Buffer => Buffer.alloc(8, fill);
  const object = (
    frames: number,
    table: readonly number[],
    fragments: readonly Buffer[],
    before: readonly Buffer[] = [],
  ): Buffer => {
    const offsets = Buffer.alloc(table.length * 4);
    table.forEach((offset, index) => offsets.writeUInt32LE(offset, index * 4));
    return Buffer.concat([header(build, { frames }), ...before, build.fragments([offsets, ...fragments])]);
  };
  const texts = (frames: readonly Buffer[]): string[] =>
    frames.map((frame) => frame.toString('latin1').replace(/^ÿØÿà/, '^'));

  it('are joined from their fragments by the Basic Offset Table', async () => {
    const fragments = [more('a'), more('b'), more('c'), more('d')];
    expect(texts(await framesOf(JPEG, object(2, [0, 16], fragments)))).toEqual([
      'aaaaaaaa',
      'bbbbbbbbccccccccdddddddd',
    ]);
  });

  it.each([
    ['points between fragments', [0, 20]],
    ['points behind the end', [0, 5000]],
    ['is not in order', [16, 0]],
    ['has one entry for all', [0]],
    ['is empty', []],
  ])('are told apart by where images begin if the table %s', async (_what, table) => {
    const fragments = [start('a'), start('b'), more('c'), more('d')];
    expect(texts(await framesOf(JPEG, object(2, table, fragments)))).toEqual([
      '^aaaaaa',
      '^bbbbbbccccccccdddddddd',
    ]);
  });

  it('are one fragment each, or all of them, where there is no table', async () => {
    expect(texts(await framesOf(RLE, object(3, [], [more('a'), more('b'), more('c')])))).toEqual([
      'aaaaaaaa',
      'bbbbbbbb',
      'cccccccc',
    ]);
    expect(texts(await framesOf(JPEG, object(1, [], [start('a'), more('b')])))).toEqual(['^aaaaaabbbbbbbb']);
  });

  it('are cut to their length by the Extended Offset Table', async () => {
    const long = (values: readonly number[]): Buffer => {
      const bytes = Buffer.alloc(values.length * 8);
      values.forEach((value, index) => bytes.writeBigUInt64LE(BigInt(value), index * 8));
      return bytes;
    };
    const tables = [
      build.element(0x7fe00001, 'OV', long([0, 16])),
      build.element(0x7fe00002, 'OV', long([7, 8])),
    ];
    expect(texts(await framesOf(RLE, object(2, [], [more('a'), more('b')], tables)))).toEqual([
      'aaaaaaa',
      'bbbbbbbb',
    ]);
  });

  it('are refused where nothing tells them apart', async () => {
    const opened = await openFrames(
      sourceOf(object(2, [], [more('a'), more('b'), more('c')])),
      FRONT.length,
      uid(JPEG),
    );
    await expect(opened.frame(1)).rejects.toMatchObject({ code: 'damaged' });
  });

  it('are not looked for in video, in documents, or where the encoding is not what it should be', async () => {
    const fragments = object(2, [], [more('a')]);
    await expect(openFrames(sourceOf(fragments), FRONT.length, uid(H264))).rejects.toMatchObject({
      code: 'unsupported',
    });
    await expect(openFrames(sourceOf(fragments), FRONT.length, uid(EXPLICIT))).rejects.toMatchObject({
      code: 'damaged',
    });
    const text = Buffer.concat([
      build.element(0x00080016, 'UI', '1.2.3'),
      build.element(0x00420011, 'OB', 'PDF '),
    ]);
    await expect(openFrames(sourceOf(text), FRONT.length, uid(EXPLICIT))).rejects.toMatchObject({
      code: 'no-pixel-data',
    });
  });

  it('end in an answer or a PixelDataError whatever the bytes are', async () => {
    const whole = object(2, [0, 16], [start('a'), start('b'), more('c')]);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), async (at, byte, end) => {
        const bytes = Buffer.from(whole.subarray(0, Math.max(end, at + 1)));
        bytes[at] = byte;
        const error = await framesOf(JPEG, bytes).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        if (error !== undefined) expect(error).toMatchObject({ name: 'PixelDataError' });
      }),
      { numRuns: 200 },
    );
  });
});
