import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { DirectWrites } from './direct-writes.mjs';
import { DurableFolders } from './durable-folders.ts';
import { createObjectThreads, type ObjectThreads } from './object-threads.ts';

const SLAB = 128 * 1024;
let folder: string;
let threads: ObjectThreads;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'direct-'));
  const generation = new Int32Array(new SharedArrayBuffer(4));
  threads = createObjectThreads({ incoming: folder, generation, folders: new DurableFolders(generation) });
});
afterEach(async () => {
  await threads.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

const { O_CREAT, O_DIRECT, O_WRONLY } = fs.constants;

function opensDirectly(): boolean {
  if (process.platform !== 'linux') return false;
  const probe = fs.mkdtempSync(path.join(os.tmpdir(), 'direct-probe-'));
  try {
    fs.closeSync(fs.openSync(path.join(probe, 'file'), O_CREAT | O_WRONLY | O_DIRECT));
    return true;
  } catch {
    process.stdout.write('the file system of temporary files has no O_DIRECT, its tests are skipped\n');
    return false;
  } finally {
    fs.rmSync(probe, { recursive: true, force: true });
  }
}

const fails = (code: string) => () => {
  throw Object.assign(new Error(code), { code });
};

describe('writing past the page cache', () => {
  it.skipIf(!opensDirectly())('takes the memory that objects are gathered in', () => {
    const { bytes } = threads.open('bench.dimse.1.part').take();
    bytes.fill(7);
    const file = path.join(folder, 'file');
    const fd = fs.openSync(file, O_CREAT | O_WRONLY | O_DIRECT);
    const writes = new DirectWrites();
    for (const position of [0, SLAB]) {
      expect(writes.write(() => fd, [bytes], position)).toBe(SLAB);
    }
    fs.closeSync(fd);
    expect(fs.readFileSync(file).equals(Buffer.alloc(2 * SLAB, 7))).toBe(true);
  });

  it.skipIf(!opensDirectly())(
    'leaves the odd end, and what is small or out of line, to the page cache',
    () => {
      const { bytes } = threads.open('bench.dimse.1.part').take();
      const fd = fs.openSync(path.join(folder, 'file'), O_CREAT | O_WRONLY | O_DIRECT);
      const writes = new DirectWrites();
      expect(writes.write(() => fd, [bytes.subarray(0, SLAB - 1)], 0)).toBe(SLAB - 4096);
      expect(writes.write(() => fd, [bytes.subarray(0, 60_000)], SLAB)).toBe(0);
      expect(writes.write(() => fd, [bytes], 100)).toBe(0);
      fs.closeSync(fd);
    },
  );

  it.skipIf(!opensDirectly())('takes several pieces in one transfer, up to where one is odd', () => {
    const object = threads.open('bench.dimse.1.part');
    const pieces = [1, 2, 3].map((value) => object.take().bytes.fill(value));
    const file = path.join(folder, 'file');
    const fd = fs.openSync(file, O_CREAT | O_WRONLY | O_DIRECT);
    let reads = 0;
    const writes = new DirectWrites(() => (reads += 1));
    expect(writes.write(() => fd, pieces, SLAB)).toBe(3 * SLAB);
    expect(reads).toBe(2);
    const [first, second, third] = pieces as [Buffer, Buffer, Buffer];
    const odd = second.subarray(0, 70_000);
    expect(writes.write(() => fd, [first, odd, third], 0)).toBe(SLAB + 69_632);
    // Too little by itself is worth it together with others.
    expect(writes.write(() => fd, [first, second.subarray(0, 4096)], 0)).toBe(SLAB + 4096);
    expect(writes.write(() => fd, [second.subarray(0, 4095), third], 0)).toBe(0);
    fs.closeSync(fd);
    const end = fs.readFileSync(file).subarray(2 * SLAB);
    expect(end.equals(Buffer.concat([second, third]))).toBe(true);
  });

  it('gives up for good where the file system has no such thing, and only there', () => {
    const bytes = Buffer.alloc(SLAB);
    let opened = 0;
    const writes = new DirectWrites();
    const refuse = () => {
      opened += 1;
      return fails('EINVAL')();
    };
    expect(writes.write(refuse, [bytes], 0)).toBe(0);
    expect(writes.write(refuse, [bytes], 0)).toBe(0);
    expect(opened).toBe(process.platform === 'linux' ? 1 : 0);
    if (process.platform === 'linux')
      expect(() => new DirectWrites().write(fails('EIO'), [bytes], 0)).toThrow('EIO');
  });

  it.skipIf(!opensDirectly())(
    'rests where the disk is slow again and again, and then tries it once more',
    () => {
      const { bytes } = threads.open('bench.dimse.1.part').take();
      const fd = fs.openSync(path.join(folder, 'file'), O_CREAT | O_WRONLY | O_DIRECT);
      let now = 0;
      let takes = 0;
      const writes = new DirectWrites(() => (now += takes));
      const isDirect = (ms: number): boolean => {
        takes = ms;
        return writes.write(() => fd, [bytes], 0) > 0;
      };
      expect([10, 10, 10, 0.1, 10, 10, 10].map(isDirect)).toEqual(Array<boolean>(7).fill(true));
      expect(isDirect(10)).toBe(true);
      let rested = 0;
      while (!isDirect(0.1)) rested += 1;
      expect(rested).toBe(1024);
      fs.closeSync(fd);
    },
  );

  it('stores objects of every length byte for byte', async () => {
    for (const bytes of [1, 4096, 65_537, SLAB - 1, SLAB, SLAB + 1, 5 * SLAB, 6 * SLAB + 70_001]) {
      const content = Buffer.alloc(bytes);
      for (let at = 0; at < bytes; at += 1) content[at] = (at * 31 + (at >> 8)) & 0xff;
      const object = threads.open(`bench.dimse.${bytes}.part`);
      for (let at = 0; at < bytes; at += SLAB) {
        const slab = object.take();
        const length = content.copy(slab.bytes, 0, at);
        const isLast = at + SLAB >= bytes;
        await object.write({ slab, length, undigested: 0, isDigested: false, isLast });
      }
      const put = await object.put({ root: folder, folder: 'a', file: `${bytes}.dcm` });
      const sha256 = createHash('sha256').update(content).digest('hex');
      expect(put).toMatchObject({ result: 'stored', sha256 });
      expect(fs.readFileSync(path.join(folder, 'a', `${bytes}.dcm`)).equals(content)).toBe(true);
    }
  });
});
