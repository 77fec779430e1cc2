import fs from 'node:fs/promises';
import path from 'node:path';

import { afterEach, expect, it } from 'vitest';

import { runCli } from '../support/cli.ts';
import { createProvenSite, flipByte, STUDIES } from '../support/proven-site.ts';
import { CENTRES, type Site } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';

const STUDY = STUDIES.cityFirst;
const PATH = path.join('objects', CENTRES.city.customer, STUDY, `${STUDY}.1`, `${STUDY}.1.2.dcm`);
/** A round every two seconds or so. */
const CONFIG = { storage: { reserveBytes: 0, scrub: { everyDays: 0.000_02 } } };

interface Integrity {
  readonly oldestCheckAt: string | null;
  readonly round: {
    readonly startedAt: string;
    readonly finishedAt: string | null;
    readonly objects: number;
  };
  readonly damagedObjects: number;
  readonly damaged: readonly Readonly<Record<string, string>>[];
}

let site: Site | undefined;
afterEach(() => site?.close());

const url = (here: Site): string => `http://${here.daemon.admin.host}:${here.daemon.admin.port}`;
const integrity = async (here: Site): Promise<Integrity> =>
  (await (await fetch(`${url(here)}/api/integrity`)).json()) as Integrity;
const metric = async (here: Site, name: string): Promise<number> =>
  Number(
    (await (await fetch(`${url(here)}/metrics`)).text())
      .split('\n')
      .find((line) => line.startsWith(`avara_ingest_${name} `))
      ?.split(' ')
      .at(-1),
  );
const alertIds = async (here: Site): Promise<string[]> => {
  const answer = (await (await fetch(`${url(here)}/api/alerts`)).json()) as { alerts: { id: string }[] };
  return answer.alerts.map(({ id }) => id);
};
const wholeRound = async (here: Site): Promise<Integrity> => {
  const { startedAt } = (await integrity(here)).round;
  return waitUntil('another round', async () => {
    const now = await integrity(here);
    return now.round.finishedAt !== null && now.round.startedAt > startedAt ? now : undefined;
  });
};

it('finds a flipped byte by itself, tells everybody, remembers it, and forgets it once the object is whole', async () => {
  const here = (site = await createProvenSite({ config: CONFIG }));
  const before = await wholeRound(here);
  expect(before).toMatchObject({ round: { objects: 18 }, damagedObjects: 0 });
  expect(await metric(here, 'scrub_objects_total{outcome="whole"}')).toBeGreaterThanOrEqual(18);

  const file = path.join(here.folder, 'data', PATH);
  const whole = await fs.readFile(file);
  await flipByte(file, -100);
  const line = await here.daemon.logged(({ msg }) => msg === 'the background check found a damaged object');
  expect(line).toMatchObject({ level: 'error', path: PATH, kind: 'file-damaged' });
  expect(await integrity(here)).toMatchObject({
    damagedObjects: 1,
    damaged: [{ customer: CENTRES.city.customer, sopInstanceUid: `${STUDY}.1.2`, path: PATH }],
  });
  expect(await metric(here, 'damaged_objects')).toBe(1);
  await waitUntil('the alert', async () => (await alertIds(here)).includes('object-damaged') || undefined);
  const config = path.join(here.folder, 'config.json');
  const status = await runCli('status', '--config', config, '--url', url(here));
  expect(status.out).toContain('1 stored image is missing or damaged');
  expect(status.out).toContain(PATH);
  const page = await (await fetch(`${url(here)}/files`, { headers: { accept: 'text/html' } })).text();
  expect(page).toContain(PATH);

  // A start knows of it before anything has been read, and so does a look at sizes alone.
  await here.daemon.stop();
  const alone = await runCli('verify', '--quick', '--offline', '--json', '--config', config);
  expect(JSON.parse(alone.out)).toMatchObject({ findings: [{ kind: 'file-damaged', path: PATH }] });
  await here.start();
  expect(await integrity(here)).toMatchObject({ damagedObjects: 1 });

  await fs.writeFile(file, whole);
  await waitUntil('it is known to be whole', async () =>
    (await integrity(here)).damagedObjects === 0 ? true : undefined,
  );
});

it('knows what a verification without the daemon found, and nothing of objects that are gone', async () => {
  const here = (site = await createProvenSite({ config: { storage: { reserveBytes: 0, scrub: null } } }));
  await here.daemon.stop();
  const config = path.join(here.folder, 'config.json');
  const file = path.join(here.folder, 'data', PATH);
  const whole = await fs.readFile(file);
  await fs.rm(file);
  expect((await runCli('verify', '--offline', '--config', config)).code).toBe(1);
  await here.start();
  const known = await integrity(here);
  expect(known).toMatchObject({ round: null, damagedObjects: 1, damaged: [{ kind: 'file-missing' }] });
  await fs.writeFile(file, whole);
  await runCli('verify', '--offline', '--study', STUDY, '--config', config, '--url', url(here));
  expect(await integrity(here)).toMatchObject({ damagedObjects: 0 });
});
