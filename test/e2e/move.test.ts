import path from 'node:path';

import { afterEach, expect, it } from 'vitest';

import { runCli } from '../support/cli.ts';
import { syntheticCt } from '../support/data-sets.ts';
import { sendObjects } from '../support/send-objects.ts';
import { areAllCreated, CENTRES, createSite, type Site } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';

const STUDY = '1.2.826.0.1.89.1';
const { city, north } = CENTRES;

let site: Site | undefined;
afterEach(() => site?.close());

it('puts a study right that came under the wrong customer, at Avara too, over lost answers and a kill', async () => {
  // One API key for both, so that each look-up by UID shows the study of the other.
  const avara = { apiKey: city.apiKey, webhookSecret: city.webhookSecret };
  const here = await createSite({
    config: {
      customers: {
        [city.customer]: { expressCustomerId: city.expressCustomerId, avara },
        [north.customer]: { expressCustomerId: north.expressCustomerId, avara },
      },
    },
  });
  site = here;
  await here.start();
  const objects = Array.from({ length: 4 }, (_, index) =>
    syntheticCt({
      studyInstanceUid: STUDY,
      sopInstanceUid: `${STUDY}.1.${index + 1}`,
      instanceNumber: index + 1,
    }),
  );
  await sendObjects(objects, { to: here.daemon.dimse, calledAe: city.calledAe });
  const [wrong] = await here.studiesWhen(
    'the study at Avara',
    (all) => all.length === 1 && areAllCreated(all),
  );
  const wrongId = wrong?.avara[0]?.studyId ?? '';
  const opened = await here.emulator.viewer.openStudy(wrongId, { webhookUrl: here.webhookUrl() });
  expect(opened.authorized).toBe(true);
  const url = opened.files[0]?.url ?? '';

  here.emulator.faults.add({ match: { method: 'POST' }, times: 2, fault: { type: 'reply-lost' } });
  const { host, port } = here.daemon.admin;
  const config = path.join(here.folder, 'config.json');
  const moved = await runCli(
    'move',
    STUDY,
    '--from',
    city.customer,
    '--to',
    north.customer,
    '--config',
    config,
    '--url',
    `http://${host}:${port}`,
  );
  expect([moved.code, moved.err]).toEqual([0, '']);
  expect((await fetch(url)).status).toBe(410);
  await here.daemon.kill();

  await here.start();
  await here.studiesWhen(
    'the study at Avara under the right customer',
    (all) =>
      all.some(({ customer, instances }) => customer === north.customer && instances === 4) &&
      areAllCreated(all.filter(({ customer }) => customer === north.customer)),
    60_000,
  );
  const studies = here.emulator.state.studies();
  expect(
    studies.map(({ expressCustomerId, isCancelled }) => [expressCustomerId, isCancelled]).sort(),
  ).toEqual([
    [city.expressCustomerId, true],
    [north.expressCustomerId, false],
  ]);
  const right = studies.find(({ isCancelled }) => !isCancelled);
  const report = await here.emulator.viewer.openStudy(right?.studyId ?? '', {
    webhookUrl: here.webhookUrl(),
  });
  expect([report.problems, report.files.length]).toEqual([[], 4]);
  const refused = await here.emulator.viewer.openStudy(wrongId, { webhookUrl: here.webhookUrl() });
  expect([refused.authorized, refused.error]).toEqual([
    false,
    'the images of this study are no longer kept at the imaging site',
  ]);
  await waitUntil(
    'nothing is left under the wrong customer',
    async () =>
      (await here.studies()).every(({ customer }) => customer === north.customer) ? true : undefined,
    60_000,
  );
}, 240_000);

it('lists and serves nothing of a moved study under the old customer, as long as Avara is out of reach', async () => {
  const tokenOf = (customer: string): string => `a-token-that-reads-${customer}`;
  const here = await createSite({
    config: {
      access: {
        tokens: [city.customer, north.customer].map((customer) => ({
          name: customer,
          token: tokenOf(customer),
          customers: [customer],
        })),
      },
    },
  });
  site = here;
  await here.start();
  const object = syntheticCt({
    studyInstanceUid: STUDY,
    sopInstanceUid: `${STUDY}.1.1`,
    patientId: 'MOVED-1',
  });
  await sendObjects([object], { to: here.daemon.dimse, calledAe: city.calledAe });
  await here.studiesWhen('the study at Avara', (all) => all.length === 1 && areAllCreated(all));

  const ask = async (customer: string, place: string): Promise<[status: number, found: number]> => {
    const { host, port } = here.daemon.http;
    const response = await fetch(`http://${host}:${port}/dicom-web${place}`, {
      headers: { authorization: `Bearer ${tokenOf(customer)}`, accept: 'application/dicom+json' },
    });
    const body = await response.text();
    return [response.status, response.status === 200 ? (JSON.parse(body) as unknown[]).length : 0];
  };
  const found = async (customer: string): Promise<number[]> => {
    const searches = ['/studies', `/studies?StudyInstanceUID=${STUDY}`, '/series', '/instances'];
    const answers = await Promise.all(searches.map((search) => ask(customer, search)));
    expect(answers.every(([status]) => status === 200 || status === 204)).toBe(true);
    return answers.map(([, count]) => count);
  };
  expect(await found(city.customer)).toEqual([1, 1, 1, 1]);

  here.emulator.faults.add({ match: {}, fault: { type: 'status', status: 503, message: 'out' } });
  const { host, port } = here.daemon.admin;
  const move = `/api/studies/${city.customer}/${STUDY}/move?to=${north.customer}`;
  expect((await fetch(`http://${host}:${port}${move}`, { method: 'POST' })).status).toBe(200);
  // The operator still sees what Avara has to be told of it.
  expect((await here.studies()).map(({ customer }) => customer).sort()).toEqual([
    city.customer,
    north.customer,
  ]);
  expect(await found(city.customer)).toEqual([0, 0, 0, 0]);
  expect(await found(north.customer)).toEqual([1, 1, 1, 1]);
  for (const place of [`/studies/${STUDY}`, `/studies/${STUDY}/metadata`, `/studies/${STUDY}/series`]) {
    const [status, count] = await ask(city.customer, place);
    expect([404, 410, 204], place).toContain(status);
    expect(count, place).toBe(0);
  }
});
