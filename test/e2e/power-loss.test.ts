import fs from 'node:fs/promises';
import path from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import { storeObjects } from '../../src/dimse/scu/store-scu.ts';
import { runCli } from '../support/cli.ts';
import { crashAmid, crashRandom } from '../support/crash-rounds.ts';
import { syntheticCt, type SyntheticInstance } from '../support/data-sets.ts';
import { canLosePower, createLoopDisk, type DurableFileSystem, type LoopDisk } from '../support/loop-disk.ts';
import { asObjectToSend, sha256Of } from '../support/send-objects.ts';
import { CENTRES, createSite, type Site } from '../support/site.ts';

/** Power losses on each file system; more by hand: `POWER_ROUNDS=20 npm run test:integration -- power-loss`. */
const ROUNDS = Number(process.env.POWER_ROUNDS ?? 2);
const OBJECTS_PER_SENDER = 200;

let disk: LoopDisk | undefined;
let site: Site | undefined;
afterEach(putAway);

async function putAway(): Promise<void> {
  await site?.close();
  await disk?.remove();
  site = disk = undefined;
}

interface Sender {
  readonly calledAe: string;
  readonly objects: readonly SyntheticInstance[];
  /** SOP Instance UIDs answered with Success. */
  readonly acknowledged: Set<string>;
}

/** Objects of 2 kB and of 512 kB, which go to the disk by other ways, each sender's in a series or two of its own. */
function createSenders(random: () => number): readonly Sender[] {
  return [CENTRES.city, CENTRES.north, CENTRES.city].map(({ calledAe }, sender) => ({
    calledAe,
    acknowledged: new Set<string>(),
    objects: Array.from({ length: OBJECTS_PER_SENDER }, (_, index) => {
      const side = random() < 0.3 ? 512 : 32;
      const study = `1.2.826.0.1.97.${sender + 1}`;
      const series = `${study}.${1 + Math.floor((2 * index) / OBJECTS_PER_SENDER)}`;
      return syntheticCt({
        rows: side,
        columns: side,
        studyInstanceUid: study,
        seriesInstanceUid: series,
        sopInstanceUid: `${series}.${index + 1}`,
        instanceNumber: index + 1,
      });
    }),
  }));
}

/** Ends with the Association, however that ends. */
async function send(to: Site, sender: Sender, onSuccess: () => void = () => undefined): Promise<void> {
  await storeObjects({
    ...to.daemon.dimse,
    callingAeTitle: 'SCANNER',
    calledAeTitle: sender.calledAe,
    objects: sender.objects.map(asObjectToSend),
    onResponse(object, status) {
      expect(status).toBe(0);
      sender.acknowledged.add(object.sopInstanceUid);
      onSuccess();
    },
  });
}

/** Every acknowledged object is in the object store byte for byte, and the daemon's own check finds nothing wrong. */
async function expectKept(at: Site, dataDir: string, senders: readonly Sender[]): Promise<void> {
  const names = await fs.readdir(path.join(dataDir, 'objects'), { recursive: true });
  const files = new Map(names.map((name) => [path.basename(name, '.dcm'), name]));
  for (const { objects, acknowledged } of senders)
    for (const { sopInstanceUid, dataSet } of objects) {
      if (!acknowledged.has(sopInstanceUid)) continue;
      const name = files.get(sopInstanceUid);
      expect(name, `${sopInstanceUid} was acknowledged`).toBeDefined();
      const bytes = await fs.readFile(path.join(dataDir, 'objects', name ?? ''));
      expect(sha256Of(bytes.subarray(-dataSet.length)), sopInstanceUid).toBe(sha256Of(dataSet));
    }
  const { host, port } = at.daemon.admin;
  const config = path.join(at.folder, 'config.json');
  const verified = await runCli('verify', '--config', config, '--url', `http://${host}:${port}`);
  expect(verified, verified.out + verified.err).toMatchObject({ code: 0 });
}

async function losePowerAtRandomMoment(
  type: DurableFileSystem,
  round: number,
  random: () => number,
): Promise<void> {
  const own = await createLoopDisk(type);
  disk = own;
  const dataDir = path.join(own.path, 'data');
  const here = await createSite({ config: { dataDir } });
  site = here;
  const senders = createSenders(random);
  const daemon = await here.start();
  await crashAmid({
    round,
    random,
    afterSuccesses: 1 + Math.floor(random() * OBJECTS_PER_SENDER),
    work: (onSuccess) => senders.map((sender) => send(here, sender, onSuccess).catch(() => undefined)),
    async kill() {
      daemon.process.kill('SIGSTOP');
      own.losePower();
      await daemon.kill();
    },
  });
  own.restorePower();

  await here.start();
  expect(senders.some(({ acknowledged }) => acknowledged.size > 0)).toBe(true);
  await expectKept(here, dataDir, senders);
  // What was lost in the middle is sent again, what was not is taken for what it is.
  for (const sender of senders) await send(here, sender);
  await expectKept(here, dataDir, senders);
  await here.daemon.stop();
  expect(await fs.readdir(path.join(dataDir, 'incoming'))).toEqual([]);
  expect(await fs.readdir(path.join(dataDir, 'conflicts'))).toEqual([]);
}

const FILE_SYSTEMS = ['ext4', 'xfs', 'btrfs'] as const;
const possible: readonly boolean[] = await Promise.all(FILE_SYSTEMS.map(canLosePower));

describe('an object answered with Success is there after power loss', () => {
  for (const [index, type] of FILE_SYSTEMS.entries())
    it.skipIf(possible[index] !== true)(type, { timeout: ROUNDS * 120_000 }, async () => {
      const random = crashRandom(`power loss on ${type}`, ROUNDS);
      for (let round = 0; round < ROUNDS; round += 1) {
        await losePowerAtRandomMoment(type, round, random);
        await putAway();
      }
    });
});
