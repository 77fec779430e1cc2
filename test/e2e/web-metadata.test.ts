import { once } from 'node:events';
import fs from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { syntheticStudy } from '../support/data-sets.ts';
import type { SyntheticInstance } from '../support/data-sets.ts';
import type { JsonDataSet } from '../support/encoded-json.ts';
import { sendObjects } from '../support/send-objects.ts';
import { areAllCreated, CENTRES, createSite, type Site } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';

const TOKEN = 'reading-room-token-of-forty-characters-or-more';
const OTHER_TOKEN = 'another-token-of-forty-characters-or-more-here';
const { city } = CENTRES;
const objects = [
  ...syntheticStudy({ seed: 'metadata', seriesCount: 3, instancesPerSeries: 70, rows: 8, columns: 8 }),
];
const [first] = objects as [SyntheticInstance];
/** Comes after all others. */
const [late] = [...syntheticStudy({ seed: 'metadata', instancesPerSeries: 71, rows: 8, columns: 8 })].slice(
  -1,
) as [SyntheticInstance];

let site: Site;
beforeAll(async () => {
  site = await createSite({
    config: {
      access: {
        tokens: [
          { name: 'reading-room', token: TOKEN, customers: [city.customer] },
          { name: 'elsewhere', token: OTHER_TOKEN, customers: [CENTRES.north.customer] },
        ],
      },
    },
  });
  await site.start();
  await sendObjects([...objects].reverse(), { to: site.daemon.dimse, calledAe: city.calledAe });
});
afterAll(() => site.close());

const studyPath = `/studies/${first.studyInstanceUid}`;
const seriesPath = `${studyPath}/series/${first.seriesInstanceUid}`;
const root = (): string => `http://${site.daemon.http.host}:${site.daemon.http.port}/dicom-web`;

function get(resource: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
  const authorization = `Bearer ${TOKEN}`;
  return fetch(`${root()}${resource}`, { method, headers: { authorization, ...headers } });
}

async function metadata(resource: string): Promise<readonly JsonDataSet[]> {
  const response = await get(resource, { accept: 'application/dicom+json' });
  expect(response.status).toBe(200);
  return (await response.json()) as readonly JsonDataSet[];
}

const uidsOf = (instances: readonly JsonDataSet[]): unknown[] =>
  instances.map((instance) => instance['00080018']?.Value?.[0]);

/** Where the daemon keeps what it has prepared of the study. */
const preparedFolder = (): string =>
  path.join(site.folder, 'data', 'metadata', city.customer, first.studyInstanceUid);

describe('metadata', () => {
  it('has every instance of the study, series and instances in order, while the study is still coming in', async () => {
    const instances = await metadata(`${studyPath}/metadata`);
    expect(uidsOf(instances)).toEqual(objects.map(({ sopInstanceUid }) => sopInstanceUid));
    expect(instances[0]).toMatchObject({
      '00080016': { vr: 'UI', Value: [first.sopClassUid] },
      '00083002': { vr: 'UI', Value: [first.transferSyntaxUid] },
      '0020000D': { vr: 'UI', Value: [first.studyInstanceUid] },
      '00280010': { vr: 'US', Value: [8] },
      '7FE00010': {
        vr: 'OW',
        BulkDataURI: `${root()}/customers/${city.customer}${seriesPath}/instances/${first.sopInstanceUid}/bulkdata/7FE00010`,
      },
    });
  });

  it('has the same of a series and of an instance', async () => {
    const instances = await metadata(`${studyPath}/metadata`);
    expect(await metadata(`${seriesPath}/metadata`)).toEqual(instances.slice(0, 70));
    expect(await metadata(`${seriesPath}/instances/${first.sopInstanceUid}/metadata`)).toEqual([
      instances[0],
    ]);
    expect(await metadata(`/customers/${city.customer}${seriesPath}/metadata`)).toEqual(
      instances.slice(0, 70),
    );
  });

  it('is one gzip stream for those who take it, and plain JSON for others', async () => {
    const raw = async (encoding: string): Promise<Buffer> => {
      const headers = { authorization: `Bearer ${TOKEN}`, 'accept-encoding': encoding };
      const request = http.get(`${root()}${studyPath}/metadata`, { headers });
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      expect(response.headers['content-encoding']).toBe(encoding === 'gzip' ? 'gzip' : undefined);
      return Buffer.concat(await response.toArray());
    };
    const [packed, plain] = await Promise.all([raw('gzip'), raw('identity')]);
    // No second member: browsers stop after the first.
    expect(packed.indexOf(Buffer.from([0x1f, 0x8b, 8]), 1)).toBe(-1);
    expect(gunzipSync(packed).equals(plain)).toBe(true);
    expect(packed.length).toBeLessThan(plain.length / 10);
  });

  it('is not sent again to those who have it', async () => {
    const response = await get(`${studyPath}/metadata`);
    await response.arrayBuffer();
    const etag = response.headers.get('etag') ?? '';
    const again = await get(`${studyPath}/metadata`, { 'if-none-match': etag });
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
    const head = await get(`${studyPath}/metadata`, {}, 'HEAD');
    expect([head.status, head.headers.get('etag')]).toEqual([200, etag]);
    expect(head.headers.get('content-type')).toBe('application/dicom+json');
  });

  it('refuses other forms, and does not know what the token does not open', async () => {
    expect((await get(`${studyPath}/metadata`, { accept: 'application/dicom+xml' })).status).toBe(406);
    expect((await get(`${studyPath}/series/1.2.3/metadata`)).status).toBe(404);
    expect((await get(`${seriesPath}/instances/1.2.3/metadata`)).status).toBe(404);
    const foreign = await get(`${studyPath}/metadata`, { authorization: `Bearer ${OTHER_TOKEN}` });
    expect(foreign.status).toBe(404);
  });
});

describe('prepared metadata', () => {
  const outcomes = async (): Promise<Record<string, number>> => {
    const { host, port } = site.daemon.admin;
    const text = await (await fetch(`http://${host}:${port}/metrics`)).text();
    const lines = text.matchAll(/^avara_ingest_metadata_series_total\{outcome="(\w+)"\} (\d+)$/gm);
    return Object.fromEntries([...lines].map(([, outcome = '', count]) => [outcome, Number(count)]));
  };

  it('is made anew when an image comes late, before anybody asks', async () => {
    await site.studiesWhen('the study is stable', areAllCreated);
    await sendObjects([late], { to: site.daemon.dimse, calledAe: city.calledAe });
    const before = (await outcomes()).prepared ?? 0;
    await waitUntil('the changed series is prepared', async () =>
      ((await outcomes()).prepared ?? 0) > before ? true : undefined,
    );
    const { made } = await outcomes();
    const instances = await metadata(`${seriesPath}/metadata`);
    expect(uidsOf(instances).at(-1)).toBe(late.sopInstanceUid);
    expect(instances).toHaveLength(71);
    expect((await outcomes()).made).toBe(made);
  });

  it('is noticed to be damaged, and made again', async () => {
    const expected = await metadata(`${studyPath}/metadata`);
    for (const name of await fs.readdir(preparedFolder())) {
      const file = path.join(preparedFolder(), name);
      const bytes = await fs.readFile(file);
      bytes[100] = (bytes[100] ?? 0) ^ 1;
      await fs.writeFile(file, bytes);
    }
    expect(await metadata(`${studyPath}/metadata`)).toEqual(expected);
  });

  it('is nobody else’s: what cannot be read there is made from the objects', async () => {
    const expected = await metadata(`${studyPath}/metadata`);
    await fs.rm(preparedFolder(), { recursive: true });
    expect(await metadata(`${studyPath}/metadata`)).toEqual(expected);
  });

  it('is refused, naming the instance, where an object is gone', async () => {
    const series = objects[75]?.seriesInstanceUid ?? '';
    const gone = objects[75]?.sopInstanceUid ?? '';
    const file = path.join(
      site.folder,
      'data/objects',
      city.customer,
      first.studyInstanceUid,
      series,
      `${gone}.dcm`,
    );
    await fs.rename(file, `${file}.away`);
    await fs.rm(preparedFolder(), { recursive: true });
    const response = await get(`${studyPath}/series/${series}/metadata`);
    expect([response.status, await response.json()]).toMatchObject([500, { code: 'object-unreadable' }]);
    await fs.rename(`${file}.away`, file);
    expect(await metadata(`${studyPath}/series/${series}/metadata`)).toHaveLength(70);
  });
});

describe('bulk data', () => {
  const pixels = first.dataSet.subarray(-128);
  const uri = async (): Promise<string> =>
    (await metadata(`${seriesPath}/instances/${first.sopInstanceUid}/metadata`))[0]?.['7FE00010']
      ?.BulkDataURI ?? '';
  const ask = async (headers: Record<string, string>): Promise<Response> =>
    fetch(await uri(), { headers: { authorization: `Bearer ${TOKEN}`, ...headers } });
  const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

  it('leads to the bytes of the element', async () => {
    const response = await ask({ accept: 'application/octet-stream' });
    expect(response.headers.get('content-type')).toBe(
      'application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1',
    );
    expect((await bytesOf(response)).equals(pixels)).toBe(true);
  });

  it('can be had in ranges', async () => {
    const accept = 'application/octet-stream';
    const part = await ask({ accept, range: 'bytes=10-19' });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 10-19/128']);
    expect((await bytesOf(part)).equals(pixels.subarray(10, 20))).toBe(true);
    expect((await ask({ accept, range: 'bytes=128-' })).status).toBe(416);
  });

  it('comes in parts for those who ask for them, as dicomweb-client does', async () => {
    const response = await ask({ accept: 'multipart/related; type="application/octet-stream"' });
    const boundary = /boundary=(\w+)/.exec(response.headers.get('content-type') ?? '')?.[1] ?? '';
    const body = (await bytesOf(response)).toString('latin1');
    const [head = '', rest = ''] = body.split('\r\n\r\n', 2);
    expect(head).toContain(`--${boundary}\r\nContent-Type: application/octet-stream`);
    expect(head).toContain(`Content-Location: ${await uri()}`);
    expect(body).toContain(pixels.toString('latin1'));
    expect(body.endsWith(`\r\n--${boundary}--\r\n`)).toBe(true);
    expect(rest.length).toBeGreaterThan(0);
  });

  it('is of nobody else, and of no other element', async () => {
    const foreign = await fetch(await uri(), { headers: { authorization: `Bearer ${OTHER_TOKEN}` } });
    expect(foreign.status).toBe(404);
    const other = (await uri()).replace('7FE00010', '00091010');
    expect((await fetch(other, { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(404);
  });
});
