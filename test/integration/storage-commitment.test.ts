import fs from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { listenForReports, requestCommitment } from '../support/commitment-peer.ts';
import type { Reference, ReportListener } from '../support/commitment-peer.ts';
import { syntheticCt } from '../support/data-sets.ts';
import type { SyntheticInstance } from '../support/data-sets.ts';
import { sendObjects } from '../support/send-objects.ts';
import { CENTRES, createSite } from '../support/site.ts';
import type { Site } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';

const { city, north } = CENTRES;
const STUDY = '2.25.815';
const PROCESSING_FAILURE = 0x0110;
const NO_SUCH_OBJECT_INSTANCE = 0x0112;
const CLASS_INSTANCE_CONFLICT = 0x0119;

const images: readonly SyntheticInstance[] = Array.from({ length: 4 }, (_, index) =>
  syntheticCt({
    rows: 64,
    columns: 64,
    studyInstanceUid: STUDY,
    seriesInstanceUid: `${STUDY}.1`,
    sopInstanceUid: `${STUDY}.1.${index + 1}`,
    pixelSeed: index,
  }),
);
const referenceTo = ({ sopClassUid, sopInstanceUid }: SyntheticInstance): Reference => ({
  sopClassUid,
  sopInstanceUid,
});
const references = images.map(referenceTo);
const [first, second] = references as [Reference, Reference, ...Reference[]];

let site: Site;
let modality: ReportListener;

async function open(dimse: Record<string, unknown> = {}): Promise<void> {
  site = await createSite({ config: { dimse: { host: '127.0.0.1', port: 0, ...dimse } } });
  await site.start();
}
const peers = () => [{ aeTitle: 'CT1', host: '127.0.0.1', port: modality.port }];
const store = (objects: readonly SyntheticInstance[], calledAe: string = city.calledAe) =>
  sendObjects(objects, { to: site.daemon.dimse, calledAe, callingAe: 'CT1' });
const ask = (transactionUid: string, asked: readonly Reference[], lingerMs = 0) =>
  requestCommitment({
    to: site.daemon.dimse,
    calledAe: city.calledAe,
    callingAe: 'CT1',
    transactionUid,
    references: asked,
    lingerMs,
  });
const reportOf = (transactionUid: string) =>
  waitUntil(`a report on ${transactionUid}`, () =>
    modality.reports.find((report) => report.transactionUid === transactionUid),
  );

beforeEach(async () => {
  modality = await listenForReports();
});
afterEach(async () => {
  modality.close();
  await site.close();
});

describe('storage commitment for dcmjs-dimse', () => {
  test('commits what was stored, on the Association of the request while it is open', async () => {
    await open();
    expect(await store(images)).toEqual([0, 0, 0, 0]);
    expect(await ask('2.25.1', references, 5000)).toEqual({
      status: 0,
      report: { eventTypeId: 1, transactionUid: '2.25.1', committed: references, failed: [] },
    });
    await site.daemon.logged(
      (line) => line.msg === 'storage commitment reported' && line.over === 'same-association',
    );
    expect(modality.associations).toEqual([]);
  });

  test('reports on an Association of its own once the requestor has gone', async () => {
    await open({ peers: peers() });
    await store(images);
    expect(await ask('2.25.1', references)).toEqual({ status: 0 });
    expect(await reportOf('2.25.1')).toEqual({
      eventTypeId: 1,
      transactionUid: '2.25.1',
      committed: references,
      failed: [],
    });
    expect(modality.associations).toEqual([{ callingAe: city.calledAe, calledAe: 'CT1' }]);

    // The same request again is answered, and reported, again.
    expect(await ask('2.25.1', references)).toEqual({ status: 0 });
    await waitUntil('a second report', () => (modality.reports.length === 2 ? true : undefined));
    // The same Transaction UID for something else is not.
    expect(await ask('2.25.1', [first])).toEqual({ status: 0x0115 });
  });

  test('tells what it does not have, what is of another class, another customer or damaged', async () => {
    await open({ peers: peers() });
    await store(images.slice(0, 3));
    await store(images.slice(3), north.calledAe);
    const [, , third, fourth] = images.map(referenceTo) as [Reference, Reference, Reference, Reference];
    const file = path.join(
      site.folder,
      'data/objects',
      city.customer,
      STUDY,
      `${STUDY}.1`,
      `${second.sopInstanceUid}.dcm`,
    );
    const bytes = await fs.readFile(file);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    await fs.chmod(file, 0o640);
    await fs.writeFile(file, bytes);
    const missing = { ...first, sopInstanceUid: '2.25.404' };
    const otherClass = { ...third, sopClassUid: '1.2.840.10008.5.1.4.1.1.4' };

    await ask('2.25.2', [first, second, missing, otherClass, fourth]);
    expect(await reportOf('2.25.2')).toEqual({
      eventTypeId: 2,
      transactionUid: '2.25.2',
      committed: [first],
      failed: [
        { ...second, reason: PROCESSING_FAILURE },
        { ...missing, reason: NO_SUCH_OBJECT_INSTANCE },
        { ...otherClass, reason: CLASS_INSTANCE_CONFLICT },
        { ...fourth, reason: NO_SUCH_OBJECT_INSTANCE },
      ],
    });
  });

  test('keeps its word after a crash between the answer and the report', async () => {
    const { port } = modality;
    modality.close();
    await open({ peers: [{ aeTitle: 'CT1', host: '127.0.0.1', port }] });
    await store(images);
    expect(await ask('2.25.3', references)).toEqual({ status: 0 });
    await site.daemon.kill();
    modality = await listenForReports(port);
    await site.start();
    expect(await reportOf('2.25.3')).toMatchObject({ eventTypeId: 1, committed: references });
    expect(await site.daemon.stop()).toBe(0);
  });

  test('reports as soon as the configuration says where to', async () => {
    await open();
    await store(images);
    await ask('2.25.4', references);
    const line = await site.daemon.logged(({ msg }) => msg.includes('not among dimse.peers'));
    expect(line).toMatchObject({ level: 'warn', callingAeTitle: 'CT1', transactionUid: '2.25.4' });
    const file = path.join(site.folder, 'config.json');
    const config = JSON.parse(await fs.readFile(file, 'utf8')) as { dimse: object };
    await fs.writeFile(file, JSON.stringify({ ...config, dimse: { ...config.dimse, peers: peers() } }));
    site.daemon.process.kill('SIGHUP');
    expect(await reportOf('2.25.4')).toMatchObject({ eventTypeId: 1 });
    expect(site.daemon.log.filter(({ msg }) => msg.includes('need a restart'))).toEqual([]);
  });

  test('is there for a requestor that was not when the report was due', async () => {
    const silent = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    await open({ peers: [{ aeTitle: 'CT1', host: '127.0.0.1', port }] });
    await store(images);
    await ask('2.25.5', references);
    await site.daemon.logged(({ msg }) => msg === 'storage commitment could not be reported, will try again');
    silent.close();
    await once(silent, 'close');
    modality.close();
    modality = await listenForReports(port);
    expect(await reportOf('2.25.5')).toMatchObject({ eventTypeId: 1 });
  });
});
