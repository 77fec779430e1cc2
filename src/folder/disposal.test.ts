import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { lookAt, moveFile, removeFile } from './disposal.ts';
import type { FileStamp } from './file-stamp.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'disposal-'));
  file = path.join(folder, 'IM1');
  onTestFinished(() => fs.rm(folder, { recursive: true }));
});

async function written(content: string): Promise<FileStamp> {
  await fs.writeFile(file, content);
  const stamp = await lookAt(file);
  if (stamp === undefined) throw new Error('it was just written');
  return stamp;
}

describe('removing', () => {
  it('removes the file that was read', async () => {
    expect(await removeFile(file, await written('one'))).toBe('done');
    expect(await fs.readdir(folder)).toEqual([]);
  });

  it('leaves a file alone that was written to, or replaced, after it was read', async () => {
    const stamp = await written('one');
    await fs.appendFile(file, ' more');
    expect(await removeFile(file, stamp)).toBe('changed');
    const second = await written('two');
    await fs.writeFile(`${file}.new`, 'two');
    await fs.rename(`${file}.new`, file);
    expect(await removeFile(file, second)).toBe('changed');
    expect(await fs.readFile(file, 'utf8')).toBe('two');
    expect(await fs.readdir(folder)).toEqual(['IM1']);
  });

  it('says so where the file is gone', async () => {
    const stamp = await written('one');
    await fs.unlink(file);
    expect(await removeFile(file, stamp)).toBe('gone');
  });
});

describe('moving', () => {
  it('overwrites nothing', async () => {
    const target = path.join(folder, 'done.dcm');
    await fs.writeFile(target, 'earlier');
    const moved = await moveFile(file, await written('one'), target);
    expect(moved).toEqual({ path: path.join(folder, 'done-2.dcm') });
    expect(await fs.readFile(target, 'utf8')).toBe('earlier');
    expect((await fs.readdir(folder)).sort()).toEqual(['done-2.dcm', 'done.dcm']);
  });

  it('leaves a file alone that changed', async () => {
    const stamp = await written('one');
    await fs.appendFile(file, ' more');
    expect(await moveFile(file, stamp, path.join(folder, 'done'))).toBe('changed');
    expect(await fs.readdir(folder)).toEqual(['IM1']);
  });
});
