import fs from 'node:fs';
import { deflateRawSync } from 'node:zlib';

import { beforeEach, describe, expect, it } from 'vitest';

import { part10Of, syntheticCt, TRANSFER_SYNTAX } from '../../../test/support/data-sets.ts';
import { realIntake, type RealIntake } from '../../../test/support/real-intake.ts';
import { readFileMeta } from '../../dicom/part10/file-meta.ts';
import { customerKey } from '../study/instance.ts';
import type { ObjectOutcome } from './file-outcome.ts';
import { SourceReader } from './source-reader.ts';
import { takeObject } from './take-object.ts';

const ORIGIN = { source: 'folder', customer: customerKey('city-medical') } as const;
const DEFLATED = '1.2.840.10008.1.2.1.99';
const JPEG_BASELINE = '1.2.840.10008.1.2.4.50';

let real: RealIntake;
beforeEach(async () => {
  real = await realIntake();
});

/** Takes the bytes in, handed over in pieces of 37 bytes at first and larger ones later. */
async function take(
  bytes: Buffer,
  options: { asIs?: boolean; isUnchanged?: boolean } = {},
): Promise<ObjectOutcome> {
  const source = {
    async *read(): AsyncGenerator<Buffer> {
      await Promise.resolve();
      for (let at = 0, size = 37; at < bytes.length; at += size, size = at > 1000 ? 4096 : 37)
        yield Buffer.from(bytes.subarray(at, at + size));
    },
  };
  const reader = await SourceReader.open(source);
  try {
    return await takeObject({
      intake: real.intake,
      origin: ORIGIN,
      reader,
      ...(options.asIs !== undefined && { asIs: options.asIs }),
      isUnchanged: () => Promise.resolve(options.isUnchanged ?? true),
    });
  } finally {
    await reader.close();
  }
}

function storedBytes(outcome: ObjectOutcome): Buffer {
  if (!('key' in outcome)) throw new Error(`not stored: ${JSON.stringify(outcome)}`);
  return fs.readFileSync(real.store.pathOf(outcome.key));
}
const storedObjects = (): number => real.index.totals().instances;
const SMALL = { rows: 16, columns: 16 };

it('stores a Part 10 file byte for byte, preamble and File Meta Information included', async () => {
  const file = part10Of(syntheticCt(SMALL), 'SCANNER');
  file.write('a preamble that somebody uses', 0, 'latin1');
  expect(storedBytes(await take(file)).equals(file)).toBe(true);
});

it.each([
  ['preamble', 128],
  ['preamble and prefix', 132],
])('takes a file without its %s, and puts in front what is missing', async (_what, missing) => {
  const file = part10Of(syntheticCt(SMALL));
  const stored = storedBytes(await take(file.subarray(missing)));
  expect(stored.equals(file)).toBe(true);
});

describe('a Data Set without File Meta Information', () => {
  it.each([
    ['Implicit VR Little Endian', TRANSFER_SYNTAX.implicitLittleEndian],
    ['Explicit VR Little Endian', TRANSFER_SYNTAX.explicitLittleEndian],
    ['Explicit VR Big Endian', TRANSFER_SYNTAX.explicitBigEndian],
  ])('is recognized in %s', async (_name, transferSyntaxUid) => {
    const { dataSet, sopInstanceUid } = syntheticCt({ ...SMALL, transferSyntaxUid });
    const stored = storedBytes(await take(dataSet));
    const meta = readFileMeta(stored);
    expect(meta).toMatchObject({ kind: 'complete', transferSyntaxUid, sopInstanceUid });
    expect(meta.kind === 'complete' && stored.subarray(meta.dataSetOffset).equals(dataSet)).toBe(true);
  });

  it('is not taken where its pixels are compressed, because nothing says how', async () => {
    const { dataSet } = syntheticCt({ ...SMALL, transferSyntaxUid: JPEG_BASELINE });
    expect(await take(dataSet)).toMatchObject({ kind: 'rejected', code: 'transfer-syntax-unknown' });
  });

  it('is not taken where it is cut off or lacks a UID', async () => {
    const { dataSet } = syntheticCt(SMALL);
    expect(await take(dataSet.subarray(0, -10))).toMatchObject({ kind: 'rejected', code: 'truncated' });
    const anonymous = syntheticCt({ ...SMALL, omit: [0x0020000d] });
    expect(await take(anonymous.dataSet)).toMatchObject({ code: 'missing-uid' });
    expect(storedObjects()).toBe(0);
  });
});

describe('File Meta Information that is wrong', () => {
  it('is written anew where the Data Set is in another encoding than it states', async () => {
    const instance = syntheticCt({ ...SMALL, transferSyntaxUid: TRANSFER_SYNTAX.implicitLittleEndian });
    const stored = storedBytes(
      await take(part10Of({ ...instance, transferSyntaxUid: syntheticCt(SMALL).transferSyntaxUid })),
    );
    expect(readFileMeta(stored)).toMatchObject({ transferSyntaxUid: TRANSFER_SYNTAX.implicitLittleEndian });
    expect(stored.subarray(-instance.dataSet.length).equals(instance.dataSet)).toBe(true);
  });

  it('is written anew where it names another instance', async () => {
    const instance = syntheticCt(SMALL);
    const other = syntheticCt({ ...SMALL, instanceNumber: 2 });
    const stored = storedBytes(await take(part10Of({ ...instance, sopInstanceUid: other.sopInstanceUid })));
    expect(readFileMeta(stored)).toMatchObject({ sopInstanceUid: instance.sopInstanceUid });
  });
});

it('refuses a cut file wherever it is cut, and stores it only when told so', async () => {
  const file = part10Of(syntheticCt(SMALL));
  for (let length = 1; length < file.length; length += 41) {
    const outcome = await take(file.subarray(0, length));
    expect([length, outcome.kind]).toEqual([length, 'rejected']);
  }
  expect(storedObjects()).toBe(0);
  expect((await take(file.subarray(0, -100), { asIs: true })).kind).toBe('stored');
});

it('refuses an image that ends exactly before its Pixel Data', async () => {
  const file = part10Of(syntheticCt({ ...SMALL, omit: [0x7fe00010] }));
  expect(await take(file)).toMatchObject({ kind: 'rejected', code: 'truncated' });
});

it('takes a deflated Data Set, and refuses one whose stream is cut however long it is', async () => {
  const noise = Buffer.from(
    Array.from({ length: 600_000 }, (_, index) => (index * 7919 * (index >> 3)) & 0xff),
  );
  const plain = syntheticCt(SMALL);
  const dataSet = deflateRawSync(Buffer.concat([syntheticCt({ omit: [0x7fe00010] }).dataSet, pixels(noise)]));
  const file = part10Of({
    ...plain,
    transferSyntaxUid: syntheticCt({ transferSyntaxUid: DEFLATED }).transferSyntaxUid,
    dataSet,
  });
  expect(await take(file.subarray(0, -50))).toMatchObject({ kind: 'rejected', code: 'truncated' });
  expect(storedBytes(await take(file)).equals(file)).toBe(true);
});

it('keeps nothing of a file that changed while it was read', async () => {
  expect(await take(part10Of(syntheticCt(SMALL)), { isUnchanged: false })).toEqual({ kind: 'changed' });
  expect(storedObjects()).toBe(0);
});

it('postpones a file for which there is no space', async () => {
  real.hasSpace = false;
  const file = part10Of(syntheticCt(SMALL));
  expect(await take(file)).toMatchObject({ kind: 'postponed', code: 'out-of-resources' });
});

it.each([
  ['', 'empty'],
  ['%PDF-1.7 …', 'not-dicom'],
  ['just a note', 'not-dicom'],
])('says why %j is no object', async (text, code) => {
  expect(await take(Buffer.from(text))).toMatchObject({ kind: 'rejected', code });
});

/** Pixel Data of VR OW. */
function pixels(value: Buffer): Buffer {
  const header = Buffer.from([0xe0, 0x7f, 0x10, 0, 0x4f, 0x57, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32LE(value.length, 8);
  return Buffer.concat([header, value]);
}
