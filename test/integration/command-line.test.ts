import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { freePort } from '../support/free-port.ts';
import { startDaemon, writeConfig } from '../support/daemon-process.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');
const SETTINGS = {
  avara: { baseUrl: 'http://127.0.0.1:9', apiKey: 'sk_live_of_a_test', webhookSecret: 'whsec_of_a_test' },
  customers: { city: { expressCustomerId: `cus_${'0'.repeat(32)}` } },
  routes: [{ calledAe: 'CITYMED', callingAe: ['CT1'], customer: 'city' }],
};

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function avaraIngest(...argv: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, out, err };
}

let root: string;
beforeAll(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'command-line-'));
});
afterAll(() => fs.rm(root, { recursive: true }));

async function newFolder(name: string): Promise<string> {
  const folder = path.join(root, name);
  await fs.mkdir(folder);
  return folder;
}

describe('beside a running daemon', () => {
  let daemon: DaemonProcess;
  let config: string;
  let url: string;
  beforeAll(async () => {
    config = await writeConfig(await newFolder('running'), SETTINGS);
    daemon = await startDaemon(config);
    url = `http://127.0.0.1:${daemon.admin.port}`;
  });
  afterAll(() => daemon.stop());

  it('status shows what it holds, for people and for programs', async () => {
    const people = await avaraIngest('status', '--config', config, '--url', url);
    expect(people).toMatchObject({ code: 0, err: '' });
    expect(people.out).toContain('No study has come in yet.');
    const programs = await avaraIngest('status', '--json', '--config', config, '--url', url);
    expect(JSON.parse(programs.out)).toMatchObject({ totals: { studies: 0 }, recent: [], attention: [] });
  });

  it('status says that it needs --url where the port was chosen at the start', async () => {
    const { code, err } = await avaraIngest('status', '--config', config);
    expect(code).toBe(2);
    expect(err).toContain('--url http://127.0.0.1:PORT');
  });

  it('echo gets an answer for a sender with a route', async () => {
    const peer = `127.0.0.1:${daemon.dimse.port}`;
    const { code, out, err } = await avaraIngest('echo', peer, '--called', 'CITYMED', '--calling', 'CT1');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^✔ CITYMED at 127\.0\.0\.1:\d+ \(AVARA_INGEST_\S+\) answered in \d+ ms\n$/);
  });

  it('echo tells why a sender without a route is rejected', async () => {
    const peer = `127.0.0.1:${daemon.dimse.port}`;
    const { code, out, err } = await avaraIngest('echo', peer, '--called', 'CITYMED', '--calling', 'XX');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('Association rejected, calling AE title not recognized');
    expect(err).toContain('hint: ');
  });

  it('complete says that there is no such study', async () => {
    const { code, err } = await avaraIngest('complete', '1.2.3', '--config', config, '--url', url);
    expect(code).toBe(1);
    expect(err).toContain('no study 1.2.3');
  });

  it('retry --all says that there is nothing to do', async () => {
    const { code, out } = await avaraIngest('retry', '--all', '--config', config, '--url', url);
    expect({ code, out }).toEqual({ code: 0, out: '✔ nothing to try again\n' });
  });

  it('a second serve on the same data folder is refused', async () => {
    const { code, err } = await avaraIngest('serve', '--config', config);
    expect(code).toBe(4);
    expect(err).toMatch(/^error: another daemon is using the data folder .*\nhint: /);
  });
});

describe('without a daemon', () => {
  it('status ends with 3 and says where it looked', async () => {
    const free = await freePort();
    const config = await writeConfig(await newFolder('nobody'), { ...SETTINGS, admin: { port: free } });
    const { code, err } = await avaraIngest('status', '--config', config);
    expect(code).toBe(3);
    expect(err).toContain(`the daemon does not answer at http://127.0.0.1:${free}: connection refused`);
  });

  it('echo ends with 3 where nothing listens', async () => {
    const { code, err } = await avaraIngest('echo', `127.0.0.1:${await freePort()}`, '--called', 'PACS');
    expect(code).toBe(3);
    expect(err).toContain('connection refused');
  });

  it('check is green offline, and makes nothing', async () => {
    const folder = await newFolder('check');
    const config = await writeConfig(folder, SETTINGS);
    await fs.chmod(config, 0o600);
    const { code, out } = await avaraIngest('check', '--offline', '--json', '--config', config);
    const { checks } = JSON.parse(out) as { checks: { id: string; status: string }[] };
    expect(checks.filter(({ status }) => status === 'failed')).toEqual([]);
    expect(code).toBe(0);
    expect(await fs.readdir(folder)).toEqual(['config.json']);
  });

  it('check names a port that another program uses, and an Avara that does not answer', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const config = await writeConfig(await newFolder('taken'), {
      ...SETTINGS,
      avara: { ...SETTINGS.avara, baseUrl: `http://127.0.0.1:${await freePort()}` },
      dimse: { host: '127.0.0.1', port },
    });
    const { code, out } = await avaraIngest('check', '--json', '--config', config);
    server.close();
    expect(code).toBe(1);
    const { checks } = JSON.parse(out) as { checks: { id: string; status: string; advice?: string }[] };
    const failed = checks.filter(({ status }) => status === 'failed');
    expect(failed.map(({ id }) => id)).toEqual(['dimse-port', 'avara']);
    expect(failed.every(({ advice }) => advice !== undefined)).toBe(true);
  });

  it('serve says that a port is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const config = await writeConfig(await newFolder('in-use'), { ...SETTINGS, http: { port } });
    const { code, err } = await avaraIngest('serve', '--config', config);
    server.close();
    expect(code).toBe(4);
    expect(err).toMatch(new RegExp(`^error: .*127\\.0\\.0\\.1:${port}.*\nhint: `));
  });
});
