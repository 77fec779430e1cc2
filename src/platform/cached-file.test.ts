import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { loadCachedFiles } from './cached-file.ts';

function fileOf(bytes: Buffer): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cached-'));
  onTestFinished(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'object.dcm');
  fs.writeFileSync(file, bytes);
  return file;
}

const files = await loadCachedFiles();

it.runIf(process.platform === 'linux')('reads what was just written, in pieces and to its end', () => {
  if (files.kind !== 'available') throw new Error(files.reason);
  const bytes = Buffer.from('0123456789');
  const fd = files.open(fileOf(bytes));
  // A sandbox, or a file system that cannot tell, sends everybody the usual way.
  if (fd === undefined) return;
  const target = Buffer.alloc(6);
  expect(files.read(fd, target, 0)).toBe(6);
  expect(target.toString()).toBe('012345');
  expect(files.read(fd, target, 6)).toBe(4);
  expect(target.toString()).toBe('678945');
  expect(files.read(fd, target, 10)).toBe(0);
  fs.closeSync(fd);
});

it.runIf(process.platform === 'linux')(
  'leaves it to the usual way to say why a file cannot be opened',
  () => {
    if (files.kind !== 'available') throw new Error(files.reason);
    expect(files.open('/nonexistent/object.dcm')).toBeUndefined();
    const fd = files.open(fileOf(Buffer.alloc(1)));
    if (fd !== undefined) fs.closeSync(fd);
  },
);
