import fs from 'node:fs/promises';
import path from 'node:path';

import { afterAll, expect, test } from 'vitest';

import { dataSetOf, syntheticCt } from '../support/data-sets.ts';
import type { SyntheticInstance } from '../support/data-sets.ts';
import { sendObjects } from '../support/send-objects.ts';
import { CENTRES, createSite } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';
import { casesTried, fuzz } from './support/fuzz.ts';
import { deliver, readAnswer } from './support/hostile-peer.ts';
import { bytesOfCase, hostileCase, piecesOf } from './support/mutations.ts';
import { loadRecordings } from './support/recordings.ts';
import { countDescriptors, residentBytes } from './support/resources.ts';

/** Resident memory that the daemon may gain over what it had after a warm-up. */
const MEMORY_ALLOWANCE_BYTES = 150e6;

const { north } = CENTRES;
const recordings = new Map(loadRecordings().map(({ name, bytes }) => [name, bytes]));

afterAll(() => void process.stdout.write(`daemon: ${casesTried()} cases tried\n`));

test('a whole daemon outlives mutated Associations, and keeps what others send meanwhile', async () => {
  const site = await createSite({
    config: {
      dimse: {
        host: '127.0.0.1',
        port: 0,
        maxAssociations: 200,
        maxAssociationsPerPeer: 200,
        artimTimeoutSeconds: 1,
        idleTimeoutSeconds: 2,
      },
    },
  });
  try {
    const { dimse, admin, process: child, log, noise } = await site.start();
    const pid = child.pid ?? -1;
    const errorsLogged = () => log.filter(({ level }) => level === 'error');
    const associationsUp = async (): Promise<number> => {
      const metrics = await (await fetch(`http://${admin.host}:${admin.port}/metrics`)).text();
      return Number(/^\w*associations_open (\d+)/m.exec(metrics)?.[1]);
    };
    for (const bytes of recordings.values()) {
      readAnswer(await deliver({ port: dimse.port, pieces: [bytes], ending: 'half-close' }));
    }
    const descriptorsBefore = countDescriptors(pid);
    const memoryBefore = residentBytes(pid);
    let mostMemory = 0;

    const sent: SyntheticInstance[] = [];
    const turn = { isOver: false };
    const neighbour = (async () => {
      do {
        const instanceNumber = sent.length + 1;
        const object = syntheticCt({
          rows: 256,
          columns: 256,
          studyInstanceUid: '2.25.4711',
          instanceNumber,
        });
        const statuses = await sendObjects([object], { to: dimse, calledAe: north.calledAe });
        expect(statuses).toEqual([0]);
        sent.push(object);
      } while (!turn.isOver);
    })().then(
      () => undefined,
      (error: unknown) => ({ error }),
    );

    await fuzz({
      name: 'a whole daemon outlives',
      of: hostileCase([...recordings.keys()]),
      few: 300,
      lanes: 16,
      async check(hostile) {
        const pieces = piecesOf(bytesOfCase(hostile, recordings), hostile.splits);
        readAnswer(await deliver({ port: dimse.port, pieces, ending: hostile.ending }));
        mostMemory = Math.max(mostMemory, residentBytes(pid) ?? 0);
        expect(child.exitCode).toBeNull();
        expect(noise).toEqual([]);
        expect(errorsLogged()).toEqual([]);
      },
    });
    turn.isOver = true;
    expect(await neighbour).toBeUndefined();

    expect(sent.length).toBeGreaterThan(0);
    for (const { studyInstanceUid, seriesInstanceUid, sopInstanceUid, dataSet } of sent) {
      const folder = path.join(
        site.folder,
        'data/objects',
        north.customer,
        studyInstanceUid,
        seriesInstanceUid,
      );
      const file = await fs.readFile(path.join(folder, `${sopInstanceUid}.dcm`));
      expect(dataSetOf(file).equals(dataSet)).toBe(true);
    }
    await waitUntil('every Association over', async () =>
      (await associationsUp()) === 0 ? true : undefined,
    );
    if (descriptorsBefore === undefined || memoryBefore === undefined) {
      process.stdout.write('no /proc: descriptors and memory were not looked at\n');
    } else {
      // Keep-alive connections come and go, and each thread that stores keeps a few of its own: far fewer than cases.
      await waitUntil('descriptors given back', () =>
        (countDescriptors(pid) ?? Infinity) <= descriptorsBefore + 40 ? true : undefined,
      );
      expect(mostMemory - memoryBefore).toBeLessThan(MEMORY_ALLOWANCE_BYTES);
      process.stdout.write(
        `daemon: ${sent.length} transfers beside, memory +${Math.round((mostMemory - memoryBefore) / 1e6)} MB at most\n`,
      );
    }
    expect(await site.daemon.stop()).toBe(0);
    expect(noise).toEqual([]);
    expect(errorsLogged()).toEqual([]);
  } finally {
    await site.close();
  }
});
