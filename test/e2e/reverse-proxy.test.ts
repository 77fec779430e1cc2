import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import type { ClientRequest, IncomingMessage } from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { json, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, isOpensslInstalled, type CertificateAuthority } from '../support/certificates.ts';
import { startDaemon, writeConfig, type DaemonProcess } from '../support/daemon-process.ts';
import { freePort } from '../support/free-port.ts';
import { startNginx, type Nginx } from '../support/nginx.ts';
import { arePeersInstalled } from '../support/peer-programs.ts';
import { buildPart10File } from '../support/part10-file.ts';
import { waitUntil } from '../support/wait-until.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');
const INSTALL_PAGE = path.resolve(import.meta.dirname, '../../docs/install.md');
const TOKEN = 'a-token-for-the-reading-room';

/** The documented server block, with the paths and ports of the test. */
async function documentedServer(change: {
  port: number;
  target: number;
  cert: string;
  key: string;
}): Promise<string> {
  const page = await fs.readFile(INSTALL_PAGE, 'utf8');
  const block = /^```nginx\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '';
  return block
    .replace('listen 443 ssl', `listen 127.0.0.1:${change.port} ssl`)
    .replace(/ssl_certificate +\S+;/, `ssl_certificate ${change.cert};`)
    .replace(/ssl_certificate_key +\S+;/, `ssl_certificate_key ${change.key};`)
    .replace('http://127.0.0.1:8080', `http://127.0.0.1:${change.target}`);
}

describe.skipIf(!arePeersInstalled('nginx') || !isOpensslInstalled())('behind nginx as documented', () => {
  let folder: string;
  let authority: CertificateAuthority;
  let config: string;
  let daemon: DaemonProcess;
  let nginx: Nginx;
  let port: number;
  beforeAll(async () => {
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'proxy-'));
    authority = createAuthority();
    const { certFile, keyFile } = authority.issue('/CN=localhost');
    port = await freePort();
    const [target, admin] = [await freePort(), await freePort()];
    config = await writeConfig(folder, {
      http: {
        host: '127.0.0.1',
        port: target,
        publicUrl: `https://localhost:${port}`,
        trustProxy: ['127.0.0.1'],
      },
      admin: { host: '127.0.0.1', port: admin },
      avara: { baseUrl: 'http://127.0.0.1:9', apiKey: 'sk_live_12345678', webhookSecret: 'whsec_12345678' },
      customers: { city: { expressCustomerId: `cus_${'1'.repeat(32)}` } },
      access: { tokens: [{ name: 'reading', token: TOKEN, customers: ['city'], rights: ['read', 'write'] }] },
    });
    daemon = await startDaemon(config);
    const site = path.join(folder, 'nginx');
    await fs.mkdir(site);
    // The workers run as another user where this is root, and must get to their temporary folders.
    await fs.chmod(folder, 0o755);
    nginx = await startNginx(
      site,
      await documentedServer({ port, target, cert: certFile, key: keyFile }),
      port,
    );
  });
  afterAll(async () => {
    await nginx.stop();
    await daemon.stop();
    authority.remove();
    await fs.rm(folder, { recursive: true });
  });

  /** A request from 127.0.0.2, which is no proxy of the daemon's. */
  const begin = (method: string, pathname: string, headers: Record<string, string>): ClientRequest =>
    https.request({
      host: '127.0.0.1',
      port,
      path: pathname,
      method,
      headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      agent: false,
      localAddress: '127.0.0.2',
      ca: authority.cert,
      servername: 'localhost',
      checkServerIdentity: () => undefined,
    });
  const answerOf = async (request: ClientRequest): Promise<IncomingMessage> =>
    ((await once(request, 'response')) as [IncomingMessage])[0];

  it('uploads stream through as they come, whatever their size, and come back whole', async () => {
    const { file } = buildPart10File({
      studyInstanceUid: '2.25.801',
      sopInstanceUid: '2.25.801.1.1',
      pixelDataLength: 24_000_000,
    });
    const body = Buffer.concat([
      Buffer.from('\r\n--b\r\nContent-Type: application/dicom\r\n\r\n'),
      file,
      Buffer.from('\r\n--b--\r\n'),
    ]);
    const request = begin('POST', '/dicom-web/studies', {
      'content-type': 'multipart/related; type="application/dicom"; boundary=b',
      accept: 'application/dicom+json',
      'content-length': String(body.length),
    });
    const half = body.length >> 1;
    request.write(body.subarray(0, half));
    // The daemon writes the object while its second half has not been sent: nginx did not gather the request.
    const incoming = path.join(folder, 'data', 'incoming');
    await waitUntil('the object under way', async () => {
      const names = await fs.readdir(incoming);
      const sizes = await Promise.all(
        names.map(async (name) => (await fs.stat(path.join(incoming, name))).size),
      );
      return sizes.some((size) => size > half / 2) || undefined;
    });
    request.end(body.subarray(half));
    const stored = await answerOf(request);
    expect({ status: stored.statusCode, body: await text(stored) }).toMatchObject({ status: 200 });

    const got = await answerOf(
      begin('GET', '/dicom-web/studies/2.25.801/series/2.25.801.1/instances/2.25.801.1.1', {
        accept: 'application/dicom; transfer-syntax=*',
      }).end(),
    );
    expect(got.statusCode).toBe(200);
    const chunks: Buffer[] = [];
    for await (const chunk of got) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).includes(file.subarray(file.length - 1_000_000))).toBe(true);
  });

  it('the daemon’s own refusals arrive as they are', async () => {
    const answer = await answerOf(
      begin('POST', '/webhooks/avara', { 'content-type': 'application/json' }).end('{}'),
    );
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['content-type']).toContain('application/json');
    expect(await json(answer)).toEqual({ error: 'Invalid signature' });
  });

  it('the client’s address is its own, whatever it claims', async () => {
    const answer = await answerOf(
      begin('GET', '/dicom-web/studies', {
        authorization: 'Bearer not-the-token-at-all',
        'x-forwarded-for': '203.0.113.9',
      }).end(),
    );
    expect(answer.statusCode).toBe(401);
    answer.resume();
    const audit = path.join(folder, 'data', 'audit');
    const line = await waitUntil('the refusal in the audit trail', async () => {
      const files = (await fs.readdir(audit)).filter((name) => name.endsWith('.jsonl'));
      const lines = (
        await Promise.all(files.map((name) => fs.readFile(path.join(audit, name), 'utf8')))
      ).join('');
      return lines.split('\n').find((one) => one.includes('"dicomweb.refused"'));
    });
    expect(JSON.parse(line)).toMatchObject({ event: 'dicomweb.refused', peerAddress: '127.0.0.2' });
  });

  it('"check" goes out through the public URL and comes back to the daemon', async () => {
    const check = (env: Record<string, string>): Record<string, { status: string; detail: string }> => {
      const run = spawnSync(process.execPath, [MAIN, 'check', '--config', config, '--json'], {
        encoding: 'utf8',
        env: { ...process.env, ...env },
      });
      const { checks } = JSON.parse(run.stdout) as {
        checks: { id: string; status: string; detail: string }[];
      };
      return Object.fromEntries(checks.map(({ id, ...rest }) => [id, rest]));
    };
    const trusting = check({ NODE_EXTRA_CA_CERTS: authority.certFile });
    expect(trusting['public-url-reachable']).toMatchObject({
      status: 'ok',
      detail: `https://localhost:${port} leads to the daemon`,
    });
    // The test's certificates last two days.
    expect(trusting['public-certificate']).toMatchObject({ status: 'warning' });
    expect(trusting['http-port']).toMatchObject({ status: 'ok' });

    const distrusting = check({});
    expect(distrusting['public-url-reachable']).toMatchObject({ status: 'failed' });

    await daemon.stop();
    expect(check({ NODE_EXTRA_CA_CERTS: authority.certFile })['public-url-reachable']).toMatchObject({
      status: 'warning',
      detail: expect.stringContaining('was not tried') as string,
    });
  });
});
