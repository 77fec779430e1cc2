import fs from 'node:fs/promises';
import path from 'node:path';

import { afterEach, expect, it } from 'vitest';

import { runCli } from '../support/cli.ts';
import { syntheticCt } from '../support/data-sets.ts';
import { sendObjects } from '../support/send-objects.ts';
import { areAllCreated, CENTRES, createSite, type Site } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';

const STUDY = '1.2.826.0.1.88.1';
const GROWING = '1.2.826.0.1.88.2';
const objectsOf = (study: string, count: number) =>
  Array.from({ length: count }, (_, index) =>
    syntheticCt({
      rows: 16,
      columns: 16,
      studyInstanceUid: study,
      seriesInstanceUid: `${study}.1`,
      sopInstanceUid: `${study}.1.${index + 1}`,
      instanceNumber: index + 1,
    }),
  );

let site: Site | undefined;
afterEach(() => site?.close());

interface Removal {
  readonly customer: string;
  readonly studyInstanceUid: string;
  readonly instances: number;
  readonly filesDeleted: boolean;
}
const api = async <T>(here: Site, route: string): Promise<T> => {
  const { host, port } = here.daemon.admin;
  return (await (await fetch(`http://${host}:${port}${route}`)).json()) as T;
};
const removals = async (here: Site): Promise<readonly Removal[]> =>
  (await api<{ removals: readonly Removal[] }>(here, '/api/removals')).removals;
const metric = async (here: Site, name: string): Promise<number> => {
  const { host, port } = here.daemon.admin;
  const text = await (await fetch(`http://${host}:${port}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')[1],
  );
};
const filesBelow = async (folder: string): Promise<number> =>
  (await fs.readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])).filter((entry) =>
    entry.isFile(),
  ).length;

it('removes what Avara has confirmed, over a kill in the middle, and says so to whoever asks', async () => {
  const here = await createSite({
    config: {
      retention: { afterDays: 0, filesPerSecond: 12, checkIntervalMinutes: 0.01 },
      customers: {
        [CENTRES.city.customer]: {
          expressCustomerId: CENTRES.city.expressCustomerId,
          avara: { apiKey: CENTRES.city.apiKey, webhookSecret: CENTRES.city.webhookSecret },
        },
        [CENTRES.north.customer]: {
          expressCustomerId: CENTRES.north.expressCustomerId,
          avara: { apiKey: CENTRES.north.apiKey, webhookSecret: CENTRES.north.webhookSecret },
          retention: { exempt: true },
        },
      },
    },
  });
  site = here;
  const { city, north } = CENTRES;
  const daemon = await here.start();
  const to = daemon.dimse;
  const sent = await Promise.all([
    sendObjects(objectsOf(STUDY, 60), { to, calledAe: city.calledAe }),
    sendObjects(objectsOf(STUDY, 3), { to, calledAe: north.calledAe }),
  ]);
  expect(sent.flat().every((status) => status === 0)).toBe(true);

  const [removal] = await waitUntil(
    'a removal',
    async () => {
      const found = await removals(here);
      return found.length > 0 ? found : undefined;
    },
    60_000,
  );
  expect(removal).toMatchObject({ customer: city.customer, studyInstanceUid: STUDY, instances: 60 });
  const dataDir = path.join(here.folder, 'data');
  // The row goes first, the folder is put aside right after it.
  await waitUntil('its folder is put aside', async () =>
    (await filesBelow(path.join(dataDir, 'objects', city.customer, STUDY))) === 0 ? true : undefined,
  );
  await daemon.kill();
  expect(await filesBelow(path.join(dataDir, 'removed'))).toBeGreaterThan(0);

  await here.start();
  await waitUntil(
    'all its files are deleted',
    async () => ((await removals(here))[0]?.filesDeleted ? true : undefined),
    60_000,
  );
  expect(await filesBelow(path.join(dataDir, 'removed'))).toBe(0);
  expect(await filesBelow(path.join(dataDir, 'objects', north.customer, STUDY))).toBe(3);
  expect(await metric(here, 'avara_ingest_ledger_exceptions')).toBe(0);
  expect(await metric(here, 'avara_ingest_ledger_instances{stage="removed"}')).toBe(60);

  // Whoever asks for it is told.
  const [created] = here.emulator.state
    .studies()
    .filter(({ expressCustomerId }) => expressCustomerId === city.expressCustomerId);
  const report = await here.emulator.viewer.openStudy(created?.studyId ?? '', {
    webhookUrl: here.webhookUrl(),
  });
  expect([report.authorized, report.error]).toEqual([
    false,
    'the images of this study are no longer kept at the imaging site',
  ]);
  const { host, port } = here.daemon.admin;
  const complete = await fetch(`http://${host}:${port}/api/studies/${city.customer}/${STUDY}/complete`, {
    method: 'POST',
  });
  expect([complete.status, await complete.json()]).toMatchObject([410, { code: 'study-removed' }]);
  const config = path.join(here.folder, 'config.json');
  const dry = await runCli(
    'retention',
    '--dry-run',
    '--config',
    config,
    '--url',
    `http://${host}:${port}`,
    '--json',
  );
  expect(JSON.parse(dry.out)).toMatchObject({ counts: { remove: { studies: 0 } } });

  // It may come again, and is the study that Avara has.
  const again = await sendObjects(objectsOf(STUDY, 60), { to: here.daemon.dimse, calledAe: city.calledAe });
  expect(again.every((status) => status === 0)).toBe(true);
  await waitUntil(
    'it is removed again',
    async () => ((await removals(here)).length === 2 ? true : undefined),
    60_000,
  );
  expect(here.emulator.state.creates().map(({ created: count }) => count)).toEqual([1, 1]);
  expect(await metric(here, 'avara_ingest_ledger_exceptions')).toBe(0);
}, 240_000);

it('removes nothing while Avara has not confirmed it, however short the disk', async () => {
  const here = await createSite({
    config: {
      retention: { maxBytes: 1, minimumDays: 0, checkIntervalMinutes: 0.01 },
      studies: { stableAfterSeconds: 1, stableAfterReleaseSeconds: 0.2 },
    },
  });
  site = here;
  here.emulator.faults.add({ match: { method: 'POST' }, fault: { type: 'status', status: 503 } });
  await here.start();
  await sendObjects(objectsOf(GROWING, 5), { to: here.daemon.dimse, calledAe: CENTRES.city.calledAe });
  const status = await waitUntil(
    'a run that met the study',
    async () => {
      const now = await api<{ lastRun?: { protected: number; studies: number } }>(here, '/api/retention');
      return (now.lastRun?.protected ?? 0) > 0 ? now : undefined;
    },
    60_000,
  );
  expect(status.lastRun).toMatchObject({ studies: 0, protected: 1 });
  expect((await here.studies())[0]).toMatchObject({ instances: 5 });
  here.emulator.faults.clear();
  expect(areAllCreated(await here.studies())).toBe(false);
}, 120_000);
