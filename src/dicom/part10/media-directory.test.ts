import fs from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { transferSyntax } from '../transfer-syntax.ts';
import { readFileMeta } from './file-meta.ts';
import { readReferencedFileIds } from './media-directory.ts';

const EXPLICIT = { explicitVr: true, littleEndian: true };

function element(group: number, number: number, vr: string, value: string): Buffer {
  const padded = value.length % 2 === 0 ? value : `${value} `;
  const header = Buffer.alloc(8);
  header.writeUInt16LE(group, 0);
  header.writeUInt16LE(number, 2);
  header.write(vr, 4, 'latin1');
  header.writeUInt16LE(padded.length, 6);
  return Buffer.concat([header, Buffer.from(padded, 'latin1')]);
}
const ITEM = Buffer.from('feff00e0ffffffff', 'hex');
const ITEM_END = Buffer.from('feff0de000000000', 'hex');
const SEQUENCE = Buffer.from('040020125351000' + '0ffffffff', 'hex');
const SEQUENCE_END = Buffer.from('feffdde000000000', 'hex');

function directory(...fileIds: string[]): Buffer {
  const items = fileIds.flatMap((id) => [
    ITEM,
    element(4, 0x1430, 'CS', 'IMAGE'),
    element(4, 0x1500, 'CS', id),
    ITEM_END,
  ]);
  return Buffer.concat([element(4, 0x1130, 'CS', 'DISC'), SEQUENCE, ...items, SEQUENCE_END]);
}

it('lists the files of every record in order', () => {
  expect(readReferencedFileIds(directory('DICOM\\IM1', 'IM2 '), EXPLICIT)).toEqual([
    ['DICOM', 'IM1'],
    ['IM2'],
  ]);
});

it('leaves out what points outside or names nothing', () => {
  const ids = ['..\\..\\etc\\passwd', 'A\\.\\B', '/etc/passwd', '', 'A\\\\B', 'GOOD'];
  expect(readReferencedFileIds(directory(...ids), EXPLICIT)).toEqual([['GOOD']]);
});

it('takes what is there of a directory that is cut off', () => {
  const whole = directory('IM1', 'IM2');
  expect(readReferencedFileIds(whole.subarray(0, whole.length - 20), EXPLICIT)).toEqual([['IM1']]);
  for (let length = 0; length < whole.length; length += 1)
    expect(readReferencedFileIds(whole.subarray(0, length), EXPLICIT).length).toBeLessThanOrEqual(2);
});

const corpus = process.env.DICOM_CORPUS;
if (corpus === undefined) process.stdout.write('DICOM_CORPUS is not set: real DICOMDIRs are not read\n');
it
  .skipIf(corpus === undefined)
  .each(['DICOMDIR', 'DICOMDIR-bigEnd', 'DICOMDIR-implicit', 'DICOMDIR-nooffset'])(
  'finds every image of the real %s on its medium',
  (name) => {
    const folder = path.join(corpus ?? '', 'dicomdirtests');
    const file = fs.readFileSync(path.join(folder, name));
    const meta = readFileMeta(file);
    if (meta.kind !== 'complete') throw new Error('not a Part 10 file');
    const syntax = transferSyntax(meta.transferSyntaxUid ?? '');
    if (syntax === undefined) throw new Error('unknown Transfer Syntax');
    const files = readReferencedFileIds(file.subarray(meta.dataSetOffset), syntax);
    expect(files).toHaveLength(31);
    expect(new Set(files.map(([first]) => first))).toEqual(new Set(['77654033', '98892001', '98892003']));
  },
);
