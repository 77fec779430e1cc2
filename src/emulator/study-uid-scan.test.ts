import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { buildPart10File } from '../../test/support/part10-file.ts';
import { readFileMeta } from '../dicom/part10/file-meta.ts';
import {
  assumedTransferSyntax,
  DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN_UID,
  EXPLICIT_VR_BIG_ENDIAN_UID,
  EXPLICIT_VR_LITTLE_ENDIAN_UID,
  IMPLICIT_VR_LITTLE_ENDIAN_UID,
} from '../dicom/transfer-syntax.ts';
import { findStudyInstanceUid } from './study-uid-scan.ts';

const EXPLICIT = assumedTransferSyntax(EXPLICIT_VR_LITTLE_ENDIAN_UID);
const { dataSet } = buildPart10File({ studyInstanceUid: '1.2.3', sopInstanceUid: '1.2.3.1.1' });
const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

describe('findStudyInstanceUid', () => {
  it('reads Explicit VR Little Endian', () => {
    expect(findStudyInstanceUid(dataSet, EXPLICIT)).toBe('1.2.3');
  });

  it('reads a deflated Data Set, even a cut one', () => {
    const syntax = assumedTransferSyntax(DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN_UID);
    const deflated = deflateRawSync(Buffer.concat([dataSet, Buffer.alloc(100_000)]), { level: 1 });
    expect(findStudyInstanceUid(deflated, syntax)).toBe('1.2.3');
    expect(findStudyInstanceUid(deflated.subarray(0, deflated.length - 20), syntax)).toBe('1.2.3');
    expect(findStudyInstanceUid(hex('ffff ffff'), syntax)).toBeUndefined();
  });

  it('reads Implicit VR and big endian', () => {
    const implicit = assumedTransferSyntax(IMPLICIT_VR_LITTLE_ENDIAN_UID);
    const big = assumedTransferSyntax(EXPLICIT_VR_BIG_ENDIAN_UID);
    expect(findStudyInstanceUid(hex('2000 0d00 04000000 312e3200'), implicit)).toBe('1.2');
    expect(findStudyInstanceUid(hex('0020 000d 5549 0004 312e3200'), big)).toBe('1.2');
  });

  it('does not take the UID of a nested Data Set', () => {
    // (0008,1110) SQ of undefined length > item of undefined length > (0020,000D) 9.9, then the study's own.
    const sequence = hex(`0800 1011 5351 0000 ffffffff  feff 00e0 ffffffff  2000 0d00 5549 0400 392e3900
      feff 0de0 00000000  feff dde0 00000000`);
    expect(findStudyInstanceUid(Buffer.concat([sequence, dataSet]), EXPLICIT)).toBe('1.2.3');
    expect(findStudyInstanceUid(sequence, EXPLICIT)).toBeUndefined();
  });

  it('reads a UN of undefined length as Implicit VR', () => {
    const unknown = hex(`0900 1010 554e 0000 ffffffff  feff 00e0 ffffffff  0900 0100 04000000 00000000
      feff 0de0 00000000  feff dde0 00000000`);
    expect(findStudyInstanceUid(Buffer.concat([unknown, dataSet]), EXPLICIT)).toBe('1.2.3');
  });

  it.each([0, 3, 9, 40, 60])('finds nothing in a Data Set cut after %i bytes', (length) => {
    expect(findStudyInstanceUid(dataSet.subarray(0, length), EXPLICIT)).toBeUndefined();
  });

  const corpus = process.env.DICOM_CORPUS;
  if (corpus === undefined) process.stdout.write('DICOM_CORPUS is unset: samples are not scanned\n');
  it.skipIf(corpus === undefined)('finds a UID in every Part 10 sample that has one', async () => {
    const names = (await readdir(corpus ?? '')).filter((name) => name.endsWith('.dcm'));
    let found = 0;
    for (const name of names) {
      const file = await readFile(join(corpus ?? '', name));
      const meta = readFileMeta(file);
      if (meta.kind !== 'complete' || meta.transferSyntaxUid === undefined) continue;
      const syntax = assumedTransferSyntax(meta.transferSyntaxUid);
      const uid = findStudyInstanceUid(file.subarray(meta.dataSetOffset), syntax);
      if (uid !== undefined) expect(uid, name).toMatch(/^[0-9.]+$/);
      found += uid === undefined ? 0 : 1;
    }
    expect(found).toBeGreaterThan(names.length / 2);
  });
});
