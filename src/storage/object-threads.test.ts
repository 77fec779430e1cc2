import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { DurableFolders } from './durable-folders.ts';
import { createObjectThreads, type ObjectThreads } from './object-threads.ts';
import { ThreadedObject } from './threaded-object.ts';

let folder: string;
let incoming: string;
let threads: ObjectThreads;
let generation: Int32Array;

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'threads-'));
  incoming = path.join(folder, 'incoming');
  await fs.mkdir(incoming);
  generation = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  threads = createObjectThreads({ incoming, generation, folders: new DurableFolders(generation) });
});
afterEach(async () => {
  await threads.close();
  await fs.rm(folder, { recursive: true, force: true });
});

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const place = (file: string) => ({ root: folder, folder: 'a/b', file });

function give(object: ThreadedObject, text: string): Promise<void> | undefined {
  const slab = object.take();
  const length = slab.bytes.write(text);
  return object.write({ slab, length, undigested: 0, isDigested: false, isLast: false });
}

/** Fills whole slabs, one after the other. */
async function giveSlabs(object: ThreadedObject, count: number): Promise<Buffer> {
  const all: Buffer[] = [];
  for (let index = 0; index < count; index += 1) {
    const slab = object.take();
    slab.bytes.fill(index);
    all.push(Buffer.from(slab.bytes));
    await object.write({
      slab,
      length: ThreadedObject.slabBytes,
      undigested: 0,
      isDigested: false,
      isLast: false,
    });
  }
  return Buffer.concat(all);
}

/** What a thread meets that its other side must never send. */
function breakThread(object: ThreadedObject): Promise<void> | undefined {
  const slab = { ...object.take(), id: 1_000_000 };
  return object.write({ slab, length: 1, undigested: 0, isDigested: false, isLast: false });
}

describe('threads that store objects', () => {
  it('write, digest and put in place, however many objects are under way', async () => {
    const objects = Array.from({ length: 20 }, (_, index) => threads.open(`c.dimse.${index}.part`));
    expect(objects.map(({ isAlone }) => isAlone)).toEqual([true, ...Array<boolean>(19).fill(false)]);
    await Promise.all(
      objects.map(async (object, index) => {
        const bytes = await giveSlabs(object, 20);
        const put = await object.put(place(`${index}.dcm`));
        expect(put).toMatchObject({ result: 'stored', sha256: sha256(bytes) });
        expect((await fs.readFile(path.join(folder, 'a/b', `${index}.dcm`))).equals(bytes)).toBe(true);
      }),
    );
    expect(threads.open('c.dimse.last.part').isAlone).toBe(true);
  });

  it('sync a folder that was taken away and made again, not the one they knew', async () => {
    const first = threads.open('c.dimse.1.part');
    void give(first, 'first');
    await first.put(place('first.dcm'));
    await fs.rename(path.join(folder, 'a'), path.join(folder, 'apart'));
    Atomics.add(generation, 0, 1);
    const second = threads.open('c.dimse.2.part');
    void give(second, 'second');
    expect((await second.put(place('second.dcm'))).result).toBe('stored');
    expect(await fs.readdir(path.join(folder, 'a/b'))).toEqual(['second.dcm']);
  });

  it('say why an object could not be put in place, and leave the place free', async () => {
    await fs.writeFile(path.join(folder, 'a'), 'no folder');
    const object = threads.open('c.dimse.1.part');
    void give(object, 'bytes');
    await expect(object.put(place('1.dcm'))).rejects.toMatchObject({
      name: 'StoreError',
      message: 'put an object in place: ENOTDIR',
    });
    await object.discard();
    expect(await fs.readdir(incoming)).toEqual([]);
  });

  it('fail their objects where one breaks, and take the next on a new one', async () => {
    const broken = threads.open('c.dimse.1.part');
    await broken.digest();
    void breakThread(broken);
    await expect(broken.put(place('1.dcm'))).rejects.toMatchObject({ name: 'StoreError', code: 'io' });
    await expect(broken.discard()).resolves.toBeUndefined();
    expect(broken.isLost).toBe(true);
    const next = threads.open('c.dimse.2.part');
    void give(next, 'bytes');
    expect((await next.put(place('2.dcm'))).result).toBe('stored');
  });

  it('take far more orders at once than there is room for, each object in its order', async () => {
    const puts = Array.from({ length: 400 }, async (_, index) => {
      const object = threads.open(`c.dimse.${index}.part`);
      void give(object, `first ${index}, `);
      void give(object, `second ${index}`);
      return object.put(place(`${index}.dcm`));
    });
    expect((await Promise.all(puts)).every(({ result }) => result === 'stored')).toBe(true);
    for (const index of [0, 57, 399]) {
      const stored = await fs.readFile(path.join(folder, 'a/b', `${index}.dcm`), 'utf8');
      expect(stored).toBe(`first ${index}, second ${index}`);
    }
  });

  it('leave bytes that wait for their digest unsynced: one sync takes them and their name along', async () => {
    const sync = vi.fn(() => Promise.resolve());
    const own = createObjectThreads({ incoming, generation, folders: { sync } });
    const bytes = Buffer.from('bytes');
    const object = own.open('c.dimse.1.part');
    const slab = object.take();
    const length = bytes.copy(slab.bytes);
    void object.write({ slab, length, undigested: 0, isDigested: true, isLast: true });
    // Links are removed when there is nothing else to do.
    await own.release(['c.dimse.none.done']);
    const put = await object.put({ ...place('1.dcm'), sha256: sha256(bytes) });
    await put.folderSynced;
    expect(put.result).toBe('stored');
    expect(await fs.readFile(path.join(folder, 'a/b/1.dcm'))).toEqual(bytes);
    // Beside the sync of the bytes, which only then has begun.
    expect(sync).toHaveBeenCalledTimes(1);
    await own.close();
  });

  it('put objects at paths of any length and script', async () => {
    const deep = path.join(
      ...Array.from({ length: 12 }, (_, index) => `${index}-läßt-日本語-${'x'.repeat(40)}`),
    );
    const object = threads.open('c.dimse.1.part');
    void give(object, 'bytes');
    const put = await object.put({
      root: folder,
      folder: deep,
      file: 'ü.dcm',
      sha256: sha256(Buffer.from('bytes')),
    });
    expect(put.result).toBe('stored');
    expect(await fs.readFile(path.join(folder, deep, 'ü.dcm'), 'utf8')).toBe('bytes');
  });

  it('remove staging links beside the objects that they store, and say what they could not remove', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `c.dimse.${index}.done`);
    await Promise.all(names.map((name) => fs.writeFile(path.join(incoming, name), '')));
    const object = threads.open('c.dimse.new.part');
    const released = threads.release([...names, 'c.dimse.gone-already.done']);
    void give(object, 'bytes');
    expect((await object.put(place('new.dcm'))).result).toBe('stored');
    await released;
    expect((await fs.readdir(incoming)).filter((name) => names.includes(name))).toEqual([]);

    await fs.mkdir(path.join(incoming, 'a-folder'));
    await expect(threads.release(['a-folder', 'c.dimse.none.done'])).rejects.toMatchObject({
      name: 'StoreError',
    });
  });

  it('have the staging folder synced before a lone object counts as put, and say so where that fails', async () => {
    const synced: string[] = [];
    const failing = createObjectThreads({
      incoming,
      generation,
      folders: {
        sync: (name) => {
          synced.push(path.relative(folder, name));
          return name === incoming ? Promise.reject(new Error('EIO')) : Promise.resolve();
        },
      },
    });
    const object = failing.open('c.dimse.1.part');
    void give(object, 'bytes');
    const put = await object.put({ ...place('1.dcm'), sha256: sha256(Buffer.from('bytes')) });
    expect(synced).toEqual(['incoming']);
    await expect(put.folderSynced).rejects.toThrow('EIO');
    await failing.close();
  });

  it('let senders go whose thread breaks while they wait for it', async () => {
    const object = threads.open('c.dimse.1.part');
    void breakThread(object);
    for (let index = 0; index < 30; index += 1) await give(object, 'x');
    await expect(object.put(place('1.dcm'))).rejects.toMatchObject({ name: 'StoreError' });
  });

  it('fail what is under way when they are closed', async () => {
    const object = threads.open('c.dimse.1.part');
    void give(object, 'bytes');
    const digested = expect(object.digest()).rejects.toMatchObject({ name: 'StoreError' });
    await threads.close();
    await digested;
  });
});
