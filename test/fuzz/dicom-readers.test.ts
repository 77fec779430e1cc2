import fs from 'node:fs';

import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';

import { analyseDataSet } from '../../src/core/ingest/analyse-data-set.ts';
import { DataSetInspector } from '../../src/core/ingest/data-set-inspector.ts';
import { identifyFile } from '../../src/core/ingest/identify-file.ts';
import { extractHeader } from '../../src/core/study/extract-header.ts';
import { readFileMeta } from '../../src/dicom/part10/file-meta.ts';
import { readReferencedFileIds } from '../../src/dicom/part10/media-directory.ts';
import {
  ActionInformationError,
  readCommitmentAction,
  writeCommitmentEvent,
} from '../../src/dicom/storage-commitment.ts';
import { assumedTransferSyntax } from '../../src/dicom/transfer-syntax.ts';
import { uid } from '../../src/dicom/uid.ts';
import { createDataSetBuilder } from '../support/data-set-builder.ts';
import { dataSetOf } from '../support/data-sets.ts';
import { FIXTURE_FILES } from '../support/fixture-files.ts';
import { casesTried, fuzz } from './support/fuzz.ts';
import { damagedBytes } from './support/damage.ts';
import { piecesOf } from './support/mutations.ts';

const TAKEN = new Set([
  'citymed/ct-head/1-1.dcm',
  'citymed/mr-spine/2-1-implicit.dcm',
  'northcln/mr-spine/1-1-big-endian.dcm',
  'northcln/cr-hand/2-1-report.dcm',
  'northcln/cr-hand/3-1-pdf.dcm',
]);
/** Enough for the whole header and the beginning of the pixels. */
const KEPT_BYTES = 4096;

const files = FIXTURE_FILES.filter(({ file }) => TAKEN.has(file)).map((fixture) => ({
  syntax: assumedTransferSyntax(uid(fixture.transferSyntaxUid)),
  bytes: fs.readFileSync(fixture.path),
}));
const dataSets = files.map(({ syntax, bytes }) => ({
  syntax,
  bytes: dataSetOf(bytes).subarray(0, KEPT_BYTES),
}));
const share = fc.double({ min: 0, max: 1, noNaN: true });

afterAll(() => void process.stdout.write(`DICOM readers: ${casesTried()} cases tried\n`));

/** A real Data Set, damaged, under its own Transfer Syntax or that of another. */
const damagedDataSet = fc.record({
  syntax: fc.constantFrom(...dataSets.map(({ syntax }) => syntax)),
  bytes: damagedBytes(dataSets.map(({ bytes }) => bytes)),
  splits: fc.array(share, { maxLength: 8 }),
});

test('the samples are there', () => {
  expect(files).toHaveLength(TAKEN.size);
});

test('a damaged Data Set gives one verdict, wherever it is split, and its header is read or refused', async () => {
  await fuzz({
    name: 'a damaged Data Set gives one verdict',
    of: damagedDataSet,
    few: 2000,
    async check({ syntax, bytes, splits }) {
      const inspect = async (pieces: readonly Buffer[]) => {
        const inspector = new DataSetInspector(syntax.uid);
        for (const piece of pieces) {
          // The memory is used again by the caller, as the contract allows.
          const borrowed = Buffer.from(piece);
          inspector.write(borrowed);
          borrowed.fill(0xee);
        }
        return inspector.end();
      };
      const whole = await inspect([bytes]);
      expect(await inspect(piecesOf(bytes, splits))).toEqual(whole);
      expect(whole.scan.length).toBe(bytes.length);
      expect(whole.scan.integrity === 'complete').toBe(whole.scan.reason === undefined);
      const extraction = extractHeader(whole.scan);
      if (!extraction.ok) expect(extraction.reason.length).toBeLessThanOrEqual(64);
    },
  });
});

test('the encoding of a damaged Data Set is found or it is refused', async () => {
  await fuzz({
    name: 'the encoding of a damaged Data Set',
    of: damagedDataSet,
    few: 1000,
    async check({ syntax, bytes, splits }) {
      async function* pieces() {
        await Promise.resolve();
        yield* piecesOf(bytes, splits).map((piece) => Buffer.from(piece));
      }
      const facts = await analyseDataSet(pieces(), syntax.uid);
      expect(['certain', 'rejected']).toContain(facts.kind);
    },
  });
});

test('a damaged file is something, and more of it does not change what it is', async () => {
  await fuzz({
    name: 'a damaged file is something',
    of: fc.record({
      bytes: damagedBytes(files.map(({ bytes }) => bytes.subarray(0, 700))),
      at: share,
    }),
    few: 2000,
    check({ bytes, at }) {
      const part = bytes.subarray(0, Math.floor(bytes.length * at));
      const early = readFileMeta(part);
      if (early.kind !== 'needs-more') expect(readFileMeta(bytes)).toEqual(early);
      const kind = identifyFile(part, false);
      if (kind.kind === 'media-directory' || kind.kind === 'zip' || kind.kind === 'gzip') {
        expect(identifyFile(bytes, false).kind).toBe(kind.kind);
      }
      expect(identifyFile(bytes, true).kind).not.toBe('needs-more');
    },
  });
});

test('a damaged DICOMDIR never names a file above its folder', async () => {
  const encoding = { explicitVr: true, littleEndian: true };
  const build = createDataSetBuilder(encoding);
  const record = (file: string): Buffer =>
    build.item([build.element(0x0004_1430, 'CS', 'IMAGE'), build.element(0x0004_1500, 'CS', file)]);
  const directory = Buffer.concat([
    build.element(0x0004_1130, 'CS', 'DISC'),
    build.sequence(0x0004_1220, ['A\\B\\1', '..\\..\\2', 'C\\\\3', '/etc/4'].map(record)),
  ]);
  await fuzz({
    name: 'a damaged DICOMDIR',
    of: damagedBytes([directory]),
    few: 1000,
    check(bytes) {
      for (const components of readReferencedFileIds(bytes, encoding)) {
        for (const component of components) {
          expect(component).not.toMatch(/^\.{0,2}$/);
          expect(component).not.toMatch(/[/\0]/);
        }
      }
    },
  });
});

test('a storage commitment request is read, and then says what its report will say, or refused', async () => {
  const encodings = [
    { explicitVr: true, littleEndian: true },
    { explicitVr: false, littleEndian: true },
    { explicitVr: true, littleEndian: false },
  ];
  const samples = encodings.map((encoding) => {
    const build = createDataSetBuilder(encoding);
    const item = (instance: string): Buffer =>
      build.item([
        build.element(0x0008_1150, 'UI', '1.2.840.10008.5.1.4.1.1.2'),
        build.element(0x0008_1155, 'UI', instance),
      ]);
    return Buffer.concat([
      build.element(0x0008_1195, 'UI', '2.25.99'),
      build.sequence(0x0008_1199, [item('1.2.3'), item('1.2.4')], true),
    ]);
  });
  await fuzz({
    name: 'a storage commitment request is read',
    of: fc.record({ encoding: fc.constantFrom(...encodings), bytes: damagedBytes(samples) }),
    few: 2000,
    check({ encoding, bytes }) {
      try {
        const { transactionUid, references } = readCommitmentAction(bytes, encoding, 1000);
        const report = writeCommitmentEvent({ transactionUid, committed: references, failed: [] }, encoding);
        expect(readCommitmentAction(report, encoding, 1000)).toEqual({ transactionUid, references });
      } catch (error) {
        expect(error).toBeInstanceOf(ActionInformationError);
      }
    },
  });
});

test('sequences nested without end are refused and do not exhaust the stack', () => {
  for (const encoding of [
    { explicitVr: true, littleEndian: true },
    { explicitVr: false, littleEndian: true },
  ]) {
    const build = createDataSetBuilder(encoding);
    const open = Buffer.concat([
      build.header(0x0008_1199, 'SQ', 0xffff_ffff),
      build.header(0xfffe_e000, '', 0xffff_ffff),
    ]);
    const bytes = Buffer.concat(Array.from({ length: 100_000 }, () => open));
    expect(() => readCommitmentAction(bytes, encoding, 1000)).toThrow(ActionInformationError);
  }
});
