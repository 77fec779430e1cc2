import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createHttpServer } from '../../src/http/server.ts';
import type { HttpServerOptions } from '../../src/http/server.ts';
import { createPublicAppFixture } from '../support/public-app.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const start = async (options: Partial<HttpServerOptions> = {}) => {
  const fixture = createPublicAppFixture();
  const { listenable, logger, metrics } = fixture;
  const server = createHttpServer({ app: listenable, host: '127.0.0.1', port: 0, logger, ...options });
  const { port } = await server.listen();
  closers.push(async () => {
    await server.close(0);
    metrics.close();
  });
  return { ...fixture, server, port, base: `http://127.0.0.1:${port}` };
};
const connect = async (port: number): Promise<net.Socket> => {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
};
const readAll = async (socket: net.Socket): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
};

describe('object over a socket', () => {
  it.each([
    ['one byte', 1],
    ['a CT slice', 526_000],
    ['exactly one read', 1_048_576],
    ['one byte more', 1_048_577],
    ['many reads', 5_000_003],
  ])('comes byte for byte: %s', async (_, size) => {
    const { objects, urlOf, base, audited, metrics } = await start();
    const content = randomBytes(size);
    const { key, sha256 } = objects.add({ content });
    const response = await fetch(base + urlOf(key));
    expect(response.status).toBe(200);
    expect(response.headers.get('Content-Length')).toBe(String(size));
    expect(response.headers.get('Content-Type')).toBe('application/dicom');
    expect(response.headers.get('ETag')).toBe(`"${sha256}"`);
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*');
    expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
    expect(objects.open).toBe(0);
    expect(audited).toEqual([
      { event: 'object.served', ...key, seriesInstanceUid: undefined, actor: 'k1', peerAddress: '127.0.0.1' },
    ]);
    await vi.waitFor(async () =>
      expect(await metrics.registry.metrics()).toContain(`avara_ingest_object_sent_bytes_total ${size}`),
    );
  });

  it('comes in part where a range is asked for', async () => {
    const { objects, urlOf, base } = await start();
    const content = randomBytes(3_000_000);
    const url = base + urlOf(objects.add({ content }).key);
    for (const [range, from, to] of [
      ['bytes=0-9', 0, 10],
      ['bytes=1000000-2999998', 1_000_000, 2_999_999],
      ['bytes=-7', 2_999_993, 3_000_000],
    ] as const) {
      const response = await fetch(url, { headers: { Range: range } });
      expect(response.status).toBe(206);
      expect(response.headers.get('Content-Range')).toBe(`bytes ${from}-${to - 1}/3000000`);
      expect(Buffer.from(await response.arrayBuffer()).equals(content.subarray(from, to))).toBe(true);
    }
  });

  it('serves several requests over one connection, pipelined ones too', async () => {
    const { objects, urlOf, port } = await start();
    const first = objects.add({ sop: '1.1', content: Buffer.from('first object') });
    const second = objects.add({ sop: '1.2', content: Buffer.from('second object') });
    const socket = await connect(port);
    const request = (path: string, connection: string) =>
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: ${connection}\r\n\r\n`;
    socket.write(request(urlOf(first.key), 'keep-alive') + request(urlOf(second.key), 'close'));
    const answer = await readAll(socket);
    expect(answer.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    expect(answer.indexOf('first object')).toBeLessThan(answer.indexOf('second object'));
  });

  it('leaks nothing when clients go away in the middle of it', async () => {
    const { objects, urlOf, port, metrics, base } = await start();
    const { key } = objects.add({ content: randomBytes(32_000_000) });
    const gone = Array.from({ length: 10 }, async () => {
      const socket = await connect(port);
      socket.write(`GET ${urlOf(key)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await once(socket, 'data');
      socket.resetAndDestroy();
    });
    await Promise.all(gone);
    await vi.waitFor(async () => {
      expect(objects.open).toBe(0);
      expect(await metrics.registry.metrics()).toContain(
        'avara_ingest_object_requests_total{outcome="aborted"} 10',
      );
    });
    expect((await fetch(base + urlOf(key), { method: 'HEAD' })).status).toBe(200);
  });

  it('leaks nothing when the client goes away before the first byte', async () => {
    const { objects, urlOf, port } = await start();
    const { key } = objects.add({ content: randomBytes(1000) });
    const letGo = objects.holdReads();
    const socket = await connect(port);
    socket.write(`GET ${urlOf(key)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await vi.waitFor(() => expect(objects.open).toBe(1));
    const requests = objects.closed();
    socket.resetAndDestroy();
    letGo();
    await requests;
    expect(objects.open).toBe(0);
  });

  it('holds two pieces at most for a client that does not read', async () => {
    const { objects, urlOf, port } = await start();
    const { key } = objects.add({ content: randomBytes(64_000_000) });
    const socket = await connect(port);
    socket.pause();
    socket.write(`GET ${urlOf(key)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    // Reading stops once the socket buffers of both ends and the two pieces are full.
    let before = -1;
    await vi.waitFor(
      () => {
        const now = objects.bytesRead;
        const isStill = now > 0 && now === before;
        before = now;
        expect(isStill).toBe(true);
      },
      { interval: 200, timeout: 20_000 },
    );
    expect(objects.bytesRead).toBeLessThan(32_000_000);
    socket.destroy();
    await vi.waitFor(() => expect(objects.open).toBe(0));
  });

  it('is cut off, never silently short, when its file ends early', async () => {
    const { objects, urlOf, base, logger } = await start();
    const { key } = objects.add({ content: randomBytes(4_000_000) });
    objects.truncateReads(2_500_000);
    const response = await fetch(base + urlOf(key));
    await expect(response.arrayBuffer()).rejects.toThrow();
    expect(logger.messages('error')).toEqual(['an indexed object cannot be read from the object store']);
    objects.truncateReads(100);
    expect((await fetch(base + urlOf(key))).status).toBe(500);
    expect(objects.open).toBe(0);
  });
});

describe('HTTP listener', () => {
  it('shows a webhook receiver both of two equal headers', async () => {
    const { port, webhooks } = await start();
    const socket = await connect(port);
    socket.write(
      'POST /webhooks/avara HTTP/1.1\r\nHost: localhost\r\nX-Avara-Signature: a\r\nx-avara-signature: b\r\n' +
        'Content-Length: 2\r\nConnection: close\r\n\r\n{}',
    );
    expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 200 /);
    expect(webhooks[0]?.header('X-Avara-Signature')).toEqual(['a', 'b']);
    expect(webhooks[0]?.body.toString()).toBe('{}');
    expect(webhooks[0]?.peerAddress).toBe('127.0.0.1');
  });

  it('stops reading a webhook that grows beyond 1 MiB', async () => {
    const { port, webhooks } = await start();
    const socket = await connect(port);
    const answer = readAll(socket);
    socket.write('POST /webhooks/avara HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let count = 0; count < 17; count += 1) socket.write(`10000\r\n${'x'.repeat(65_536)}\r\n`);
    expect(await answer).toMatch(/^HTTP\/1\.1 413 [\s\S]*body-too-large/);
    expect(webhooks).toHaveLength(0);
  });

  it('believes X-Forwarded-For from a trusted proxy alone', async () => {
    const post = async (base: string) =>
      fetch(`${base}/webhooks/avara`, {
        method: 'POST',
        body: '{}',
        headers: { 'X-Forwarded-For': '203.0.113.7' },
      });
    const trusting = await start({ trustProxy: ['127.0.0.0/8'] });
    await post(trusting.base);
    expect(trusting.webhooks[0]?.peerAddress).toBe('203.0.113.7');
    const other = await start({ trustProxy: ['10.0.0.0/8'] });
    await post(other.base);
    expect(other.webhooks[0]?.peerAddress).toBe('127.0.0.1');
  });

  it('closes on a client that does not finish its headers, and serves others meanwhile', async () => {
    const { port, base } = await start({ headersTimeoutMs: 200 });
    const slow = await connect(port);
    slow.write('GET / HTTP/1.1\r\nHost: loc');
    expect((await fetch(base)).status).toBe(404);
    expect(await readAll(slow)).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('closes a connection on which nothing moves', async () => {
    const { port } = await start({ idleTimeoutMs: 100 });
    const socket = await connect(port);
    socket.write('POST /webhooks/avara HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{');
    socket.resume();
    await once(socket, 'close');
  });

  it.each([
    ['headers too long', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['a Host that is none', 'GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n', 400],
    ['a backslash', 'GET /objects\\.. HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', 400],
    [
      'dot segments',
      'GET /objects/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      404,
    ],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
  ])('refuses a request with %s and goes on', async (_, request, status) => {
    const { port, base } = await start();
    const socket = await connect(port);
    socket.write(request);
    expect(await readAll(socket)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect((await fetch(base)).status).toBe(404);
  });

  it('finishes a response in flight before it closes, and takes no new connection', async () => {
    const { objects, urlOf, base, server, port } = await start();
    const { key } = objects.add({ content: randomBytes(2000) });
    const idle = new http.Agent({ keepAlive: true });
    await new Promise((resolve) =>
      http.get(`${base}/`, { agent: idle }, (res) => res.resume().on('end', resolve)),
    );
    const letGo = objects.holdReads();
    const inFlight = fetch(base + urlOf(key));
    await vi.waitFor(() => expect(objects.open).toBe(1));
    const closed = server.close(30_000);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    letGo();
    expect((await (await inFlight).arrayBuffer()).byteLength).toBe(2000);
    await closed;
    idle.destroy();
  });

  it('cuts what is still in flight after the grace period', async () => {
    const { objects, urlOf, base, server } = await start();
    const { key } = objects.add({ content: randomBytes(2000) });
    const letGo = objects.holdReads();
    const inFlight = fetch(base + urlOf(key));
    inFlight.catch(() => undefined);
    await vi.waitFor(() => expect(objects.open).toBe(1));
    await server.close(10);
    await expect(inFlight).rejects.toThrow();
    letGo();
    await vi.waitFor(() => expect(objects.open).toBe(0));
  });

  it('says so when its port is taken', async () => {
    const { port, listenable, logger } = await start();
    const second = createHttpServer({ app: listenable, host: '127.0.0.1', port, logger });
    await expect(second.listen()).rejects.toThrow(/EADDRINUSE/);
  });
});
