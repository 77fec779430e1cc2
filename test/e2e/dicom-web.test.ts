import fs from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { signObjectToken } from '../../src/core/access/object-token.ts';
import { customerKey } from '../../src/core/study/instance.ts';
import { uid } from '../../src/dicom/uid.ts';
import { syntheticCt } from '../support/data-sets.ts';
import { sendObjects } from '../support/send-objects.ts';
import { CENTRES, createSite, type Site } from '../support/site.ts';

const { city, north } = CENTRES;
/** UIDs that both centres use. */
const SHARED_UID = '2.25.815';
/** A study that only the north has. */
const NORTH_UID = '2.25.816';
const TOKENS = {
  city: 'token-of-the-city-0001',
  north: 'token-of-the-north-0001',
  both: 'token-of-both-0001',
};

let site: Site;

const tokenConfig = (name: keyof typeof TOKENS, customers: readonly string[]) => ({
  name,
  token: TOKENS[name],
  customers,
});

function images(study: string, patientName: string, count: number) {
  return Array.from({ length: count }, (_, index) =>
    syntheticCt({
      rows: 16,
      columns: 16,
      studyInstanceUid: study,
      seriesInstanceUid: `${study}.1`,
      sopInstanceUid: `${study}.1.${index + 1}`,
      instanceNumber: index + 1,
      patientName,
    }),
  );
}

const baseUrl = (): string => `http://${site.daemon.http.host}:${site.daemon.http.port}/dicom-web`;

const ask = (url: string, token?: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${baseUrl()}${url}`, {
    ...init,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(init.headers as Record<string, string>),
    },
  });

type Results = readonly Readonly<Record<string, { readonly Value?: readonly unknown[] }>>[];
const valuesOf = async (response: Response, tag: string): Promise<readonly unknown[]> =>
  ((await response.json()) as Results).map((one) => one[tag]?.Value?.[0]);

/** Everything that a client sees of an answer, but the time of day. */
async function seen(response: Response): Promise<unknown> {
  const headers = [...response.headers].filter(([name]) => name !== 'date');
  return { status: response.status, headers, body: await response.text() };
}

beforeAll(async () => {
  site = await createSite({
    config: {
      access: {
        tokens: [
          tokenConfig('city', [city.customer]),
          tokenConfig('north', [north.customer]),
          tokenConfig('both', [city.customer, north.customer]),
        ],
      },
    },
  });
  await site.start();
  const to = site.daemon.dimse;
  const statuses = await Promise.all([
    sendObjects(images(SHARED_UID, 'Citysen^Ann', 2), { to, calledAe: city.calledAe }),
    sendObjects(images(SHARED_UID, 'Northman^Bo', 3), { to, calledAe: north.calledAe }),
    sendObjects(images(NORTH_UID, 'Northman^Cy', 1), { to, calledAe: north.calledAe }),
  ]);
  expect(statuses.flat().every((status) => status === 0)).toBe(true);
});

afterAll(() => site.close());

describe('two centres with the same UIDs', () => {
  it('each find their own patient', async () => {
    for (const [token, name, count] of [
      [TOKENS.city, 'Citysen^Ann', 2],
      [TOKENS.north, 'Northman^Bo', 3],
    ] as const) {
      const studies = await ask(`/studies?StudyInstanceUID=${SHARED_UID}`, token);
      expect(studies.headers.get('content-type')).toBe('application/dicom+json');
      expect(await valuesOf(studies, '00100010')).toEqual([{ Alphabetic: name }]);
      const instances = await ask(`/studies/${SHARED_UID}/series/${SHARED_UID}.1/instances`, token);
      expect(await valuesOf(instances, '00200013')).toEqual(Array.from({ length: count }, (_, at) => at + 1));
    }
  });

  it('cannot tell what the other has from what nobody has', async () => {
    const queries = (study: string): readonly string[] => [
      `/studies?StudyInstanceUID=${study}`,
      `/series?SeriesInstanceUID=${study}.1`,
      `/instances?SOPInstanceUID=${study}.1.1`,
      `/studies/${study}/series`,
      `/studies/${study}/instances`,
      `/studies/${study}/series/${study}.1/instances`,
      `/studies/${study}`,
      `/studies/${study}/metadata`,
      `/studies/${study}/series/${study}.1/instances/${study}.1.1`,
    ];
    const foreign = queries(NORTH_UID);
    for (const [place, unknown] of queries('2.25.999').entries())
      for (const method of ['GET', 'HEAD'])
        expect(await seen(await ask(foreign[place] ?? '', TOKENS.city, { method }))).toEqual(
          await seen(await ask(unknown, TOKENS.city, { method })),
        );
    expect((await ask(`/studies?PatientName=northman*`, TOKENS.city)).status).toBe(204);
  });

  it('cannot tell another customer from one that does not exist', async () => {
    for (const rest of ['', '/studies', `/studies/${NORTH_UID}/series`, `/studies/${SHARED_UID}`, '/nowhere'])
      for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'])
        expect(await seen(await ask(`/customers/${north.customer}${rest}`, TOKENS.city, { method }))).toEqual(
          await seen(await ask(`/customers/no-such-one${rest}`, TOKENS.city, { method })),
        );
    const own = await ask(`/customers/${city.customer}/studies`, TOKENS.city);
    expect(await valuesOf(own, '00081190')).toEqual([
      `${baseUrl()}/customers/${city.customer}/studies/${SHARED_UID}`,
    ]);
  });

  it('are kept apart for one who may see both', async () => {
    expect((await ask(`/studies/${SHARED_UID}/series`, TOKENS.both)).status).toBe(409);
    const all = await ask(`/studies?StudyInstanceUID=${SHARED_UID}`, TOKENS.both);
    expect([...(await valuesOf(all, '00081190'))].sort()).toEqual(
      [city, north].map(({ customer }) => `${baseUrl()}/customers/${customer}/studies/${SHARED_UID}`).sort(),
    );
  });
});

describe('tokens', () => {
  it('of object URLs open their study of their customer, and that alone', async () => {
    const keys = JSON.parse(
      await fs.readFile(path.join(site.folder, 'data', 'object-url-keys.json'), 'utf8'),
    ) as { keys: readonly { id: string; secret: string; createdAt: number }[] };
    const [key] = keys.keys;
    if (key === undefined) throw new Error('there is no signing key');
    const study = { customer: customerKey(north.customer), studyInstanceUid: uid(NORTH_UID) };
    const token = signObjectToken(
      { ...key, secret: Buffer.from(key.secret, 'base64') },
      study,
      Math.floor(Date.now() / 1000) + 600,
    );
    expect(await valuesOf(await ask(`/studies?token=${token}`), '0020000D')).toEqual([NORTH_UID]);
    expect((await ask(`/studies/${SHARED_UID}/series?token=${token}`)).status).toBe(204);
    expect((await ask(`/studies?token=${token}`, undefined, { method: 'POST' })).status).toBe(403);
  });

  it('are refused alike, whatever is wrong with them, and answered for pages of other origins', async () => {
    const none = await seen(await ask('/studies'));
    expect(none).toMatchObject({ status: 401 });
    for (const token of ['wrong-token-1234', `${TOKENS.city}x`, 'a.b'])
      expect(await seen(await ask('/studies', token))).toEqual(none);
    const origin = 'https://viewer.example.org';
    const refused = await ask('/studies', undefined, { headers: { origin } });
    expect(refused.headers.get('access-control-allow-origin')).toBe('*');
    const preflight = await ask('/studies', undefined, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization',
      },
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([
      204,
      'authorization',
    ]);
  });

  it('come into force and lose it on SIGHUP', async () => {
    const file = path.join(site.folder, 'config.json');
    const config = JSON.parse(await fs.readFile(file, 'utf8')) as Record<string, unknown>;
    const reader = { name: 'reader', token: 'token-of-a-reader-0001', customers: [city.customer] };
    await fs.writeFile(file, JSON.stringify({ ...config, access: { tokens: [reader] } }));
    const reloaded = site.daemon.logged((line) => line.msg.includes('reload'));
    site.daemon.process.kill('SIGHUP');
    await reloaded;
    expect((await ask('/studies', reader.token)).status).toBe(200);
    expect((await ask('/studies', TOKENS.city)).status).toBe(401);
    expect(site.daemon.log.filter(({ msg }) => msg.includes('need a restart'))).toEqual([]);
  });
});

it('leaves a trace of what was handed out and refused, without patient data', async () => {
  await site.daemon.stop();
  const folder = path.join(site.folder, 'data', 'audit');
  const files = await fs.readdir(folder);
  const text = (await Promise.all(files.map((name) => fs.readFile(path.join(folder, name), 'utf8')))).join(
    '',
  );
  const entries = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(entries).toContainEqual(
    expect.objectContaining({
      event: 'dicomweb.searched',
      actor: 'city',
      customer: city.customer,
      detail: '1 studies',
    }),
  );
  expect(entries).toContainEqual(expect.objectContaining({ event: 'dicomweb.refused', detail: 'token' }));
  expect(entries).toContainEqual(
    expect.objectContaining({ event: 'dicomweb.refused', detail: 'customer', actor: 'city' }),
  );
  const logged = JSON.stringify(site.daemon.log) + text;
  for (const secret of [...Object.values(TOKENS), 'Citysen', 'Northman', 'northman'])
    expect(logged).not.toContain(secret);
});
