import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

import { beforeEach, expect, it, onTestFinished } from 'vitest';

import { part10Of, syntheticCt } from '../../test/support/data-sets.ts';
import { createMemoryIntake } from '../../test/support/memory-intake.ts';
import { zipOf } from '../../test/support/zip-file.ts';
import { customerKey } from '../core/study/instance.ts';
import { SourceFile } from './source-file.ts';
import { type FileVerdict, takeFile, type TakenMember } from './take-file.ts';
import type { UnpackBounds } from './unpack.ts';

const OBJECT = part10Of(syntheticCt({ rows: 16, columns: 16 }));

let folder: string;
let members: TakenMember[];
beforeEach(async () => {
  members = [];
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'take-'));
  onTestFinished(() => fs.rm(folder, { recursive: true }));
});

async function take(content: Buffer, bounds: UnpackBounds = {}): Promise<FileVerdict> {
  const filePath = path.join(folder, 'file');
  await fs.writeFile(filePath, content);
  const file = await SourceFile.open(filePath);
  try {
    return await takeFile({
      intake: createMemoryIntake(),
      origin: { source: 'folder', customer: customerKey('city-medical') },
      file,
      scratchFolder: path.join(folder, 'scratch'),
      bounds,
      onMember: (member) => {
        members.push(member);
        return Promise.resolve();
      },
    });
  } finally {
    await file.close();
  }
}
const outcomes = (): (readonly [string, string])[] =>
  members.map(({ name, outcome }) => [name, 'code' in outcome ? outcome.code : outcome.kind]);

it('tells of each member of an archive, of archives inside it too, whatever their names', async () => {
  const inner = zipOf([{ name: '/etc/passwd', content: OBJECT }]);
  const archive = zipOf([
    { name: 'DICOM/', content: Buffer.alloc(0) },
    { name: 'DICOM/IM1', content: OBJECT },
    { name: 'DICOM/IM2.gz', content: gzipSync(OBJECT) },
    { name: 'Thumbs.db', content: Buffer.from('litter') },
    { name: 'inner.zip', content: inner },
    { name: 'note.txt', content: Buffer.from('a note') },
  ]);
  expect(await take(archive)).toEqual({ kind: 'archive', members: 4 });
  expect(outcomes()).toEqual([
    ['DICOM/IM1', 'stored'],
    ['DICOM/IM2.gz', 'stored'],
    ['inner.zip!//etc/passwd', 'stored'],
    ['note.txt', 'not-dicom'],
  ]);
  expect(await fs.readdir(path.join(folder, 'scratch'))).toEqual([]);
});

it('opens archives inside archives only so deep', async () => {
  const nested = [1, 2, 3].reduce((content) => zipOf([{ name: 'x.zip', content }]), OBJECT);
  expect(await take(nested)).toMatchObject({ kind: 'archive' });
  expect(outcomes()).toEqual([['x.zip!/x.zip', 'archive-too-large']]);
});

it('gives an archive up that unpacks to more than its size allows', async () => {
  const bomb = gzipSync(Buffer.concat([OBJECT, Buffer.alloc(5_000_000)]));
  const bounds = { maxRatio: 10, allowanceBytes: 1_000_000 };
  expect(await take(bomb, bounds)).toMatchObject({ kind: 'rejected', code: 'archive-too-large' });
  expect(await take(zipOf([{ name: 'bomb.gz', content: bomb }]), bounds)).toMatchObject({
    kind: 'rejected',
    code: 'archive-too-large',
  });
});

it('gives an archive up that has more members than are looked at', async () => {
  const archive = zipOf([1, 2, 3].map((number) => ({ name: `IM${number}`, content: OBJECT })));
  expect(await take(archive, { maxMembers: 2 })).toMatchObject({
    kind: 'rejected',
    code: 'archive-too-large',
  });
});

it('believes no size that an archive states', async () => {
  const archive = zipOf([{ name: 'IM1', content: OBJECT, statedBytes: OBJECT.length + 100 }]);
  const verdict = await take(archive);
  expect([verdict.kind, ...outcomes().flat()]).not.toContain('stored');
});

it('takes an object that is compressed with gzip as one file, and refuses it cut off', async () => {
  expect((await take(gzipSync(OBJECT))).kind).toBe('stored');
  expect(await take(gzipSync(OBJECT).subarray(0, -20))).toMatchObject({
    kind: 'rejected',
    code: 'truncated',
  });
});

it('opens neither links nor folders', async () => {
  await fs.writeFile(path.join(folder, 'target'), OBJECT);
  await fs.symlink(path.join(folder, 'target'), path.join(folder, 'link'));
  await expect(SourceFile.open(path.join(folder, 'link'))).rejects.toMatchObject({ code: 'unreadable' });
  await expect(SourceFile.open(folder)).rejects.toMatchObject({ code: 'unreadable' });
});
