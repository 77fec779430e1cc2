import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { runCli } from '../support/cli.ts';
import { syntheticCt, type SyntheticInstance } from '../support/data-sets.ts';
import { canFail, createFailingDisk, type FailingCall, type FailingDisk } from '../support/failing-disk.ts';
import { sendObjects } from '../support/send-objects.ts';
import { CENTRES, createSite, type Site } from '../support/site.ts';

const SUCCESS = 0x0000;
const OUT_OF_RESOURCES = 0xa700;

const isAvailable = canFail();

let folder: string;
let disk: FailingDisk;
let site: Site;
const dataDir = () => path.join(folder, 'data');

beforeEach(async () => {
  if (!isAvailable) return;
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'disk-errors-'));
  disk = await createFailingDisk(folder);
  site = await createSite({ config: { dataDir: dataDir() } });
  await site.start(disk.env);
});
afterEach(async () => {
  if (!isAvailable) return;
  await site.close();
  await fs.rm(folder, { recursive: true });
});

/** CT objects of half a megabyte in one series. */
const objects = (seed: string, count: number): readonly SyntheticInstance[] =>
  Array.from({ length: count }, (_, index) =>
    syntheticCt({ seed, instanceNumber: index + 1, rows: 512, columns: 512 }),
  );

const send = (what: readonly SyntheticInstance[]): Promise<readonly number[]> =>
  sendObjects(what, { to: site.daemon.dimse, calledAe: CENTRES.city.calledAe });

async function filesBelow(name: string): Promise<readonly string[]> {
  const entries = await fs.readdir(path.join(dataDir(), name), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

const instancesListed = async (): Promise<number> =>
  (await site.studies()).reduce((sum, { instances }) => sum + instances, 0);

const FAULTS: readonly (readonly [what: string, call: FailingCall, path: string])[] = [
  ['bytes cannot be written', 'write', '/incoming/'],
  ['bytes do not reach the disk', 'fdatasync', '/incoming/'],
  ['the name that recovery looks for does not reach the disk', 'fsync', '/incoming'],
  ['the index cannot be written', 'write', 'index.db-wal'],
];

describe.skipIf(!isAvailable)('a disk that fails', () => {
  it.each(FAULTS)('%s: 0xA700, and all is kept once it works again', async (_, call, where) => {
    const before = objects('before', 2);
    expect(await send(before)).toEqual([SUCCESS, SUCCESS]);

    await disk.fail(call, where);
    // Of the series that is there, and of one that has no folder yet.
    const during = [...objects('before', 4).slice(2), ...objects('during', 2)];
    expect(await send(during)).toEqual(during.map(() => OUT_OF_RESOURCES));
    expect(await instancesListed()).toBe(2);
    // Where only the index failed, the object is whole and in its place, and waits for its row.
    if (!where.includes('index')) {
      expect(await filesBelow('objects')).toHaveLength(2);
      expect(await filesBelow('incoming')).toEqual(
        expect.not.arrayContaining([expect.stringMatching(/\.part$/)]),
      );
    }

    await disk.recover();
    expect(await send(during)).toEqual(during.map(() => SUCCESS));
    expect(await instancesListed()).toBe(6);
    expect(await filesBelow('objects')).toHaveLength(6);

    expect(await site.daemon.stop()).toBe(0);
    await site.start();
    expect(await site.daemon.stop()).toBe(0);
    expect(await filesBelow('incoming')).toEqual([]);
    const proof = await runCli('verify', '--offline', '--config', path.join(site.folder, 'config.json'));
    expect(proof).toMatchObject({ code: 0, err: '' });
  });

  it('the name of an object does not reach the disk: it is kept by its staging link until it does', async () => {
    expect(await send(objects('before', 2))).toEqual([SUCCESS, SUCCESS]);
    await disk.fail('fsync', '/objects');
    // The folder of a new series must be there after power loss, for its objects to be put back.
    expect(await send(objects('during', 1))).toEqual([OUT_OF_RESOURCES]);
    expect(await send(objects('before', 4).slice(2))).toEqual([SUCCESS, SUCCESS]);
    expect(await site.daemon.stop()).toBe(0);
    const links = await filesBelow('incoming');
    expect(links.filter((name) => name.endsWith('.done')).length).toBeGreaterThanOrEqual(2);

    await disk.recover();
    await site.start();
    expect(await instancesListed()).toBe(4);
    expect(await site.daemon.stop()).toBe(0);
    expect(await filesBelow('incoming')).toEqual([]);
    expect(await filesBelow('objects')).toHaveLength(4);
  });

  it('refuses only what comes while it fails', async () => {
    await disk.fail('fdatasync', '/incoming/');
    const refused = send(objects('refused', 3));
    expect(await refused).toEqual([OUT_OF_RESOURCES, OUT_OF_RESOURCES, OUT_OF_RESOURCES]);
    await disk.recover();
    const sent = await Promise.all(['a', 'b', 'c', 'd'].map((seed) => send(objects(seed, 3))));
    expect(new Set(sent.flat())).toEqual(new Set([SUCCESS]));
    expect(await instancesListed()).toBe(12);
  });
});
