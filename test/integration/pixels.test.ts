import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { PixelError } from '../../src/core/ports/pixel-codec.ts';
import type { DecodedFrame, PixelSource } from '../../src/core/ports/pixel-codec.ts';
import { openFrames } from '../../src/dicom/pixel-data/open-frames.ts';
import {
  EXPLICIT_VR_LITTLE_ENDIAN_UID,
  HTJ2K_LOSSLESS_RPCL_UID,
  HTJ2K_LOSSLESS_UID,
  IMPLICIT_VR_LITTLE_ENDIAN_UID,
  JPEG_2000_LOSSLESS_UID,
  JPEG_BASELINE_UID,
  JPEG_LOSSLESS_FIRST_ORDER_UID,
  JPEG_LS_LOSSLESS_UID,
  RLE_LOSSLESS_UID,
} from '../../src/dicom/transfer-syntax.ts';
import { createPixels } from '../../src/pixels/create-pixels.ts';
import type { Pixels } from '../../src/pixels/create-pixels.ts';
import { listCorpus } from '../support/corpus.ts';
import { FIXTURE_FILES } from '../support/fixture-files.ts';
import { arePeersInstalled, runPeer } from '../support/peer-programs.ts';
import { pixelSourceOf } from '../support/pixel-source.ts';

const HAS_DCMTK = arePeersInstalled('dcm2pnm', 'dcmj2pnm', 'dcmdjpeg', 'dcmdjpls', 'dcmdrle', 'dcmdump');
const CORPUS = new Map(listCorpus().map((file) => [file.name, file.path]));
const HAS_CORPUS = CORPUS.size > 0;

let folder: string;
let pixels: Pixels;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'pixels-'));
  pixels = createPixels({ spoolFolder: path.join(folder, 'spool'), hasSpace: () => true });
});
afterAll(async () => {
  await pixels.close();
  await rm(folder, { recursive: true });
});

function source(filePath: string): PixelSource {
  const found = pixelSourceOf(filePath);
  if (found === undefined) throw new Error(`${filePath} is no Part 10 file`);
  return found;
}

function corpus(name: string): PixelSource {
  return source(CORPUS.get(name) ?? '');
}

function fixture(name: string): PixelSource {
  return source(FIXTURE_FILES.find(({ file }) => file === name)?.path ?? '');
}

async function framesOf({ path: filePath, dataSetOffset, transferSyntaxUid }: PixelSource): Promise<number> {
  const bytes = readFileSync(filePath);
  const file = {
    read: (target: Buffer, position: number) => Promise.resolve(bytes.copy(target, 0, position)),
  };
  const frames = await openFrames(file, dataSetOffset, transferSyntaxUid);
  frames.close();
  return frames.image.numberOfFrames;
}

async function everyFrame(of: PixelSource): Promise<DecodedFrame[]> {
  const decoded: DecodedFrame[] = [];
  for (let frame = 1; frame <= (await framesOf(of)); frame++)
    decoded.push(await pixels.codec.decodeFrame(of, frame));
  return decoded;
}

let written = 0;
/** A file of this test's own. */
function ownPath(): string {
  written += 1;
  return path.join(folder, `${written}.dcm`);
}

async function transcoded(of: PixelSource, transferSyntaxUid: string): Promise<PixelSource> {
  const opened = await pixels.codec.transcode(of, transferSyntaxUid as PixelSource['transferSyntaxUid']);
  const bytes = Buffer.alloc(opened.bytes);
  for (let at = 0; at < bytes.length;) at += await opened.read(bytes.subarray(at), at);
  await opened.close();
  const filePath = ownPath();
  writeFileSync(filePath, bytes);
  return source(filePath);
}

const LOSSLESS = {
  RLE: RLE_LOSSLESS_UID,
  'JPEG Lossless': JPEG_LOSSLESS_FIRST_ORDER_UID,
  'JPEG-LS': JPEG_LS_LOSSLESS_UID,
  'JPEG 2000': JPEG_2000_LOSSLESS_UID,
  HTJ2K: HTJ2K_LOSSLESS_UID,
  'HTJ2K with RPCL': HTJ2K_LOSSLESS_RPCL_UID,
};
const IMAGES = FIXTURE_FILES.filter(({ modality }) => ['CT', 'MR', 'US', 'CR'].includes(modality));
/** One file of each kind that the fixtures have. */
const KINDS = [
  ...new Map(IMAGES.map((file) => [path.dirname(file.file) + file.transferSyntaxUid, file])).values(),
];

describe.runIf(HAS_CORPUS)('decoding real files', () => {
  test.each([
    ['RLE', 'MR_small_RLE.dcm'],
    ['JPEG-LS', 'MR_small_jpeg_ls_lossless.dcm'],
    ['JPEG 2000 Lossless', 'MR_small_jp2klossless.dcm'],
    ['big endian', 'MR_small_bigendian.dcm'],
    ['implicit VR', 'MR_small_implicit.dcm'],
  ])('gives from %s the same bytes as from the image as it was', async (_name, file) => {
    const native = await pixels.codec.decodeFrame(corpus('MR_small.dcm'), 1);
    const decoded = await pixels.codec.decodeFrame(corpus(file), 1);
    expect(Buffer.compare(decoded.bytes, native.bytes)).toBe(0);
  });

  test.runIf(HAS_DCMTK).each([
    ['dcmdrle', 'SC_rgb_rle.dcm'],
    ['dcmdrle', 'SC_rgb_rle_16bit_2frame.dcm'],
    ['dcmdrle', 'SC_rgb_rle_32bit_2frame.dcm'],
    ['dcmdrle', 'rtdose_rle.dcm'],
    ['dcmdjpls', 'MR_small_jpeg_ls_lossless.dcm'],
    ['dcmdjpeg', 'SC_rgb_jpeg_gdcm.dcm'],
  ])('agrees with %s on every byte of %s', async (program, file) => {
    const target = ownPath();
    // Planar configuration 0 and no colour conversion: what we give.
    const flags = program === 'dcmdjpeg' ? ['+pl', '+cn'] : [];
    const { code, output } = await runPeer(program, [...flags, CORPUS.get(file) ?? '', target]);
    expect(code, output).toBe(0);
    const ours = await everyFrame(corpus(file));
    const theirs = await everyFrame(source(target));
    expect(ours).toHaveLength(theirs.length);
    for (const [index, frame] of ours.entries()) {
      const other = theirs[index];
      expect(frame.description.photometricInterpretation).toBe(other?.description.photometricInterpretation);
      expect(Buffer.compare(frame.bytes, interleaved(other))).toBe(0);
    }
  });

  test('says of a truncated image that it is damaged', async () => {
    await expect(pixels.codec.decodeFrame(corpus('MR_truncated.dcm'), 1)).rejects.toMatchObject({
      code: 'damaged',
    });
  });

  test('says of a report that it has no pixels', async () => {
    await expect(pixels.codec.decodeFrame(corpus('rtplan.dcm'), 1)).rejects.toMatchObject({
      code: 'no-pixels',
    });
  });

  test('says of a frame past the last one that it is not there', async () => {
    await expect(pixels.codec.decodeFrame(corpus('rtdose.dcm'), 16)).rejects.toMatchObject({
      code: 'no-such-frame',
    });
  });
});

/** DCMTK leaves RLE in planes; ours come pixel by pixel. */
function interleaved(frame: DecodedFrame | undefined): Buffer {
  if (frame === undefined) return Buffer.alloc(0);
  const { planarConfiguration, samplesPerPixel, bitsAllocated } = frame.description;
  const bytes = Buffer.from(frame.bytes);
  if (planarConfiguration === 0) return bytes;
  const size = bitsAllocated / 8;
  const count = bytes.length / samplesPerPixel / size;
  const pieces: Buffer[] = [];
  for (let pixel = 0; pixel < count; pixel++)
    for (let plane = 0; plane < samplesPerPixel; plane++) {
      const at = (plane * count + pixel) * size;
      pieces.push(bytes.subarray(at, at + size));
    }
  return Buffer.concat(pieces);
}

describe('transcoding', () => {
  describe.each(Object.entries(LOSSLESS))('to %s', (_name, transferSyntaxUid) => {
    test.each(KINDS.map(({ file }) => file))('keeps every pixel of %s', async (file) => {
      const original = await everyFrame(fixture(file));
      const other = await transcoded(fixture(file), transferSyntaxUid);
      expect(other.transferSyntaxUid).toBe(transferSyntaxUid);
      const again = await everyFrame(other);
      expect(again).toHaveLength(original.length);
      for (const [index, frame] of again.entries())
        expect(Buffer.compare(frame.bytes, original[index]?.bytes ?? Buffer.alloc(0))).toBe(0);
    });
  });

  test.each(KINDS.map(({ file }) => file))(
    'to Explicit VR Little Endian keeps every pixel of %s',
    async (file) => {
      const original = await everyFrame(fixture(file));
      const other = await transcoded(fixture(file), EXPLICIT_VR_LITTLE_ENDIAN_UID);
      const again = await everyFrame(other);
      expect(again.map(({ bytes }) => Buffer.from(bytes).toString('base64'))).toEqual(
        original.map(({ bytes }) => Buffer.from(bytes).toString('base64')),
      );
    },
  );

  test.runIf(HAS_DCMTK).each([
    ['dcmdrle', RLE_LOSSLESS_UID],
    ['dcmdjpeg', JPEG_LOSSLESS_FIRST_ORDER_UID],
    ['dcmdjpls', JPEG_LS_LOSSLESS_UID],
  ])('is understood by %s', async (program, transferSyntaxUid) => {
    const original = fixture('citymed/ct-head/1-1.dcm');
    const target = ownPath();
    const compressed = await transcoded(original, transferSyntaxUid);
    const { code, output } = await runPeer(program, [compressed.path, target]);
    expect(code, output).toBe(0);
    const [ours] = await everyFrame(original);
    const [theirs] = await everyFrame(source(target));
    expect(Buffer.compare(theirs?.bytes ?? Buffer.alloc(0), ours?.bytes ?? Buffer.alloc(1))).toBe(0);
  });

  test
    .runIf(HAS_DCMTK && HAS_CORPUS)
    .each([
      'CT_small.dcm',
      'MR_small_implicit.dcm',
      'MR_small_bigendian.dcm',
      'rtplan.dcm',
      'rtdose.dcm',
      'reportsi.dcm',
      'image_dfl.dcm',
      'test-SR.dcm',
      'liver_expb_1frame.dcm',
    ])('to Explicit VR Little Endian says of %s what DCMTK says', async (file) => {
    const original = CORPUS.get(file) ?? '';
    const theirs = ownPath();
    await runPeer('dcmconv', ['+te', '-g', '-e', original, theirs]);
    const ours = await transcoded(source(original), EXPLICIT_VR_LITTLE_ENDIAN_UID);
    expect(await dump(ours.path)).toEqual(await dump(theirs));
  });

  test('does not degrade images: nothing is compressed with loss', () => {
    expect(pixels.codec.canTranscode(EXPLICIT_VR_LITTLE_ENDIAN_UID, JPEG_BASELINE_UID)).toBe(false);
    expect(pixels.codec.canTranscode(JPEG_BASELINE_UID, IMPLICIT_VR_LITTLE_ENDIAN_UID)).toBe(false);
    expect(pixels.codec.canTranscode(JPEG_BASELINE_UID, EXPLICIT_VR_LITTLE_ENDIAN_UID)).toBe(true);
  });

  test('leaves nothing on disk', async () => {
    await transcoded(fixture('citymed/ct-head/1-1.dcm'), RLE_LOSSLESS_UID);
    expect(await readdir(path.join(folder, 'spool'))).toEqual([]);
  });
});

/** What DCMTK reads out of a file, one element a line, without lengths of sequences and the File Meta Information. */
async function dump(filePath: string): Promise<string[]> {
  const { output } = await runPeer('dcmdump', ['+L', '-q', '+U8', filePath]);
  return output
    .split('\n')
    .filter((line) => /^\s*\([0-9a-f]{4},[0-9a-f]{4}\)/.test(line))
    .filter((line) => !/^\((?:0002|fffc)/.test(line) && !/^\s*\(fffe/.test(line))
    .map((line) =>
      line
        .replace(/#.*$/, '')
        .replace(/\((?:Sequence|Item).*$/, '')
        .trim(),
    );
}

describe.runIf(HAS_DCMTK && HAS_CORPUS)('rendering', () => {
  /** Most that any sample may differ: rounding, and for lossy JPEG the decoder's own freedom. */
  test.each([
    ['CT_small.dcm', 'dcm2pnm', ['+Wm'], 1],
    ['CT_small.dcm', 'dcm2pnm', ['+Ww', '-600', '1600'], 1, { center: -600, width: 1600 }],
    ['CT_small.dcm', 'dcm2pnm', ['+Ww', '40', '1'], 1, { center: 40, width: 1 }],
    ['MR_small.dcm', 'dcm2pnm', ['+Wi', '1'], 1],
    ['MR_small_bigendian.dcm', 'dcm2pnm', ['+Wi', '1'], 1],
    ['MR_small_RLE.dcm', 'dcm2pnm', ['+Wi', '1'], 1],
    ['JPGExtended.dcm', 'dcmj2pnm', ['+Wm'], 2],
    ['liver_1frame.dcm', 'dcm2pnm', ['+Wm'], 1],
    ['rtdose.dcm', 'dcm2pnm', ['+Wm', '+F', '8'], 1],
    ['image_dfl.dcm', 'dcm2pnm', ['+Wm'], 1],
    ['ExplVR_BigEnd.dcm', 'dcm2pnm', [], 0],
    ['SC_rgb_rle_16bit.dcm', 'dcm2pnm', [], 1],
    ['SC_rgb_small_odd.dcm', 'dcm2pnm', [], 0],
    ['SC_rgb_jpeg_dcmtk.dcm', 'dcmj2pnm', [], 2],
    ['SC_rgb_jpeg_lossy_gdcm.dcm', 'dcmj2pnm', [], 2],
    ['SC_ybr_full_422_uncompressed.dcm', 'dcm2pnm', [], 2],
    ['dicomdirtests/77654033/CR1/6154', 'dcm2pnm', ['+Wi', '1'], 1],
    ['dicomdirtests/98892001/CT5N/2062', 'dcm2pnm', ['+Wi', '1'], 1],
  ] as const)(
    'shows %s as %s %j does',
    async (file, program, flags, tolerance, window?: { center: number; width: number }) => {
      const reference = `${ownPath()}.png`;
      const { output, code } = await runPeer(program, ['+on', ...flags, CORPUS.get(file) ?? '', reference]);
      expect(code, output).toBe(0);
      const picture = await pixels.renderer.render(corpus(file), 'middle', {
        mediaType: 'image/png',
        ...(window && { window: { ...window, function: 'LINEAR' } }),
      });
      const ours = await sharp(picture).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
      const theirs = await sharp(reference).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
      expect(ours.info).toMatchObject({ width: theirs.info.width, height: theirs.info.height });
      expect(greatestDifference(ours.data, theirs.data)).toBeLessThanOrEqual(tolerance);
    },
  );
});

function greatestDifference(a: Buffer, b: Buffer): number {
  expect(a.length).toBe(b.length);
  let greatest = 0;
  for (const [index, sample] of a.entries())
    greatest = Math.max(greatest, Math.abs(sample - (b[index] ?? 0)));
  return greatest;
}

describe('images that are not what they say', () => {
  /** The fixture in JPEG-family syntax, with bytes of its only fragment changed. */
  async function damaged(
    transferSyntaxUid: string,
    change: (bytes: Buffer, fragment: number) => void,
  ): Promise<PixelSource> {
    const good = await transcoded(fixture('citymed/ct-head/1-1.dcm'), transferSyntaxUid);
    const bytes = readFileSync(good.path);
    change(
      bytes,
      bytes.indexOf(
        Buffer.from('feff00e0', 'hex'),
        bytes.indexOf(Buffer.from('feff00e000000000', 'hex')) + 8,
      ) + 8,
    );
    writeFileSync(good.path, bytes);
    return good;
  }

  test.each(Object.entries(LOSSLESS).filter(([name]) => name !== 'RLE'))(
    '%s of other dimensions than described is refused before it is decoded',
    async (_name, transferSyntaxUid) => {
      const bad = await damaged(transferSyntaxUid, (bytes, fragment) => {
        const isJpeg2000 = bytes.readUInt32BE(fragment) === 0xff4fff51;
        if (isJpeg2000) bytes.writeUInt32BE(0x7fffffff, fragment + 8);
        else {
          const frame = [0xffc3, 0xfff7]
            .map((marker) => bytes.indexOf(Buffer.from(marker.toString(16), 'hex'), fragment))
            .find((at) => at >= 0);
          bytes.writeUInt16BE(0xffff, (frame ?? 0) + 5);
        }
      });
      await expect(pixels.codec.decodeFrame(bad, 1)).rejects.toMatchObject({
        code: 'damaged',
        message: expect.stringMatching(/is compressed as/) as string,
      });
    },
  );

  test.each(Object.entries(LOSSLESS))('%s full of rubbish fails alone', async (_name, transferSyntaxUid) => {
    const bad = await damaged(transferSyntaxUid, (bytes, fragment) => {
      for (let at = fragment + 200; at < bytes.length - 16; at += 7) bytes[at] = (at * 31) % 251;
    });
    const good = fixture('citymed/mr-spine/1-1.dcm');
    const [first, second] = await Promise.allSettled([
      pixels.codec.decodeFrame(bad, 1),
      pixels.codec.decodeFrame(good, 1),
    ]);
    // Entropy-coded rubbish may decode to something; what matters is that nothing but a PixelError comes of it.
    if (first.status === 'rejected') expect(first.reason).toBeInstanceOf(PixelError);
    expect(second.status).toBe('fulfilled');
    await expect(pixels.codec.decodeFrame(good, 1)).resolves.toBeDefined();
  });

  test('a job past the bounds of the queue is refused as busy, and others go on', async () => {
    const few = createPixels({
      spoolFolder: path.join(folder, 'few'),
      hasSpace: () => true,
      workers: 1,
      maxWaiting: 1,
    });
    const good = fixture('citymed/mr-spine/1-1.dcm');
    const jobs = await Promise.allSettled([1, 1, 1].map((frame) => few.codec.decodeFrame(good, frame)));
    await few.close();
    expect(jobs.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(jobs[2]).toMatchObject({ reason: { code: 'busy' } });
  });

  test('a job whose client went away is dropped', async () => {
    const gone = AbortSignal.abort(new Error('gone'));
    await expect(
      pixels.codec.decodeFrame(fixture('citymed/mr-spine/1-1.dcm'), 1, { signal: gone }),
    ).rejects.toThrow('gone');
  });

  test('a decoder that does not come to an end is ended', async () => {
    const impatient = createPixels({
      spoolFolder: path.join(folder, 'impatient'),
      hasSpace: () => true,
      timeoutMs: 0,
    });
    await expect(impatient.codec.decodeFrame(fixture('citymed/mr-spine/1-1.dcm'), 1)).rejects.toMatchObject({
      code: 'damaged',
    });
    await impatient.close();
  });

  test('nothing is transcoded while the disk is short of space', async () => {
    const full = createPixels({ spoolFolder: path.join(folder, 'full'), hasSpace: () => false });
    await expect(
      full.codec.transcode(fixture('citymed/mr-spine/1-1.dcm'), RLE_LOSSLESS_UID),
    ).rejects.toMatchObject({ code: 'busy' });
    await full.close();
  });
});
