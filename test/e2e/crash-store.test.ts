import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';

import { afterEach, expect, it } from 'vitest';

import { writeFileMeta } from '../../src/dicom/part10/file-meta.ts';
import { CRASH_ROUNDS, crashAmid, crashRandom } from '../support/crash-rounds.ts';
import { syntheticCt } from '../support/data-sets.ts';
import { areAllCreated, CENTRES, createSite, type Site } from '../support/site.ts';

const OBJECTS_PER_SENDER = 60;
const MOST_PER_REQUEST = 8;
const REFERENCED_SOP_SEQUENCE = '00081199';
const REFERENCED_SOP_INSTANCE_UID = '00081155';
const FAILED_SOP_SEQUENCE = '00081198';

interface Sender {
  readonly customer: string;
  readonly study: string;
  readonly objects: readonly { readonly uid: string; readonly file: Buffer; readonly sha256: string }[];
  /** SOP Instance UIDs that an answer of 200 has named as stored. */
  readonly acknowledged: Set<string>;
}

let site: Site | undefined;
afterEach(() => site?.close());

function createSenders(random: () => number): readonly Sender[] {
  return [
    { ...CENTRES.city, study: '1.2.826.0.1.98.1' },
    { ...CENTRES.city, study: '1.2.826.0.1.98.2' },
    // The same Study Instance UID as the first, at another customer.
    { ...CENTRES.north, study: '1.2.826.0.1.98.1' },
  ].map(({ customer, study }, sender) => ({
    customer,
    study,
    acknowledged: new Set<string>(),
    objects: Array.from({ length: OBJECTS_PER_SENDER }, (_, index) => {
      const side = random() < 0.2 ? 512 : 32;
      const { dataSet, ...instance } = syntheticCt({
        rows: side,
        columns: side,
        studyInstanceUid: study,
        seriesInstanceUid: `${study}.${sender + 1}`,
        sopInstanceUid: `${study}.${sender + 1}.${index + 1}`,
        instanceNumber: index + 1,
      });
      const file = Buffer.concat([writeFileMeta(instance), dataSet]);
      return { uid: instance.sopInstanceUid, file, sha256: digestOf(file) };
    }),
  }));
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function ask(at: Site, sender: Sender, below: string, init: RequestInit = {}): Promise<Response> {
  const { host, port } = at.daemon.http;
  const headers = new Headers(init.headers);
  headers.set('authorization', `Bearer token-of-${sender.customer}-0001`);
  return fetch(`http://${host}:${port}/dicom-web/studies${below}`, { ...init, headers });
}

/** Stores what is not acknowledged yet, and a little that is, some in each request. Ends with the daemon. */
async function store(at: Site, sender: Sender, random: () => number, onStored: () => void): Promise<void> {
  const objects = sender.objects.filter(({ uid }) => !sender.acknowledged.has(uid) || random() < 0.1);
  while (objects.length > 0) {
    const some = objects.splice(0, 1 + Math.floor(random() * MOST_PER_REQUEST));
    const response = await ask(at, sender, '', {
      method: 'POST',
      headers: { 'content-type': 'multipart/related; type="application/dicom"; boundary=b' },
      body: new Uint8Array(
        Buffer.concat([
          ...some.flatMap(({ file }) => [
            Buffer.from('\r\n--b\r\nContent-Type: application/dicom\r\n\r\n'),
            file,
          ]),
          Buffer.from('\r\n--b--\r\n'),
        ]),
      ),
    });
    expect(response.status).toBe(200);
    const answer = (await response.json()) as Record<
      string,
      { Value?: Record<string, { Value: string[] }>[] }
    >;
    expect(answer[FAILED_SOP_SEQUENCE]).toBeUndefined();
    for (const item of answer[REFERENCED_SOP_SEQUENCE]?.Value ?? []) {
      const [uid = ''] = item[REFERENCED_SOP_INSTANCE_UID]?.Value ?? [];
      sender.acknowledged.add(uid);
      onStored();
    }
  }
}

/** Every instance that the daemon lists must be whole, and every one that it acknowledged must be among them. */
async function checkStored(at: Site, sender: Sender): Promise<void> {
  const listed = await ask(at, sender, `/${sender.study}/instances?limit=1000`);
  // A study of which nothing is stored yet.
  if (listed.status !== 200) {
    expect([204, 404]).toContain(listed.status);
    expect(sender.acknowledged.size).toBe(0);
    return;
  }
  const results = (await listed.json()) as Record<string, { Value: string[] }>[];
  const stored = new Map<string, string>();
  for (const result of results) {
    const [uid = ''] = result['00080018']?.Value ?? [];
    const [series = ''] = result['0020000E']?.Value ?? [];
    const file = await ask(at, sender, `/${sender.study}/series/${series}/instances/${uid}`, {
      headers: { accept: 'application/dicom; transfer-syntax=*' },
    });
    expect(file.status).toBe(200);
    stored.set(uid, digestOf(new Uint8Array(await file.arrayBuffer())));
  }
  for (const { uid, sha256 } of sender.objects)
    if (stored.has(uid) || sender.acknowledged.has(uid)) expect(stored.get(uid), uid).toBe(sha256);
}

it(
  `keeps every object of a STOW-RS answer over ${CRASH_ROUNDS} crashes at random moments, and none in part`,
  { timeout: 600_000 },
  async () => {
    const random = crashRandom('crash test of STOW-RS');
    const here = await createSite({
      config: {
        access: {
          tokens: [CENTRES.city, CENTRES.north].map(({ customer }) => ({
            name: customer,
            token: `token-of-${customer}-0001`,
            customers: [customer],
            rights: ['read', 'write'],
          })),
        },
      },
    });
    site = here;
    const senders = createSenders(random);

    for (let round = 0; round < CRASH_ROUNDS; round += 1) {
      const daemon = await here.start();
      for (const sender of senders) await checkStored(here, sender);
      // Some rounds die between requests or while settling, most in the middle of a body.
      await crashAmid({
        round,
        random,
        afterSuccesses: Math.floor(random() * 20),
        work: (onSuccess) =>
          senders.map((sender) => store(here, sender, random, onSuccess).catch(onlyOfConnection)),
        kill: () => daemon.kill(),
      });
    }

    await here.start();
    for (const sender of senders) await store(here, sender, random, () => undefined);
    const studies = await here.studiesWhen(
      'all studies at Avara',
      (all) => all.length === 3 && areAllCreated(all),
      120_000,
    );
    for (const study of studies) expect(study.instances).toBe(OBJECTS_PER_SENDER);
    for (const sender of senders) {
      expect(sender.acknowledged.size).toBe(OBJECTS_PER_SENDER);
      await checkStored(here, sender);
    }
    await here.daemon.stop();
    expect(await fs.readdir(path.join(here.folder, 'data/incoming'))).toEqual([]);
    expect(await fs.readdir(path.join(here.folder, 'data/conflicts'))).toEqual([]);
  },
);

/** A crash cuts connections; that an answer was wrong is none of its doing. */
function onlyOfConnection(error: unknown): void {
  if (!(error instanceof TypeError)) throw error;
}
