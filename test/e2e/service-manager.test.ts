import { spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, isOpensslInstalled, type CertificateAuthority } from '../support/certificates.ts';
import { runCli } from '../support/cli.ts';
import { startDaemon, writeConfig, type DaemonProcess } from '../support/daemon-process.ts';
import { startNotifyReceiver, type NotifyReceiver } from '../support/notify-receiver.ts';

const BASE = {
  avara: { baseUrl: 'http://127.0.0.1:9', apiKey: 'sk_live_12345678', webhookSecret: 'whsec_12345678' },
  customers: { city: { expressCustomerId: `cus_${'1'.repeat(32)}` } },
  routes: [{ calledAe: 'CITY', customer: 'city' }],
};

let folder: string;
beforeAll(async () => void (folder = await fs.mkdtemp(path.join(os.tmpdir(), 'manager-'))));
afterAll(() => fs.rm(folder, { recursive: true }));

describe.runIf(process.platform === 'linux')('under a service manager, the daemon', () => {
  let receiver: NotifyReceiver | undefined;
  let daemon: DaemonProcess | undefined;
  afterEach(async () => {
    await daemon?.kill();
    await receiver?.close();
    daemon = receiver = undefined;
  });

  async function start(env: Record<string, string> = {}): Promise<{ config: string }> {
    receiver = await startNotifyReceiver(path.join(folder, `notify-${Math.random()}`));
    const config = await writeConfig(await fs.mkdtemp(path.join(folder, 'site-')), BASE);
    daemon = await startDaemon(config, { NOTIFY_SOCKET: receiver.address, ...env });
    return { config };
  }

  it('says when it is ready, reloads and stops, and feeds the watchdog meanwhile', async () => {
    const { config } = await start({ WATCHDOG_USEC: '1500000' });
    const received = (name: string): Promise<unknown> =>
      receiver?.received((message) => name in message) ?? Promise.reject(new Error('no receiver'));
    await received('READY');
    expect(await received('WATCHDOG')).toMatchObject({
      WATCHDOG: '1',
      STATUS: expect.stringContaining('Associations open') as string,
    });

    const folderOf = path.dirname(config);
    await writeConfig(folderOf, { ...BASE, routes: [{ calledAe: 'TOWN', customer: 'city' }] });
    daemon?.process.kill('SIGHUP');
    expect(await received('RELOADING')).toMatchObject({
      MONOTONIC_USEC: expect.stringMatching(/^\d+$/) as string,
    });
    const reloaded = await daemon?.logged(({ msg }) => msg === 'configuration reloaded');
    expect(reloaded).toMatchObject({
      changes: { routes: { added: ['TOWN → city'], removed: ['CITY → city'] } },
    });
    await receiver?.received(({ STATUS }) => STATUS === 'Configuration reloaded');

    expect(await daemon?.stop()).toBe(0);
    await received('STOPPING');
    expect(receiver?.messages.findIndex((message) => 'READY' in message)).toBeLessThan(
      receiver?.messages.findIndex((message) => 'STOPPING' in message) ?? 0,
    );
  });
});

describe('"service"', () => {
  it('prints a unit that systemd takes, and that shuts the daemon in', async ({ skip }) => {
    if (spawnSync('systemd-analyze', ['--version']).error !== undefined) skip('systemd-analyze is missing');
    const site = await fs.mkdtemp(path.join(folder, 'unit-'));
    const config = await writeConfig(site, {
      ...BASE,
      dimse: { port: 104 },
      admin: { token: '${cred:admin}' },
      avara: { ...BASE.avara, apiKey: '${env:API_KEY}' },
    });
    const { code, out, err } = await runCli('service', '--config', config);
    expect({ code, err: err.replace(/^warning: .*\n/gm, '') }).toEqual({ code: 0, err: '' });
    const unit = path.join(site, 'avara-ingest.service');
    await fs.writeFile(unit, out);
    const verified = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    expect({ status: verified.status, out: verified.stderr }).toEqual({ status: 0, out: '' });
    // 10 is wide open; 2.0 is given as a threshold in tenths.
    const argv = ['security', '--offline=true', '--threshold=20', unit];
    const judged = spawnSync('systemd-analyze', argv, { encoding: 'utf8' });
    expect(judged.stdout).toMatch(/Overall exposure level for avara-ingest\.service: 1\.\d OK/);
    expect(judged.status).toBe(0);
  });

  it('does nothing in a dry run', async () => {
    const site = await fs.mkdtemp(path.join(folder, 'dry-'));
    const config = await writeConfig(site, BASE);
    const before = await fs.stat(config);
    const { code, out } = await runCli('service', '--config', config, '--install', '--dry-run');
    expect(code).toBe(0);
    expect(out).toContain('write /etc/systemd/system/avara-ingest.service');
    expect((await fs.stat(config)).mode).toBe(before.mode);
    expect(await fs.readdir(site)).toEqual(['config.json']);
  });
});

describe.runIf(isOpensslInstalled())('HTTPS', () => {
  let authority: CertificateAuthority;
  beforeAll(() => void (authority = createAuthority()));
  afterAll(() => authority.remove());

  const subjectAt = async (port: number): Promise<string> => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      ca: authority.cert,
      checkServerIdentity: () => undefined,
    });
    await once(socket, 'secureConnect');
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return String(subject.CN);
  };

  it('takes a renewed certificate at a reload without a restart, and keeps the old one where it is bad', async () => {
    const site = await fs.mkdtemp(path.join(folder, 'https-'));
    const first = authority.issue('/CN=first.example');
    const [cert, key] = [path.join(site, 'cert.pem'), path.join(site, 'key.pem')];
    const install = async (one: { cert: Buffer; key: Buffer }): Promise<void> => {
      await fs.writeFile(cert, one.cert);
      await fs.writeFile(key, one.key, { mode: 0o600 });
    };
    await install(first);
    const config = await writeConfig(site, {
      ...BASE,
      http: { host: '127.0.0.1', port: 0, tls: { cert: './cert.pem', key: './key.pem' } },
    });
    const daemon = await startDaemon(config);
    expect(await subjectAt(daemon.http.port)).toBe('first.example');

    await install(authority.issue('/CN=second.example'));
    daemon.process.kill('SIGHUP');
    await daemon.logged(({ msg, listener }) => msg === 'TLS certificate renewed' && listener === 'http');
    expect(await subjectAt(daemon.http.port)).toBe('second.example');

    await fs.writeFile(cert, 'not a certificate');
    daemon.process.kill('SIGHUP');
    await daemon.logged(({ msg }) => msg.startsWith('the new TLS certificate cannot be used'));
    expect(await subjectAt(daemon.http.port)).toBe('second.example');

    const { host, port } = daemon.admin;
    const metrics = await (await fetch(`http://${host}:${port}/metrics`)).text();
    expect(metrics).toMatch(/^avara_ingest_tls_certificate_days_left\{listener="http"\} [12]$/m);
    expect(await daemon.stop()).toBe(0);
  });
});
