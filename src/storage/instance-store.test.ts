import { createHash } from 'node:crypto';
import nodeFs from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { InstanceStore, StagingLeftover } from '../core/ports/instance-store.ts';
import { customerKey, type InstanceKey } from '../core/study/instance.ts';
import { uid } from '../dicom/uid.ts';
import { loadCachedFiles } from '../platform/cached-file.ts';
import { createInstanceStore } from './instance-store.ts';

const customer = customerKey('city-medical');
const key: InstanceKey = {
  customer,
  studyInstanceUid: uid('1.2.3'),
  seriesInstanceUid: uid('1.2.3.4'),
  sopInstanceUid: uid('1.2.3.4.5'),
};
/** Stands for preamble and File Meta Information, which are no part of the digest. */
const HEAD = Buffer.from('head');
const shaOf = (...parts: readonly (Buffer | string)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

let dataDir: string;
let store: InstanceStore;

beforeEach(async () => {
  dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'store-'));
  store = await createInstanceStore({ dataDir });
});
afterEach(async () => {
  await store.close();
  await fs.rm(dataDir, { recursive: true });
});

const incoming = () => fs.readdir(path.join(dataDir, 'incoming'));

async function leftoversOf(from: InstanceStore): Promise<StagingLeftover[]> {
  const found: StagingLeftover[] = [];
  for await (const leftover of from.leftovers()) found.push(leftover);
  return found;
}

describe('instance store', () => {
  it('puts an object under customer, study, series and SOP Instance UID, byte for byte', async () => {
    const staged = store.stage(customer, 'dimse', HEAD);
    const parts = Array.from({ length: 40 }, (_, index) => Buffer.alloc(50_000, index));
    for (const part of parts) await staged.write(part);
    expect(await staged.commit(key)).toEqual({ kind: 'stored', sha256: shaOf(...parts) });
    const file = path.join(dataDir, 'objects/city-medical/1.2.3/1.2.3.4/1.2.3.4.5.dcm');
    expect(store.pathOf(key)).toBe(file);
    expect((await fs.readFile(file)).equals(Buffer.concat([HEAD, ...parts]))).toBe(true);
    expect(staged.bytes).toBe(HEAD.length + 2_000_000);
  });

  it('digests the same whether objects come alone or side by side, and holds fast senders back', async () => {
    const objects = Array.from({ length: 12 }, (_, number) => {
      const parts = Array.from({ length: 60 }, (_part, index) => Buffer.alloc(70_001, number * 60 + index));
      const sopInstanceUid = uid(`1.2.3.4.${number + 10}`);
      return { parts, staged: store.stage(customer, 'dimse', HEAD), key: { ...key, sopInstanceUid } };
    });
    let held = 0;
    await Promise.all(
      objects.map(async ({ parts, staged, key: own }) => {
        for (const part of parts) {
          const wait = staged.write(part);
          if (wait !== undefined) held += 1;
          await wait;
        }
        expect(await staged.commit(own)).toEqual({ kind: 'stored', sha256: shaOf(...parts) });
        expect((await fs.readFile(store.pathOf(own))).equals(Buffer.concat([HEAD, ...parts]))).toBe(true);
      }),
    );
    expect(held).toBeGreaterThan(0);
  });

  it('takes a head and pieces of any size', async () => {
    for (const [number, size] of [0, 1, 131_071, 131_072, 131_073, 262_144, 400_000].entries()) {
      const head = Buffer.alloc(number % 2 === 0 ? 3 : 140_000, 7);
      const staged = store.stage(customer, 'dimse', head);
      const bytes = Buffer.alloc(size, 1);
      await staged.write(bytes);
      const own = { ...key, sopInstanceUid: uid(`1.2.3.4.${number + 10}`) };
      expect(await staged.digest()).toBe(shaOf(bytes));
      expect((await staged.commit(own)).sha256).toBe(shaOf(bytes));
      expect((await fs.readFile(store.pathOf(own))).equals(Buffer.concat([head, bytes]))).toBe(true);
    }
  });

  it('never overwrites: a taken key is reported and the first object stays', async () => {
    const first = store.stage(customer, 'dimse', HEAD);
    void first.write(Buffer.from('first'));
    await first.commit(key);
    const second = store.stage(customer, 'dimse', HEAD);
    void second.write(Buffer.from('second'));
    expect((await second.commit(key)).kind).toBe('exists');
    const kept = await second.keepApart(key, shaOf('second'));
    expect(await fs.readFile(store.pathOf(key), 'utf8')).toBe('headfirst');
    expect(await fs.readFile(path.join(dataDir, kept), 'utf8')).toBe('headsecond');
  });

  it.runIf(process.platform === 'linux').each(['discarded', 'released'])(
    'makes the name of an object in its place durable before its staging link is %s',
    async (how) => {
      const staged = store.stage(customer, 'dimse', HEAD);
      await staged.write(Buffer.from('bytes'));
      await staged.commit(key);
      const synced: { readonly folder: string; readonly links: number }[] = [];
      const fsync = nodeFs.fsync.bind(nodeFs);
      vi.spyOn(nodeFs, 'fsync').mockImplementation((fd, done) => {
        const folder = path.relative(dataDir, nodeFs.readlinkSync(`/proc/self/fd/${fd}`));
        synced.push({ folder, links: nodeFs.statSync(store.pathOf(key)).nlink });
        fsync(fd, done);
      });
      try {
        await (how === 'discarded' ? staged.discard() : store.release([staged.stagingName]));
      } finally {
        vi.restoreAllMocks();
      }
      expect(synced).toEqual([
        { folder: 'objects/city-medical/1.2.3/1.2.3.4', links: 2 },
        { folder: 'incoming', links: 1 },
      ]);
      expect(await incoming()).toEqual([]);
    },
  );

  it('leaves nothing behind when an object is discarded', async () => {
    const staged = store.stage(customer, 'dimse', HEAD);
    void staged.write(Buffer.alloc(2_000_000));
    await staged.discard();
    expect(await incoming()).toEqual([]);
  });

  it('keeps the staging link of a committed object until it is released', async () => {
    const staged = store.stage(customer, 'dimse', HEAD);
    void staged.write(Buffer.from('bytes'));
    await staged.commit(key);
    expect(await incoming()).toEqual([staged.stagingName]);
    await store.release([staged.stagingName]);
    expect(await incoming()).toEqual([]);
    expect(await fs.readFile(store.pathOf(key), 'utf8')).toBe('headbytes');
  });

  it('tells partial from committed leftovers, and where the latter were linked', async () => {
    const partial = store.stage(customer, 'folder', HEAD);
    await partial.write(Buffer.alloc(300_000));
    await partial.digest();
    const committed = store.stage(customer, 'dimse', HEAD);
    void committed.write(Buffer.from('bytes'));
    await committed.commit(key);
    const conflicting = store.stage(customer, 'dimse', HEAD);
    void conflicting.write(Buffer.from('other'));
    const conflictPath = await conflicting.keepApart(key, shaOf('other'));

    const again = await createInstanceStore({ dataDir });
    const found = new Map((await leftoversOf(again)).map((leftover) => [leftover.stagingName, leftover]));
    expect(found.size).toBe(3);
    expect(found.get(partial.stagingName)).toMatchObject({ source: 'folder', customer });
    expect(await found.get(committed.stagingName)?.locate(key, shaOf('bytes'))).toEqual({ kind: 'object' });
    expect(await found.get(conflicting.stagingName)?.locate(key, shaOf('other'))).toEqual({
      kind: 'conflict',
      path: conflictPath,
    });
    await again.close();
    await partial.discard();
  });

  it('makes a removed study folder again instead of failing', async () => {
    const first = store.stage(customer, 'dimse', HEAD);
    void first.write(Buffer.from('bytes'));
    await first.commit(key);
    await fs.rm(path.join(dataDir, 'objects/city-medical/1.2.3'), { recursive: true });
    const second = store.stage(customer, 'dimse', HEAD);
    void second.write(Buffer.from('bytes'));
    expect((await second.commit(key)).kind).toBe('stored');
    expect(await fs.readFile(store.pathOf(key), 'utf8')).toBe('headbytes');
  });

  it('reports a failing disk as a StoreError on commit, not while writing', async () => {
    await fs.rm(path.join(dataDir, 'incoming'), { recursive: true });
    const staged = store.stage(customer, 'dimse', HEAD);
    void staged.write(Buffer.from('bytes'));
    await expect(staged.commit(key)).rejects.toMatchObject({ name: 'StoreError', code: 'not-found' });
    await expect(staged.discard()).resolves.toBeUndefined();
  });

  it('opens objects for reading and says when there is none', async () => {
    await expect(store.open(key)).rejects.toMatchObject({ name: 'StoreError', code: 'not-found' });
    const staged = store.stage(customer, 'dimse', HEAD);
    void staged.write(Buffer.from('some bytes'));
    await staged.commit(key);
    const opened = await store.open(key);
    const target = Buffer.alloc(4);
    expect(opened.bytes).toBe(14);
    expect(await opened.read(target, 9)).toBe(4);
    expect(target.toString()).toBe('byte');
    await opened.close();
  });
});

describe('reading', () => {
  const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 31) & 255));

  async function readWhole(from: InstanceStore): Promise<Buffer> {
    const opened = await from.open(key);
    const target = Buffer.alloc(opened.bytes + 1);
    let filled = 0;
    for (;;) {
      const read = await opened.read(target.subarray(filled), filled);
      if (read === 0) break;
      filled += read;
    }
    await opened.close();
    return target.subarray(0, filled);
  }

  it('gives the same bytes whether they come from memory at once or by way of a thread', async () => {
    const staged = store.stage(customer, 'dimse', Buffer.alloc(0));
    void staged.write(bytes);
    await staged.commit(key);
    expect((await readWhole(store)).equals(bytes)).toBe(true);
    const cachedFiles = await loadCachedFiles();
    if (cachedFiles.kind === 'unavailable') return;
    const quick = await createInstanceStore({ dataDir, cachedFiles });
    expect((await readWhole(quick)).equals(bytes)).toBe(true);
    // As a file system that has nothing in memory, or half of it.
    const halves = {
      ...cachedFiles,
      read: (fd: number, target: Buffer, position: number) =>
        position % 2 === 0 ? cachedFiles.read(fd, target.subarray(0, 65_537), position) : undefined,
    };
    const halfway = await createInstanceStore({ dataDir, cachedFiles: halves });
    expect((await readWhole(halfway)).equals(bytes)).toBe(true);
    const missing = { ...key, sopInstanceUid: uid('1.2.3.4.6') };
    await expect(quick.open(missing)).rejects.toMatchObject({ code: 'not-found' });
    await quick.close();
    await halfway.close();
  });

  it('goes on reading an object that is removed while it is open', async () => {
    const staged = store.stage(customer, 'dimse', Buffer.alloc(0));
    void staged.write(bytes);
    await staged.commit(key);
    const cachedFiles = await loadCachedFiles();
    const quick = await createInstanceStore({
      dataDir,
      ...(cachedFiles.kind === 'available' && { cachedFiles }),
    });
    const opened = await quick.open(key);
    await fs.rm(quick.pathOf(key));
    const target = Buffer.alloc(1000);
    expect(await opened.read(target, 2_000_000)).toBe(1000);
    expect(target.equals(bytes.subarray(2_000_000, 2_001_000))).toBe(true);
    await opened.close();
    await expect(quick.open(key)).rejects.toMatchObject({ code: 'not-found' });
    await quick.close();
  });
});
