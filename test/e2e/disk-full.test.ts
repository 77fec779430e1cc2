import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';

import { afterEach, describe, expect, test } from 'vitest';

import { Database } from '../../src/sqlite/driver.mjs';
import { sendObjects } from '../support/send-objects.ts';
import { syntheticCt, type SyntheticInstance } from '../support/data-sets.ts';
import { CENTRES, createSite, type Site, type SiteOptions } from '../support/site.ts';
import { canMount, mountSmallDisk, overmountReadOnly, type SmallDisk } from '../support/small-disk.ts';
import { waitUntil } from '../support/wait-until.ts';

const SUCCESS = 0x0000;
const OUT_OF_RESOURCES = 0xa700;
const KB = 1024;
const MB = 1024 * KB;

let disk: SmallDisk | undefined;
let site: Site | undefined;
afterEach(async () => {
  await site?.close();
  await disk?.unmount();
  site = disk = undefined;
});

/** A daemon whose data folder, index included, is on a disk of 64 MB. */
async function startOnSmallDisk(options: SiteOptions['config'] = {}, freeBytes = 64 * MB) {
  const small = await mountSmallDisk(64);
  disk = small;
  await small.fill(freeBytes);
  const dataDir = path.join(small.path, 'data');
  const started = await createSite({ config: { dataDir, ...options } });
  site = started;
  await started.start();
  return { disk: small, site: started, dataDir };
}

/** CT objects of about `2 * side * side` bytes. */
function objects(count: number, side: number, seed: string): readonly SyntheticInstance[] {
  return Array.from({ length: count }, (_, index) =>
    syntheticCt({ seed, instanceNumber: index + 1, rows: side, columns: side }),
  );
}

function send(to: Site, what: readonly SyntheticInstance[]): Promise<readonly number[]> {
  return sendObjects(what, { to: to.daemon.dimse, calledAe: CENTRES.city.calledAe });
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await fs.readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

/** Everything acknowledged is on disk byte for byte and in the index, and the index is sound. Stops the daemon. */
async function expectKept(dataDir: string, acknowledged: readonly SyntheticInstance[]): Promise<void> {
  expect(await site?.daemon.stop()).toBe(0);
  const db = new Database(path.join(dataDir, 'index.db'), { readonly: true });
  try {
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    const row = db.prepare<[string], { sha256: string }>('SELECT sha256 FROM instance WHERE sop_uid = ?');
    const files = await filesBelow(path.join(dataDir, 'objects'));
    for (const { sopInstanceUid, dataSet } of acknowledged) {
      const file = files.find((name) => path.basename(name) === `${sopInstanceUid}.dcm`);
      const bytes = await fs.readFile(file ?? '');
      expect(bytes.subarray(-dataSet.length).equals(dataSet)).toBe(true);
      expect(row.get(sopInstanceUid)?.sha256).toBe(createHash('sha256').update(dataSet).digest('hex'));
    }
    expect(db.prepare('SELECT count(*) AS n FROM instance').get()).toEqual({ n: acknowledged.length });
  } finally {
    db.close();
  }
  // Whatever half-written came in between is gone.
  expect(await filesBelow(path.join(dataDir, 'incoming'))).toEqual([]);
}

const isMountable = canMount();

describe.skipIf(!isMountable)('a disk that fills up', () => {
  test('no space left: 0xA700, nothing acknowledged is lost, and it goes on by itself when there is space', async () => {
    const small = await startOnSmallDisk();
    const before = objects(10, 512, 'before');
    expect(await send(small.site, before)).toEqual(before.map(() => SUCCESS));

    await small.disk.fill(2 * MB);
    const during = [1, 2, 3, 4].map((sender) => objects(6, 512, `during ${sender}`));
    const statuses = await Promise.all(during.map((batch) => send(small.site, batch)));
    expect(new Set(statuses.flat())).toEqual(new Set([SUCCESS, OUT_OF_RESOURCES]));

    await small.disk.fill(0);
    const none = objects(5, 512, 'none');
    expect(await send(small.site, none)).toEqual(none.map(() => OUT_OF_RESOURCES));
    expect(await filesBelow(path.join(small.dataDir, 'incoming')).then((left) => left.length)).toBeLessThan(
      20,
    );

    await small.disk.clear();
    const again = [...during.flat(), ...none];
    expect(await send(small.site, again)).toEqual(again.map(() => SUCCESS));
    await expectKept(small.dataDir, [...before, ...again]);
  });

  test('space for the object but none for its row: refused, and taken when it is sent again', async () => {
    const small = await startOnSmallDisk();
    const first = objects(3, 32, 'first');
    expect(await send(small.site, first)).toEqual(first.map(() => SUCCESS));
    const refused: SyntheticInstance[] = [];
    const kept = [...first];
    for (const freeBytes of [8 * KB, 12 * KB, 16 * KB, 24 * KB, 8 * KB]) {
      await small.disk.fill(freeBytes);
      const batch = objects(12, 32, `left ${freeBytes} ${refused.length}`);
      const statuses = await send(small.site, batch);
      expect(statuses.filter((status) => status !== SUCCESS && status !== OUT_OF_RESOURCES)).toEqual([]);
      kept.push(...batch.filter((_, index) => statuses[index] === SUCCESS));
      refused.push(...batch.filter((_, index) => statuses[index] !== SUCCESS));
    }
    expect(refused.length).toBeGreaterThan(0);
    const errors = small.site.daemon.log.filter(({ msg }) => msg === 'an instance could not be stored');
    expect(JSON.stringify(errors)).toContain('SQLITE_FULL');
    await small.disk.clear();
    expect(await send(small.site, refused)).toEqual(refused.map(() => SUCCESS));
    await expectKept(small.dataDir, [...kept, ...refused]);
  });

  test('killed while the disk is full: nothing acknowledged is lost', async () => {
    const small = await startOnSmallDisk();
    await small.disk.fill(1 * MB);
    const batch = objects(40, 128, 'killed');
    const statuses = await send(small.site, batch);
    const kept = batch.filter((_, index) => statuses[index] === SUCCESS);
    const refused = batch.filter((_, index) => statuses[index] !== SUCCESS);
    expect(kept.length).toBeGreaterThan(0);
    expect(refused.length).toBeGreaterThan(0);
    await small.site.daemon.kill();
    await small.disk.clear();
    await small.site.start();
    expect(await send(small.site, refused)).toEqual(refused.map(() => SUCCESS));
    await expectKept(small.dataDir, batch);
  });

  test('the reserve: new Associations are told to come later, open ones get 0xA700, and both end by themselves', async () => {
    const small = await startOnSmallDisk({ storage: { reserveBytes: 24 * MB } }, 32 * MB);
    // Eight megabytes above the reserve: enough for half of these, faster than any timer looks.
    const batch = objects(30, 512, 'batch');
    const statuses = await send(small.site, batch);
    expect(statuses[0]).toBe(SUCCESS);
    expect(statuses.at(-1)).toBe(OUT_OF_RESOURCES);
    await expect(send(small.site, batch)).rejects.toThrow('temporary congestion');
    const { bavail, bsize } = await fs.statfs(small.disk.path);
    expect(bavail * bsize).toBeGreaterThan(20 * MB);

    await small.disk.clear();
    await small.site.daemon.logged(({ msg }) => msg === 'disk has space again: accepting');
    expect(await send(small.site, batch)).toEqual(batch.map(() => SUCCESS));
    await expectKept(small.dataDir, batch);
  });

  test('a folder that went read-only: 0xA700 until it can be written again', async () => {
    const small = await startOnSmallDisk();
    const batch = objects(3, 64, 'read-only');
    const makeWritable = overmountReadOnly(path.join(small.dataDir, 'incoming'));
    try {
      expect(await send(small.site, batch)).toEqual(batch.map(() => OUT_OF_RESOURCES));
    } finally {
      makeWritable();
    }
    expect(await send(small.site, batch)).toEqual(batch.map(() => SUCCESS));
    await waitUntil('the staging folder is empty', async () =>
      (await filesBelow(path.join(small.dataDir, 'incoming'))).length === 0 ? true : undefined,
    );
    await expectKept(small.dataDir, batch);
  });
});
