import { once } from 'node:events';
import fs from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { runCli } from '../support/cli.ts';
import { writeConfig } from '../support/daemon-process.ts';
import { syntheticCt, syntheticStudy } from '../support/data-sets.ts';
import { listIncoming, readObjectFolder } from '../support/object-folder.ts';
import { connectScriptedPeer, dataSetPdus, type ScriptedPeer, storeRq } from '../support/scripted-peer.ts';
import { sendObjects, sha256Of } from '../support/send-objects.ts';
import { areAllCreated, CENTRES, createSite, type Site } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';

const { city, north } = CENTRES;
const image = syntheticCt({ seed: 'in flight', rows: 512, columns: 512 });

/** A peer that has sent half of {@link image}. */
async function sendHalf(site: Site): Promise<{ peer: ScriptedPeer; sendRest: () => void }> {
  const peer = await connectScriptedPeer(site.daemon.dimse.port);
  await peer.associate();
  const pdus = dataSetPdus(image.dataSet);
  peer.send(storeRq({ sopInstanceUid: image.sopInstanceUid }), pdus.subarray(0, 300_000));
  await waitUntil('the object is being received', async () =>
    (await listIncoming(path.join(site.folder, 'data'))).length === 1 ? true : undefined,
  );
  return { peer, sendRest: () => peer.send(pdus.subarray(300_000)) };
}

async function isListening(port: number): Promise<boolean> {
  try {
    (await connectScriptedPeer(port)).destroy();
    return true;
  } catch (error) {
    // Whoever stood in line while the listener closed is cut off: the next one is told whether it has.
    if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') return true;
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    return false;
  }
}

describe('signals', () => {
  let site: Site;
  beforeEach(async () => {
    site = await createSite();
    await site.start();
  });
  afterEach(() => site.close());

  it('SIGTERM finishes the object in flight, takes nothing new, and exits with 0', async () => {
    const { daemon } = site;
    const { peer, sendRest } = await sendHalf(site);
    daemon.process.kill('SIGTERM');
    await daemon.logged(({ msg }) => msg.startsWith('stopping'));
    await waitUntil('no more connections are taken', async () =>
      (await isListening(daemon.dimse.port)) ? undefined : true,
    );
    sendRest();
    expect(await peer.response()).toMatchObject({ status: 0 });
    expect(await peer.next()).toEqual({ type: 'A-ABORT', source: 0, reason: 0 });
    peer.end();
    expect(await daemon.exited()).toBe(0);
    expect(daemon.log.at(-1)).toMatchObject({ msg: 'stopped', signal: 'SIGTERM' });
    expect(daemon.noise).toEqual([]);

    const dataDir = path.join(site.folder, 'data');
    const [stored] = await readObjectFolder(dataDir);
    expect(stored).toMatchObject({
      customer: city.customer,
      sopInstanceUid: image.sopInstanceUid,
      dataSetSha256: sha256Of(image.dataSet),
    });
    expect(await listIncoming(dataDir)).toEqual([]);
    // A stop like this leaves nothing to recover.
    const next = await site.start();
    expect(next.log.filter(({ level }) => level !== 'info')).toEqual([]);
    await site.studiesWhen('at Avara', (all) => all.length === 1 && areAllCreated(all));
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)(
    'a second %s ends at once with %i, and the half object is gone after the next start',
    async (signal, code) => {
      const { daemon } = site;
      const { peer } = await sendHalf(site);
      daemon.process.kill(signal);
      await daemon.logged(({ msg }) => msg.startsWith('stopping'));
      daemon.process.kill(signal);
      expect(await daemon.exited()).toBe(code);
      peer.destroy();

      await site.start();
      const dataDir = path.join(site.folder, 'data');
      expect(await listIncoming(dataDir)).toEqual([]);
      expect(await readObjectFolder(dataDir)).toEqual([]);
      expect(await site.studies()).toEqual([]);
    },
  );

  it('SIGHUP brings a new route into force without dropping an Association; a bad file is refused', async () => {
    const { daemon } = site;
    const to = daemon.dimse;
    const file = path.join(site.folder, 'config.json');
    const config = JSON.parse(await fs.readFile(file, 'utf8')) as { routes: object[] };
    const { peer, sendRest } = await sendHalf(site);
    const small = syntheticCt({ seed: 'small', rows: 16, columns: 16 });
    const sendToNew = () => sendObjects([small], { to, calledAe: 'NEWAE' });
    await expect(sendToNew()).rejects.toThrow('Association rejected (called AE title not recognized)');

    const routes = [...config.routes, { calledAe: 'NEWAE', customer: north.customer }];
    await fs.writeFile(file, JSON.stringify({ ...config, routes }));
    daemon.process.kill('SIGHUP');
    await daemon.logged(({ msg }) => msg === 'configuration reloaded');
    expect(await sendToNew()).toEqual([0]);

    const bad = { ...config, routes: [{ calledAe: 'NEWAE', customer: 'nobody' }] };
    await fs.writeFile(file, JSON.stringify(bad));
    daemon.process.kill('SIGHUP');
    const refusal = await daemon.logged(({ msg }) => msg.startsWith('configuration not reloaded'));
    expect(JSON.stringify(refusal.problems)).toContain('nobody');
    expect(await sendToNew()).toEqual([0]);

    const needsRestart = { ...config, routes, dimse: { host: '127.0.0.1', port: 0, maxAssociations: 3 } };
    await fs.writeFile(file, JSON.stringify(needsRestart));
    daemon.process.kill('SIGHUP');
    const warning = await daemon.logged(({ msg }) => msg.startsWith('these changes need a restart'));
    expect(warning.sections).toEqual(['dimse']);

    sendRest();
    expect(await peer.response()).toMatchObject({ status: 0 });
    await peer.release();
  });
});

describe('a start that fails', () => {
  let root: string;
  let folders = 0;
  beforeAll(async () => {
    root = await fs.mkdtemp(path.join(os.tmpdir(), 'service-'));
  });
  afterAll(() => fs.rm(root, { recursive: true }));

  async function configOf(changes: Record<string, unknown> = {}): Promise<string> {
    folders += 1;
    const folder = path.join(root, String(folders));
    await fs.mkdir(folder);
    return writeConfig(folder, {
      avara: { baseUrl: 'http://127.0.0.1:9', apiKey: city.apiKey, webhookSecret: city.webhookSecret },
      customers: { [city.customer]: { expressCustomerId: city.expressCustomerId } },
      routes: [{ calledAe: city.calledAe, customer: city.customer }],
      ...changes,
    });
  }

  /** Runs `serve`, which must end with `code`, one line on standard error that fits, and at most a hint. */
  async function expectFailure(config: string, code: number, line: RegExp): Promise<void> {
    const run = await runCli('serve', '--config', config);
    expect(run).toMatchObject({ code, err: expect.stringMatching(line) as string });
    expect(run.err).toMatch(/^error: [^\n]+\n(?: {2}[^\n]+\n)*(?:hint: [^\n]+\n)?$/);
    const logged = run.out.split('\n').filter((text) => text !== '');
    const errors = logged
      .map((text) => JSON.parse(text) as { level: string; exitCode?: number; msg: string })
      .filter(({ level }) => level === 'error');
    // A configuration that cannot be used is found before there is a log.
    expect(errors.map(({ exitCode }) => exitCode)).toEqual(code === 2 ? [] : [code]);
    expect(run.out + run.err).not.toContain(city.apiKey);
    expect(run.out + run.err).not.toContain(city.webhookSecret);
  }

  it.each(['dimse', 'http', 'admin'])('because the port of "%s" is in use', async (section) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const config = await configOf({ [section]: { host: '127.0.0.1', port } });
    await expectFailure(config, 4, new RegExp(`^error: port in use: 127\\.0\\.0\\.1:${port}\nhint: `));
    server.close();
  });

  it('because the data folder cannot be made', async () => {
    const config = await configOf({ dataDir: './config.json/data' });
    await expectFailure(config, 4, /^error: .*config\.json\/data.*\nhint: /);
  });

  it('because the data folder may not be written to', async ({ skip }) => {
    const folder = path.join(root, 'read-only');
    await fs.mkdir(folder, { mode: 0o500 });
    if (process.getuid?.() === 0) skip('the superuser may write everywhere');
    const config = await configOf({ dataDir: folder });
    await expectFailure(config, 4, /^error: .*read-only.*\nhint: /);
  });

  it('because another daemon has the data folder', async () => {
    const site = await createSite();
    await site.start();
    const config = await configOf({ dataDir: path.join(site.folder, 'data') });
    await expectFailure(config, 4, /^error: another daemon is using the data folder .*\nhint: /);
    await site.close();
  });

  it.each([
    ['is not JSON', '{ "customers": ', /not valid JSON/],
    ['is not there', undefined, /config\.json/],
  ])('because the configuration %s', async (_what, content, line) => {
    const config = await configOf();
    if (content === undefined) await fs.rm(config);
    else await fs.writeFile(config, content);
    await expectFailure(config, 2, line);
  });

  it('because the configuration is wrong, with every problem named by its path', async () => {
    const config = await configOf({
      dimse: { port: 70_000 },
      routes: [{ calledAe: 'A NAME THAT IS TOO LONG', customer: 'nobody' }],
      colour: 'blue',
    });
    await expectFailure(config, 2, /^error: .* problems\n/);
    const { err } = await runCli('serve', '--config', config);
    for (const where of ['dimse.port', '70000', 'routes[0].calledAe', 'colour']) expect(err).toContain(where);
  });
});

describe('the admin listener', () => {
  let site: Site;
  const adminUrl = (pathname: string): URL =>
    new URL(pathname, `http://${site.daemon.admin.host}:${site.daemon.admin.port}`);
  const getJson = async (pathname: string): Promise<unknown> => (await fetch(adminUrl(pathname))).json();
  beforeAll(async () => {
    site = await createSite({
      config: { studies: { stableAfterSeconds: 600, stableAfterReleaseSeconds: 600 } },
    });
    await site.start();
  });
  afterAll(() => site.close());

  it('is announced by the ready line, with the others', async () => {
    const ready = site.daemon.log.find(({ msg }) => msg === 'ready');
    const address = { host: '127.0.0.1', port: expect.any(Number) as number };
    expect(ready).toMatchObject({ level: 'info', dimse: address, http: address, admin: address });
    const ports = [site.daemon.dimse.port, site.daemon.http.port, site.daemon.admin.port];
    expect(new Set(ports).size).toBe(3);
    expect(await isListening(site.daemon.dimse.port)).toBe(true);
  });

  it('answers /healthz, /readyz and /metrics', async () => {
    expect(await getJson('/healthz')).toEqual({ ok: true });
    expect(await getJson('/readyz')).toEqual({
      ok: true,
      parts: {
        listeners: { ok: true },
        dimse: { ok: true },
        index: { ok: true },
        store: { ok: true },
        disk: { ok: true },
        keys: { ok: true },
        folders: { ok: true },
        deliveries: { ok: true },
        avara: { ok: true },
      },
    });
    const metrics = await fetch(adminUrl('/metrics'));
    expect(metrics.headers.get('content-type')).toMatch(/^text\/plain/);
    const text = await metrics.text();
    expect(text).toMatch(/^avara_ingest_associations_open \d+$/m);
    expect(text).toMatch(/^# HELP process_resident_memory_bytes /m);
  });

  it('is not ready while objects cannot be stored, and says why', async () => {
    const incoming = path.join(site.folder, 'data', 'incoming');
    await fs.rename(incoming, `${incoming}-away`);
    try {
      await waitUntil('it is not ready', async () => {
        const response = await fetch(adminUrl('/readyz'));
        const body = (await response.json()) as { parts: { store: { ok: boolean; detail?: string } } };
        if (response.status !== 503) return undefined;
        expect(body.parts.store).toEqual({ ok: false, detail: `${incoming} cannot be written (ENOENT)` });
        return true;
      });
    } finally {
      await fs.rename(`${incoming}-away`, incoming);
    }
    await waitUntil('it is ready', async () => ((await fetch(adminUrl('/readyz'))).ok ? true : undefined));
  });

  it('lists studies in the documented shape, in pages, and completes one on demand', async () => {
    const to = site.daemon.dimse;
    const uids = ['2.25.31', '2.25.32', '2.25.33'];
    for (const studyInstanceUid of uids) {
      const images = [...syntheticStudy({ rows: 16, columns: 16, studyInstanceUid, instancesPerSeries: 2 })];
      expect(await sendObjects(images, { to, calledAe: city.calledAe })).toEqual([0, 0]);
    }
    const first = (await getJson('/api/studies?limit=2')) as {
      studies: Record<string, unknown>[];
      cursor: string;
    };
    expect(Object.keys(first).sort()).toEqual(['cursor', 'studies']);
    expect(first.studies).toHaveLength(2);
    const timestamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;
    for (const study of first.studies) {
      expect(study).toEqual({
        customer: city.customer,
        studyInstanceUid: expect.stringMatching(/^2\.25\.3[123]$/) as string,
        state: 'receiving',
        instances: 2,
        bytes: expect.any(Number) as number,
        firstReceivedAt: timestamp,
        lastReceivedAt: timestamp,
        avara: [],
      });
    }
    const second = (await getJson(
      `/api/studies?limit=2&cursor=${encodeURIComponent(first.cursor)}`,
    )) as typeof first;
    expect(second.cursor).toBeNull();
    const listed = [...first.studies, ...second.studies].map(({ studyInstanceUid }) => studyInstanceUid);
    expect(listed.sort()).toEqual(uids);

    const completed = await fetch(adminUrl(`/api/studies/${city.customer}/2.25.32/complete`), {
      method: 'POST',
    });
    expect(completed.status).toBe(200);
    const stable = await site.studiesWhen('the completed one at Avara', (all) =>
      all.some(
        ({ studyInstanceUid, avara }) => studyInstanceUid === '2.25.32' && avara[0]?.state === 'created',
      ),
    );
    expect(stable.find(({ studyInstanceUid }) => studyInstanceUid === '2.25.32')).toMatchObject({
      state: 'stable',
      avara: [
        {
          product: 'viewer',
          state: 'created',
          studyId: expect.stringMatching(/^stu_[0-9a-f]{32}$/) as string,
          attempts: 1,
          lastError: null,
        },
      ],
    });
    const countOf = async (query: string): Promise<number> =>
      ((await getJson(`/api/studies?${query}`)) as typeof first).studies.length;
    expect(await countOf('state=stable')).toBe(1);
    expect(await countOf('state=receiving')).toBe(2);
    expect(await countOf(`customer=${north.customer}`)).toBe(0);
    expect(await countOf('q=2.25.33')).toBe(1);

    for (const query of [
      'limit=0',
      'limit=1001',
      'state=odd',
      'cursor=x',
      'customer=No',
      'limit=1&limit=2',
    ]) {
      expect((await fetch(adminUrl(`/api/studies?${query}`))).status, query).toBe(400);
    }
    const unknown = await fetch(adminUrl(`/api/studies/${north.customer}/2.25.32/retry`), { method: 'POST' });
    expect(unknown.status).toBe(404);
  });
});
