import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runCli } from '../support/cli.ts';
import { CENTRES, createSite } from '../support/site.ts';
import type { Site } from '../support/site.ts';

const CORPUS = process.env.DICOM_CORPUS;
if (CORPUS === undefined) process.stdout.write('DICOM_CORPUS is unset: no real file is asked for\n');

const TOKEN = 'corpus-token';
/** Answers that PS3.18 has for what cannot be had in the form asked for. */
const EXPECTED: ReadonlySet<number> = new Set([200, 404, 406]);

interface FoundInstance {
  readonly '00081190': { readonly Value: readonly [string] };
  readonly '00080018': { readonly Value: readonly [string] };
}

describe.runIf(CORPUS !== undefined)('every real file that the daemon stores', { timeout: 300_000 }, () => {
  let site: Site;
  let instances: readonly FoundInstance[];

  beforeAll(async () => {
    const { customer } = CENTRES.city;
    site = await createSite({
      config: { access: { tokens: [{ name: 'corpus', token: TOKEN, customers: [customer] }] } },
    });
    await site.start();
    const { host, port } = site.daemon.admin;
    await runCli(
      ...['import', path.resolve(CORPUS ?? ''), '--customer', customer, '--json'],
      ...['--config', path.join(site.folder, 'config.json'), '--url', `http://${host}:${port}`],
    );
    instances = (await (await ask('/instances?limit=1000')).json()) as readonly FoundInstance[];
  }, 120_000);
  afterAll(() => site.close());

  function ask(resource: string): Promise<Response> {
    const { host, port } = site.daemon.http;
    const url = resource.startsWith('http') ? resource : `http://${host}:${port}/dicom-web${resource}`;
    return fetch(url, { headers: { authorization: `Bearer ${TOKEN}` } });
  }

  test('can be asked for rendered, as thumbnail, by frame and in Explicit VR Little Endian', async () => {
    expect(instances.length).toBeGreaterThan(100);
    const odd: string[] = [];
    const counts: Record<string, number> = {};
    for (const instance of instances) {
      const [url] = instance['00081190'].Value;
      for (const form of [
        '/rendered',
        '/thumbnail',
        '/frames/1',
        '/frames/1/rendered',
        '?accept=application/dicom;transfer-syntax=1.2.840.10008.1.2.1',
      ]) {
        const response = await ask(`${url}${form}`);
        const { byteLength } = await response.arrayBuffer();
        const name = `${form.replace(/=.*/, '')} ${response.status}`;
        counts[name] = (counts[name] ?? 0) + 1;
        if (!EXPECTED.has(response.status) || byteLength === 0)
          odd.push(`${response.status} ${instance['00080018'].Value[0]} ${form}`);
      }
    }
    expect(odd).toEqual([]);
    // Most of them are images, and whole.
    expect(counts['/rendered 200']).toBeGreaterThan(60);
    expect(counts['/rendered 200']).toBe(counts['/frames/1/rendered 200']);
    expect(site.daemon.log.filter((line) => line.msg === 'request failed')).toEqual([]);
  });
});
