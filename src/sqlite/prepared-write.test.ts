import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { storedInstance } from '../../test/support/stored-instance.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import { openSqliteIndex, type SqliteIndex } from './study-index.ts';

let folder: string;
let site: SqliteIndex;
let index: StudyIndex;
const filePath = () => path.join(folder, 'index.db');

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'index-'));
  site = openSqliteIndex({ filePath: filePath() });
  ({ index } = site);
});
afterEach(async () => {
  index.close();
  await fs.rm(folder, { recursive: true });
});

const one = storedInstance({ sop: '1.1' });
/** Of a sort that the index has not met: what it notes of that must not outlive a row that came to nothing. */
const other = storedInstance({ sop: '1.2', image: { instanceNumber: 2, rows: 77 } });

describe('a row that is prepared while its object goes to the disk', () => {
  it('is there once it is committed, as one that was added', async () => {
    const prepared = index.prepareInstance(one);
    await prepared?.commit();
    expect(index.findInstance(one.key)).toMatchObject({ sha256: one.sha256 });
    expect(index.totals()).toMatchObject({ studies: 1, instances: 1, acknowledgedInstances: 1 });
  });

  it('is seen by nobody before, whoever looks, and is there once it is committed all the same', async () => {
    const prepared = index.prepareInstance(one);
    expect(index.findInstance(one.key)).toBeUndefined();
    expect(index.listStudies({ limit: 10 }).studies).toEqual([]);
    expect(index.totals()).toMatchObject({ studies: 0, instances: 0, acknowledgedInstances: 0 });
    const elsewhere = openSqliteIndex({ filePath: filePath() });
    expect(elsewhere.index.findInstance(one.key)).toBeUndefined();
    elsewhere.index.close();
    await prepared?.commit();
    expect(index.totals()).toMatchObject({ studies: 1, instances: 1, acknowledgedInstances: 1 });
  });

  it('leaves nothing when it is not wanted', async () => {
    index.prepareInstance(one)?.cancel();
    await index.addInstance(other);
    expect(index.findInstance(one.key)).toBeUndefined();
    expect(index.findInstance(other.key)?.image).toEqual({ ...other.header.image });
    expect(index.totals()).toMatchObject({ studies: 1, instances: 1, acknowledgedInstances: 1 });
  });

  it('is not in the way of others that write meanwhile, and lost by none of them', async () => {
    const prepared = index.prepareInstance(one);
    await index.addInstance(other);
    expect(index.findInstance(one.key)).toBeUndefined();
    await prepared?.commit();
    expect([one, other].map(({ key }) => index.findInstance(key)?.sha256)).toEqual([
      one.sha256,
      other.sha256,
    ]);
    expect(index.totals()).toMatchObject({ instances: 2, acknowledgedInstances: 2 });
  });

  it('comes to nothing, and takes nothing along, where others wrote before it was not wanted', async () => {
    const prepared = index.prepareInstance(one);
    await index.addInstance(other);
    prepared?.cancel();
    expect(index.totals()).toMatchObject({ instances: 1, acknowledgedInstances: 1 });
  });

  it('is refused while others write, or another is prepared', async () => {
    const adding = index.addInstance(one);
    expect(index.prepareInstance(other)).toBeUndefined();
    await adding;
    const prepared = index.prepareInstance(other);
    expect(index.prepareInstance(storedInstance({ sop: '1.3' }))).toBeUndefined();
    await prepared?.commit();
    expect(index.totals().instances).toBe(2);
  });

  it('is not kept when the index is closed before its commit', async () => {
    index.prepareInstance(one);
    index.close();
    ({ index } = site = openSqliteIndex({ filePath: filePath() }));
    expect(index.totals()).toMatchObject({ studies: 0, instances: 0 });
    await index.addInstance(one);
    expect(index.totals().instances).toBe(1);
  });

  it('lets the index be synced and studies be settled meanwhile', async () => {
    await index.addInstance(other);
    const prepared = index.prepareInstance(one);
    await index.sync();
    const { key, receivedAt } = other;
    expect(await index.settle(key, receivedAt, ['viewer'], receivedAt)).toBe(true);
    await prepared?.commit();
    // What comes after a study was complete opens it again.
    expect(index.findStudy(key)).toMatchObject({ state: 'receiving', instances: 2 });
  });
});
