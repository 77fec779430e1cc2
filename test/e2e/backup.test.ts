import fs from 'node:fs/promises';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { runCli, type CliRun } from '../support/cli.ts';
import { startDaemon } from '../support/daemon-process.ts';
import { syntheticCt } from '../support/data-sets.ts';
import { createProvenSite, flipByte, STUDIES } from '../support/proven-site.ts';
import { sendObjects } from '../support/send-objects.ts';
import { CENTRES, type Site } from '../support/site.ts';

const { city } = CENTRES;
const SENDERS = 3;

let site: Site;
let backup: string;

beforeEach(async () => {
  site = await createProvenSite();
  backup = path.join(site.folder, 'backup');
});
afterEach(() => site.close());

const configOf = (): string => path.join(site.folder, 'config.json');
const backUp = (...argv: readonly string[]): Promise<CliRun> =>
  runCli('backup', backup, '--json', '--config', configOf(), ...argv);

interface CopyJson {
  readonly instances: number;
  readonly copied: number;
  readonly alreadyThere: number;
  readonly faults: readonly { readonly outcome: string; readonly path: string }[];
}
const json = (run: CliRun): CopyJson => {
  try {
    return JSON.parse(run.out) as CopyJson;
  } catch {
    throw new Error(`no JSON: ${run.out}${run.err}`);
  }
};

/** A configuration as the site's, with a data folder of its own that does not exist yet. */
async function newPlace(name: string): Promise<{ config: string; dataDir: string }> {
  const folder = path.join(site.folder, name);
  await fs.mkdir(folder);
  const config = path.join(folder, 'config.json');
  await fs.copyFile(configOf(), config);
  return { config, dataDir: path.join(folder, 'data') };
}

/** Sends small studies one after the other until told to stop. @returns what was answered with Success so far. */
function keepSending(): {
  acknowledged: Set<string>;
  stop: () => Promise<void>;
  sent: (count: number) => Promise<void>;
} {
  const acknowledged = new Set<string>();
  let isOver = false;
  const waiting: { count: number; resolve: () => void }[] = [];
  const senders = Array.from({ length: SENDERS }, async (_, sender) => {
    for (let study = 1; !isOver; study += 1) {
      const uid = `2.25.9${sender}.${study}`;
      const objects = Array.from({ length: 10 }, (__, index) =>
        syntheticCt({
          rows: 64,
          columns: 64,
          studyInstanceUid: uid,
          seriesInstanceUid: `${uid}.1`,
          sopInstanceUid: `${uid}.1.${index + 1}`,
          pixelSeed: study * 100 + index,
        }),
      );
      const statuses = await sendObjects(objects, { to: site.daemon.dimse, calledAe: city.calledAe });
      for (const [index, status] of statuses.entries())
        if (status === 0) acknowledged.add(`${uid}/${uid}.1/${uid}.1.${index + 1}`);
      for (const one of waiting) if (acknowledged.size >= one.count) one.resolve();
    }
  });
  return {
    acknowledged,
    async stop() {
      isOver = true;
      await Promise.all(senders);
    },
    sent: (count) =>
      new Promise((resolve) => {
        waiting.push({ count, resolve });
      }),
  };
}

describe('backup and restore', () => {
  it('holds everything that was acknowledged before it began, while images keep coming', async () => {
    const sending = keepSending();
    await sending.sent(100);
    const before = [...sending.acknowledged];
    const first = await backUp();
    expect(first.code, first.err + first.out).toBe(0);
    await sending.sent(sending.acknowledged.size + 50);
    const meanwhile = [...sending.acknowledged];
    const second = await backUp();
    await sending.stop();
    expect(second.code, second.err + second.out).toBe(0);
    // The second takes what is new only.
    expect(json(second).alreadyThere).toBe(json(first).instances);
    expect(json(second).copied).toBe(json(second).instances - json(first).instances);
    await site.daemon.kill();

    const place = await newPlace('restored');
    const restored = await runCli('restore', backup, '--json', '--config', place.config);
    expect(restored.code, restored.err + restored.out).toBe(0);
    for (const object of [...before, ...meanwhile])
      await fs.access(path.join(place.dataDir, 'objects', city.customer, `${object}.dcm`));
    const verified = await runCli('verify', '--json', '--offline', '--config', place.config);
    expect(verified.code, verified.out).toBe(0);
    expect(JSON.parse(verified.out)).toMatchObject({ counts: { errors: 0, stored: json(second).instances } });
    const keys = 'object-url-keys.json';
    expect(await fs.readFile(path.join(place.dataDir, keys), 'utf8')).toBe(
      await fs.readFile(path.join(site.folder, 'data', keys), 'utf8'),
    );
    expect((await fs.stat(path.join(place.dataDir, keys))).mode & 0o077).toBe(0);

    const daemon = await startDaemon(place.config);
    const { host, port } = daemon.admin;
    const answer = await fetch(
      `http://${host}:${port}/api/studies?customer=${city.customer}&q=${STUDIES.citySecond}`,
    );
    expect(await answer.json()).toMatchObject({ studies: [{ instances: 6, avara: [{ state: 'created' }] }] });
    expect(await daemon.stop()).toBe(0);
  });

  it('is not restored over anything, nor from a folder that holds no whole backup', async () => {
    await backUp();
    const own = await runCli('restore', backup, '--config', configOf());
    expect(own.code).toBe(4);
    expect(own.err).toContain('not empty');
    const place = await newPlace('none');
    await fs.rm(path.join(backup, 'manifest.json'));
    const none = await runCli('restore', backup, '--config', place.config);
    expect(none.code).toBe(4);
    expect(none.err).toContain('holds no complete backup');
  });

  it('names what is damaged in the backup, restores the rest, and heals from the source', async () => {
    await backUp();
    const { cityFirst } = STUDIES;
    const object = path.join('objects', city.customer, cityFirst, `${cityFirst}.1`, `${cityFirst}.1.1.dcm`);
    await flipByte(path.join(backup, object), -10);
    const place = await newPlace('partly');
    const restored = await runCli('restore', backup, '--json', '--config', place.config);
    expect(restored.code).toBe(1);
    expect(json(restored).faults).toEqual([{ outcome: 'damaged', path: object }]);
    const verified = await runCli('verify', '--json', '--offline', '--config', place.config);
    expect(JSON.parse(verified.out)).toMatchObject({ counts: { stored: 17, errors: 1 } });
    // A backup that only looks for what is new does not notice; one that reads everything does.
    expect((await backUp()).code).toBe(0);
    expect(json(await backUp('--check')).faults).toEqual([{ outcome: 'damaged', path: object }]);
  });

  it('names what the source has lost or damaged, and keeps what it has of it', async () => {
    await backUp();
    const { cityFirst } = STUDIES;
    const objectOf = (number: number): string =>
      path.join('objects', city.customer, cityFirst, `${cityFirst}.2`, `${cityFirst}.2.${number}.dcm`);
    const fresh = path.join(site.folder, 'fresh');
    await flipByte(path.join(site.folder, 'data', objectOf(1)), -10);
    await fs.rm(path.join(site.folder, 'data', objectOf(2)));
    const run = await runCli('backup', fresh, '--json', '--mode', 'copy', '--config', configOf());
    expect(run.code).toBe(1);
    expect(json(run).faults.toSorted((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { outcome: 'damaged', path: objectOf(1) },
      { outcome: 'missing', path: objectOf(2) },
    ]);
    expect((await backUp()).code).toBe(0);
    await fs.access(path.join(backup, objectOf(2)));
  });

  it('takes hard links where it is told to', async () => {
    const run = await backUp('--mode', 'link');
    expect(run.code, run.err).toBe(0);
    const { cityFirst } = STUDIES;
    const object = path.join('objects', city.customer, cityFirst, `${cityFirst}.1`, `${cityFirst}.1.1.dcm`);
    const [here, there] = await Promise.all(
      [path.join(site.folder, 'data', object), path.join(backup, object)].map((file) => fs.stat(file)),
    );
    expect(here?.ino).toBe(there?.ino);
    expect((await runCli('verify', '--offline', '--config', configOf(), '--url', adminUrl())).code).toBe(0);
  });
});

function adminUrl(): string {
  const { host, port } = site.daemon.admin;
  return `http://${host}:${port}`;
}
