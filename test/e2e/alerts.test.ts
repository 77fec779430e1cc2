import { createHmac } from 'node:crypto';
import fs from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, isOpensslInstalled } from '../support/certificates.ts';
import { runCli } from '../support/cli.ts';
import { startDaemon, writeConfig, type DaemonProcess } from '../support/daemon-process.ts';
import { waitUntil } from '../support/wait-until.ts';

const SECRET = 'a-shared-secret';
const BASE = {
  avara: { baseUrl: 'http://127.0.0.1:9', apiKey: 'sk_live_12345678', webhookSecret: 'whsec_12345678' },
  customers: { city: { expressCustomerId: `cus_${'1'.repeat(32)}` } },
  routes: [{ calledAe: 'CITY', customer: 'city' }],
};

interface Received {
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

let folder: string;
let server: http.Server;
let received: Received[];
let url: string;
let daemon: DaemonProcess | undefined;
beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'alerts-'));
  server = http.createServer((request, response) => {
    void text(request).then((body) => {
      received.push({ headers: request.headers, body });
      response.writeHead(request.url?.startsWith('/broken') ? 500 : 204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?sig=part-of-the-secret`;
  received = [];
});
afterEach(async () => {
  await daemon?.kill();
  daemon = undefined;
  received = [];
});
afterAll(async () => {
  server.close();
  await fs.rm(folder, { recursive: true });
});

/** A mail command that keeps the message in a file. */
function mailCommand(site: string): { command: string[]; mail: string } {
  const mail = path.join(site, 'mail.txt');
  const script = `require('fs').writeFileSync(${JSON.stringify(mail)}, require('fs').readFileSync(0))`;
  return { command: [process.execPath, '-e', script], mail };
}

describe('alerts', () => {
  it('reach a webhook and a mail command, signed, and once over restarts', async () => {
    const site = await fs.mkdtemp(path.join(folder, 'site-'));
    const { command, mail } = mailCommand(site);
    // A reserve that no disk has: the disk counts as full.
    const config = await writeConfig(site, {
      ...BASE,
      storage: { reserveBytes: Number.MAX_SAFE_INTEGER },
      alerts: {
        name: 'Zentrum Köln',
        webhook: { url, secret: SECRET },
        mail: { command, from: 'ingest@example.org', to: ['it@example.org'] },
        ignore: ['avara-unreachable'],
      },
    });
    daemon = await startDaemon(config);
    await daemon.logged(({ msg }) => msg.startsWith('alert: The disk is full'));
    await waitUntil('the webhook', () => received[0]);

    const [message] = received;
    const signature = String(message?.headers['x-avara-ingest-signature']);
    const [, time = '', mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
    const expected = createHmac('sha256', SECRET)
      .update(`${time}.${message?.body ?? ''}`)
      .digest('hex');
    expect(mac).toBe(expected);
    expect(JSON.parse(message?.body ?? '')).toMatchObject({
      source: 'avara-ingest',
      name: 'Zentrum Köln',
      alerts: [{ id: 'disk-low', state: 'raised', severity: 'critical' }],
      text: expect.stringContaining('no image is accepted') as string,
    });

    const written = (): Promise<string> => fs.readFile(mail, 'utf8').catch(() => '');
    await waitUntil('the mail', async () => (await written()) || undefined);
    const [head = '', body = ''] = (await written()).split('\n\n', 2);
    expect(head).toContain('To: it@example.org');
    expect(head).toMatch(/^Subject: =\?utf-8\?B\?/m);
    expect(head).toMatch(/^[ -~\n]*$/);
    expect(body).toContain('ALERT: The disk is full');

    const { host, port } = daemon.admin;
    const answer = await (await fetch(`http://${host}:${port}/api/alerts`)).json();
    expect(answer).toMatchObject({
      alerts: [{ id: 'disk-low' }],
      channels: [{ name: 'webhook' }, { name: 'mail' }],
    });
    const metrics = await (await fetch(`http://${host}:${port}/metrics`)).text();
    expect(metrics).toContain('avara_ingest_alerts_active{severity="critical"} 1');
    expect(metrics).toContain('avara_ingest_alert_messages_total{channel="webhook",outcome="sent"} 1');

    await daemon.stop();
    expect(JSON.stringify(daemon.log)).not.toMatch(/part-of-the-secret|a-shared-secret/);
    const before = received.length;
    daemon = await startDaemon(config);
    const test = await runCli('alert', '--test', '--config', config, '--url', adminUrl(daemon));
    expect(test).toMatchObject({
      code: 0,
      out: expect.stringContaining('webhook took the test message') as string,
    });
    // The test came, the alert that lasts did not come again.
    expect(
      received
        .slice(before)
        .map(({ body: text }) => (JSON.parse(text) as { alerts: { id: string }[] }).alerts[0]?.id),
    ).toEqual(['test']);
  });

  it('of crashes are raised by the start after the third', async () => {
    const site = await fs.mkdtemp(path.join(folder, 'crash-'));
    const config = await writeConfig(site, { ...BASE, alerts: { webhook: { url } } });
    for (let crash = 0; crash < 3; crash += 1) {
      daemon = await startDaemon(config);
      await daemon.kill();
    }
    expect(received).toEqual([]);
    daemon = await startDaemon(config);
    await daemon.logged(({ alert }) => alert === 'crash-loop');
    await waitUntil('the webhook', () => received[0]);
    expect(received[0]?.body).toContain('"id":"crash-loop"');
  });

  it.skipIf(!isOpensslInstalled())('of the certificate that the public URL shows', async () => {
    const site = await fs.mkdtemp(path.join(folder, 'public-'));
    const authority = createAuthority();
    const { cert, key } = authority.issue('/CN=localhost', 5);
    // What stands in front of the daemon: only its certificate is looked at.
    const proxy = https.createServer({ cert, key }, (_request, response) => response.end());
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    try {
      const publicUrl = `https://localhost:${(proxy.address() as AddressInfo).port}`;
      const config = await writeConfig(site, {
        ...BASE,
        http: { host: '127.0.0.1', port: 0, publicUrl },
        alerts: { webhook: { url }, ignore: ['avara-unreachable'] },
      });
      daemon = await startDaemon(config);
      await daemon.logged(({ alert }) => alert === 'certificate-expiring:public-url');
      await waitUntil('the webhook', () => received[0]);
      expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({
        alerts: [
          {
            id: 'certificate-expiring:public-url',
            severity: 'warning',
            summary: 'The certificate of the public URL expires in 4 days.',
          },
        ],
      });
      const metrics = await (await fetch(`${adminUrl(daemon)}/metrics`)).text();
      expect(metrics).toContain('avara_ingest_tls_certificate_days_left{listener="public-url"} 4');
    } finally {
      proxy.close();
      authority.remove();
    }
  });

  it('of a quarantine that grows are the same after a restart', async () => {
    const site = await fs.mkdtemp(path.join(folder, 'quarantine-'));
    const config = await writeConfig(site, {
      ...BASE,
      alerts: { webhook: { url }, quarantinedPerDay: 3, ignore: ['avara-unreachable'] },
    });
    const spoil = async (name: string, files: number): Promise<void> => {
      const from = path.join(site, name);
      await fs.mkdir(from);
      for (let number = 0; number < files; number += 1)
        await fs.writeFile(path.join(from, `${number}.dcm`), Buffer.alloc(600, number + 1));
      const argv = [from, '--customer', 'city', '--config', config];
      const target = daemon === undefined ? [] : ['--url', adminUrl(daemon)];
      expect((await runCli('import', ...argv, ...target)).code).toBe(1);
    };
    daemon = await startDaemon(config);
    await daemon.stop();
    daemon = undefined;
    await spoil('first', 2);
    daemon = await startDaemon(config);
    await spoil('second', 1);
    await daemon.logged(({ alert }) => alert === 'quarantine-growing');
    expect(await (await fetch(`${adminUrl(daemon)}/metrics`)).text()).toContain('avara_ingest_quarantined 3');
  });

  it('can be tested where no daemon runs, and say what is in the way', async () => {
    const site = await fs.mkdtemp(path.join(folder, 'idle-'));
    const config = await writeConfig(site, {
      ...BASE,
      admin: { port: 1 },
      alerts: {
        webhook: { url: url.replace('/hook', '/broken') },
        mail: { command: ['/no/such/program'], to: ['it@example.org'] },
      },
    });
    const { code, out } = await runCli('alert', '--test', '--config', config, '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      sentBy: 'command',
      results: [
        { channel: 'webhook', ok: false, error: 'the webhook answered with HTTP 500' },
        { channel: 'mail', ok: false, error: expect.stringContaining('cannot be started') as string },
      ],
    });
  });
});

function adminUrl({ admin }: DaemonProcess): string {
  return `http://${admin.host}:${admin.port}`;
}
