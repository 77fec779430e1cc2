import { beforeEach, expect, it } from 'vitest';

import { temporaryIndex } from '../../test/support/temporary-index.ts';
import type { FileRecord, FileRecords } from '../core/ports/file-records.ts';
import { customerKey } from '../core/study/instance.ts';
import { uid } from '../dicom/uid.ts';

const CITY = customerKey('city-medical');
const KEY = {
  customer: CITY,
  studyInstanceUid: uid('1.2.1'),
  seriesInstanceUid: uid('1.2.2'),
  sopInstanceUid: uid('1.2.3'),
};

function recordOf(path: string, changes: Partial<FileRecord> = {}): FileRecord {
  return {
    customer: CITY,
    source: 'folder',
    path,
    stamp: '100:1700000000000.5:42',
    bytes: 100,
    outcome: 'stored',
    key: KEY,
    place: 'removed',
    at: 1000,
    ...changes,
  };
}

let files: FileRecords;
beforeEach(() => {
  files = temporaryIndex().files;
});

it('finds again what became of a file, and only for its customer', async () => {
  const record = recordOf('/inbox/IM1');
  await files.record(record);
  expect(files.find(CITY, '/inbox/IM1')).toEqual(record);
  expect(files.find(customerKey('north-clinic'), '/inbox/IM1')).toBeUndefined();
  const rejected: FileRecord = {
    ...recordOf('/inbox/readme.txt', { outcome: 'quarantined', place: 'quarantine', at: 2000 }),
    code: 'not-dicom',
    reason: 'It looks like text.',
    quarantineId: '20260101T000000-00ff00ff',
  };
  await files.record(rejected);
  expect(files.find(CITY, '/inbox/readme.txt')).toEqual(rejected);
});

it('keeps the latest story of a path', async () => {
  await files.record(recordOf('/inbox/IM1'));
  const latest = recordOf('/inbox/IM1', { outcome: 'conflict', place: 'kept', at: 2000 });
  await files.record(latest);
  expect(files.lookUp('IM1', 10)).toEqual([latest]);
});

it('looks files up by name whatever its case, by the beginning of a name, by path, newest first', async () => {
  await files.record(recordOf('/inbox/a/Scan1.dcm', { at: 1 }));
  await files.record(recordOf('/inbox/b/scan1.DCM', { at: 3 }));
  await files.record(recordOf('/inbox/cd.zip!/DICOM/scan2.dcm', { at: 2 }));
  const paths = (name: string): string[] => files.lookUp(name, 10).map(({ path }) => path);
  expect(paths('SCAN1.dcm')).toEqual(['/inbox/b/scan1.DCM', '/inbox/a/Scan1.dcm']);
  expect(paths('scan')).toHaveLength(3);
  expect(paths('/inbox/a/Scan1.dcm')).toEqual(['/inbox/a/Scan1.dcm']);
  expect(paths('can1')).toEqual([]);
  expect(files.lookUp('scan', 2)).toHaveLength(2);
});

it('forgets old files that are gone, never those that are kept', async () => {
  await files.record(recordOf('/inbox/old', { at: 1 }));
  await files.record(recordOf('/inbox/kept', { at: 1, place: 'kept' }));
  await files.record(recordOf('/inbox/new', { at: 100 }));
  expect(await files.forgetBefore(50)).toBe(1);
  expect(files.lookUp('', 10).map(({ path }) => path)).toEqual(['/inbox/new', '/inbox/kept']);
});
