import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';

import { afterEach, expect, it } from 'vitest';

import { type ObjectToSend, storeObjects } from '../../src/dimse/scu/store-scu.ts';
import { CRASH_ROUNDS, crashAmid, crashRandom } from '../support/crash-rounds.ts';
import { syntheticCt } from '../support/data-sets.ts';
import { areAllCreated, CENTRES, createSite, type Site } from '../support/site.ts';

const OBJECTS_PER_SENDER = 60;

interface Sender {
  readonly calledAe: string;
  readonly customer: string;
  readonly objects: readonly (ObjectToSend & {
    readonly studyInstanceUid: string;
    readonly sha256: string;
  })[];
  /** SOP Instance UIDs answered with Success. */
  readonly acknowledged: Set<string>;
}

let site: Site | undefined;
afterEach(() => site?.close());

function createSenders(random: () => number): Sender[] {
  const { city, north } = CENTRES;
  return [
    { ...city, study: '1.2.826.0.1.99.1' },
    { ...city, study: '1.2.826.0.1.99.2' },
    // The same Study Instance UID as the first, at another customer.
    { ...north, study: '1.2.826.0.1.99.1' },
  ].map(({ calledAe, customer, study }, sender) => ({
    calledAe,
    customer,
    acknowledged: new Set<string>(),
    objects: Array.from({ length: OBJECTS_PER_SENDER }, (_, index) => {
      const side = random() < 0.2 ? 512 : 32;
      const instance = syntheticCt({
        rows: side,
        columns: side,
        studyInstanceUid: study,
        seriesInstanceUid: `${study}.${sender + 1}`,
        sopInstanceUid: `${study}.${sender + 1}.${index + 1}`,
        instanceNumber: index + 1,
      });
      const { sopClassUid, sopInstanceUid, transferSyntaxUid, dataSet } = instance;
      return {
        sopClassUid,
        sopInstanceUid,
        transferSyntaxUid,
        studyInstanceUid: study,
        sha256: createHash('sha256').update(dataSet).digest('hex'),
        readDataSet: () => dataSet,
      };
    }),
  }));
}

/** Sends what is not acknowledged yet, and a little that is. Ends with the Association, however that ends. */
async function send(to: Site, sender: Sender, random: () => number, onSuccess: () => void): Promise<void> {
  const objects = sender.objects.filter(
    ({ sopInstanceUid }) => !sender.acknowledged.has(sopInstanceUid) || random() < 0.1,
  );
  const { host, port } = to.daemon.dimse;
  await storeObjects({
    host,
    port,
    callingAeTitle: 'SCANNER',
    calledAeTitle: sender.calledAe,
    objects,
    onResponse(object, status) {
      expect(status).toBe(0);
      sender.acknowledged.add(object.sopInstanceUid);
      onSuccess();
    },
  });
}

it(
  `keeps everything it acknowledged over ${CRASH_ROUNDS} crashes at random moments, and announces each study once`,
  { timeout: 600_000 },
  async () => {
    const random = crashRandom('crash test');
    const here = await createSite();
    site = here;
    const { emulator } = here;
    emulator.faults.add({ match: { method: 'POST' }, probability: 0.4, fault: { type: 'reply-lost' } });
    const senders = createSenders(random);

    for (let round = 0; round < CRASH_ROUNDS; round += 1) {
      const daemon = await here.start();
      // Some rounds die between requests or while settling, most in the middle of transfers.
      await crashAmid({
        round,
        random,
        afterSuccesses: 1 + Math.floor(random() * 30),
        work: (onSuccess) =>
          senders.map((sender) => send(here, sender, random, onSuccess).catch(() => undefined)),
        kill: () => daemon.kill(),
      });
    }

    await here.start();
    for (const sender of senders) await send(here, sender, random, () => undefined);
    const studies = await here.studiesWhen(
      'all studies at Avara',
      (all) => all.length === 3 && areAllCreated(all),
      120_000,
    );

    for (const study of studies) {
      const sender = senders.find(
        ({ customer, objects }) =>
          customer === study.customer && objects[0]?.studyInstanceUid === study.studyInstanceUid,
      );
      if (!sender) throw new Error(`a study nobody sent: ${study.customer} ${study.studyInstanceUid}`);
      expect(study.instances).toBe(OBJECTS_PER_SENDER);
      const report = await emulator.viewer.openStudy(study.avara[0]?.studyId ?? '', {
        webhookUrl: here.webhookUrl(),
      });
      expect(report.problems).toEqual([]);
      const served = new Map(report.files.map((file) => [file.sopInstanceUid, file.dataSetSha256]));
      for (const { sopInstanceUid, sha256 } of sender.objects)
        expect(served.get(sopInstanceUid)).toBe(sha256);
    }
    const creates = emulator.state.creates();
    expect(creates.map(({ requested, created }) => [requested, created])).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);

    await here.daemon.stop();
    expect(await fs.readdir(path.join(here.folder, 'data/incoming'))).toEqual([]);
    expect(await fs.readdir(path.join(here.folder, 'data/conflicts'))).toEqual([]);
  },
);
