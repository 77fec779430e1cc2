import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { PixelError } from '../../src/core/ports/pixel-codec.ts';
import type { PixelCodec } from '../../src/core/ports/pixel-codec.ts';
import type { InstanceKey } from '../../src/core/study/instance.ts';
import { writeFileMeta } from '../../src/dicom/part10/file-meta.ts';
import { assumedTransferSyntax, EXPLICIT_VR_LITTLE_ENDIAN_UID } from '../../src/dicom/transfer-syntax.ts';
import { uid } from '../../src/dicom/uid.ts';
import { createBufferPool } from '../../src/http/buffer-pool.ts';
import { createFramesRoute } from '../../src/http/dicomweb/frames-route.ts';
import { createRetrieveRoute } from '../../src/http/dicomweb/retrieve-route.ts';
import { objectContent, ResponseWriter } from '../../src/http/response-writer.ts';
import { countSentBytes } from '../../src/http/sent-bytes.ts';
import { createHttpServer } from '../../src/http/server.ts';
import type { HttpServerOptions } from '../../src/http/server.ts';
import { loadCachedFiles } from '../../src/platform/cached-file.ts';
import { loadSendFile } from '../../src/platform/send-file.ts';
import type { SendFile } from '../../src/platform/send-file.ts';
import { openObject } from '../../src/storage/open-object.ts';
import { createAuthority, isOpensslInstalled } from '../support/certificates.ts';
import { createDataSetBuilder } from '../support/data-set-builder.ts';
import { syntheticCt } from '../support/data-sets.ts';
import { identityElements } from '../support/identity-elements.ts';
import { instancePath, readMultipart, startDicomWeb } from '../support/dicom-web-server.ts';
import { createPublicAppFixture } from '../support/public-app.ts';

const cachedFiles = await loadCachedFiles();
const loaded = cachedFiles.kind === 'available' ? await loadSendFile(cachedFiles) : cachedFiles;
if (loaded.kind === 'unavailable')
  process.stdout.write(`sendfile is not available here, its tests are skipped: ${loaded.reason}\n`);
const withSendFile = it.runIf(loaded.kind === 'available');

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** What the operating system was asked to send, and what it sent. */
interface Sending {
  readonly length: number;
  readonly sent: number;
}

/** The real one, watched. @param onSend called after each time. */
function watchedSendFile(onSend?: (sending: Sending) => void) {
  if (loaded.kind === 'unavailable') throw new Error(loaded.reason);
  const sendings: Sending[] = [];
  const sendFile: SendFile = {
    ...loaded,
    send(socket, fd, position, length) {
      const sending = { length, sent: loaded.send(socket, fd, position, length) };
      sendings.push(sending);
      onSend?.(sending);
      return sending.sent;
    },
  };
  return { sendFile, sendings, bytes: () => sendings.reduce((sum, { sent }) => sum + sent, 0) };
}

function createFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'send-file-'));
  closers.push(() => fs.rmSync(folder, { recursive: true }));
  return {
    pathOf: (name: string) => path.join(folder, name),
    open: (name: string) =>
      openObject(path.join(folder, name), cachedFiles.kind === 'available' ? cachedFiles : undefined),
    /** Files of the folder that this process has open. */
    opened: () =>
      fs.readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
        } catch {
          return false;
        }
      }).length,
  };
}

/** A listener over objects in files. */
async function start(options: Partial<HttpServerOptions>) {
  const folder = createFolder();
  const fixture = createPublicAppFixture({ store: { open: (key) => folder.open(key.sopInstanceUid) } });
  const { listenable, logger, metrics, objects } = fixture;
  const server = createHttpServer({ app: listenable, host: '127.0.0.1', port: 0, logger, ...options });
  const { port } = await server.listen();
  closers.push(async () => {
    await server.close(0);
    metrics.close();
  });
  return {
    ...fixture,
    folder,
    port,
    base: `http://127.0.0.1:${port}`,
    add: (sop: string, bytes: number): { key: InstanceKey; content: Buffer } => {
      const content = randomBytes(bytes);
      fs.writeFileSync(folder.pathOf(sop), content);
      return { key: objects.add({ sop, content }).key, content };
    },
  };
}

async function connect(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

function request(url: string, method = 'GET', headers = ''): string {
  return `${method} ${url} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
}

async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Takes the answers of a connection apart by their lengths; whatever is between two of them shows as a bad head. */
function answersIn(bytes: Buffer, methods: readonly string[]): { status: string; body: Buffer }[] {
  const answers = [];
  let at = 0;
  for (const method of methods) {
    const end = bytes.indexOf('\r\n\r\n', at);
    const head = bytes.toString('latin1', at, end);
    const length = method === 'HEAD' ? 0 : Number(/\r\nContent-Length: (\d+)/.exec(head)?.[1]);
    answers.push({ status: head.slice(0, 12), body: bytes.subarray(end + 4, end + 4 + length) });
    at = end + 4 + length;
  }
  expect(at).toBe(bytes.length);
  return answers;
}

withSendFile(
  'sends whole objects without copying them, over one connection after another request',
  async () => {
    const { sendFile, bytes } = watchedSendFile();
    const { add, urlOf, base, folder, metrics } = await start({ sendFile });
    let total = 0;
    for (const size of [526_000, 1_048_576, 1_048_577, 7_000_003]) {
      const { key, content } = add(`1.2.${size}`, size);
      const response = await fetch(base + urlOf(key));
      expect(response.headers.get('Content-Length')).toBe(String(size));
      expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
      total += size;
    }
    expect(bytes()).toBeGreaterThan(526_000);
    expect(folder.opened()).toBe(0);
    await vi.waitFor(async () =>
      expect(await metrics.registry.metrics()).toContain(`avara_ingest_object_sent_bytes_total ${total}`),
    );
  },
);

withSendFile('sends a range from where it begins', async () => {
  const { sendFile, bytes } = watchedSendFile();
  const { add, urlOf, base } = await start({ sendFile });
  const { key, content } = add('1.2', 3_000_000);
  for (const [range, from, to] of [
    ['bytes=1000001-2999998', 1_000_001, 2_999_999],
    ['bytes=-100007', 2_899_993, 3_000_000],
  ] as const) {
    const response = await fetch(base + urlOf(key), { headers: { Range: range } });
    expect(response.status).toBe(206);
    expect(Buffer.from(await response.arrayBuffer()).equals(content.subarray(from, to))).toBe(true);
  }
  expect(bytes()).toBeGreaterThan(0);
});

withSendFile('goes on where a slow client had no room, and ends with the last byte', async () => {
  const { sendFile, sendings } = watchedSendFile();
  const { add, urlOf, port, folder } = await start({ sendFile });
  const { key, content } = add('1.2', 24_000_000);
  const socket = await connect(port);
  socket.pause();
  socket.write(request(urlOf(key), 'GET', 'Connection: close\r\n'));
  await vi.waitFor(() => expect(sendings.some(({ length, sent }) => sent < length)).toBe(true));
  const [answer] = answersIn(await readAll(socket), ['GET']);
  expect(answer?.body.equals(content)).toBe(true);
  expect(folder.opened()).toBe(0);
});

withSendFile('never mixes the answers of pipelined requests', async () => {
  const { sendFile, sendings, bytes } = watchedSendFile();
  const { add, urlOf, port } = await start({ sendFile });
  const sizes = [526_000, 9_000_000, 300, 2_000_000, 526_000, 0, 5_000_000];
  const objects = sizes.map((size, at) => add(`1.2.${at}`, size === 0 ? 70_000 : size));
  const methods = sizes.map((size) => (size === 0 ? 'HEAD' : 'GET'));
  const socket = await connect(port);
  socket.pause();
  socket.write(
    objects
      .map(({ key }, at) =>
        request(urlOf(key), methods[at], at === objects.length - 1 ? 'Connection: close\r\n' : ''),
      )
      .join(''),
  );
  await vi.waitFor(() => expect(sendings.some(({ length, sent }) => sent < length)).toBe(true));
  const answers = answersIn(await readAll(socket), methods);
  for (const [at, { status, body }] of answers.entries()) {
    expect(status).toBe('HTTP/1.1 200');
    expect(body.equals(methods[at] === 'HEAD' ? Buffer.alloc(0) : (objects[at]?.content ?? body))).toBe(true);
  }
  expect(bytes()).toBeGreaterThan(0);
});

withSendFile('lets go of everything when clients go away in the middle', async () => {
  const { sendFile, sendings } = watchedSendFile();
  const { add, urlOf, port, base, folder, metrics } = await start({ sendFile });
  const { key, content } = add('1.2', 32_000_000);
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      const socket = await connect(port);
      socket.write(request(urlOf(key)));
      await once(socket, 'data');
      socket.resetAndDestroy();
    }),
  );
  await vi.waitFor(async () =>
    expect(await metrics.registry.metrics()).toContain(
      'avara_ingest_object_requests_total{outcome="aborted"} 10',
    ),
  );
  expect(sendings.length).toBeGreaterThan(0);
  expect(folder.opened()).toBe(0);
  const response = await fetch(base + urlOf(key));
  expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
});

withSendFile('cuts the connection when a file turns out to be cut while it is sent', async () => {
  let onSend: () => void = () => undefined;
  const { sendFile } = watchedSendFile(() => onSend());
  const { add, urlOf, port, folder, logger, metrics } = await start({ sendFile });
  const { key, content } = add('1.2', 32_000_000);
  onSend = () => fs.truncateSync(folder.pathOf('1.2'), 300_000);
  const socket = await connect(port);
  socket.write(request(urlOf(key)));
  const got = await readAll(socket).catch(() => Buffer.alloc(0));
  expect(got.length).toBeLessThan(content.length);
  await vi.waitFor(() =>
    expect(logger.messages('error')).toEqual(['an indexed object cannot be read from the object store']),
  );
  expect(await metrics.registry.metrics()).toContain('avara_ingest_object_faults_total{reason="damaged"} 1');
  expect(folder.opened()).toBe(0);
});

it.runIf(loaded.kind === 'available' && isOpensslInstalled())('copies what goes over TLS', async () => {
  const authority = createAuthority();
  closers.push(() => authority.remove());
  const { sendFile, sendings } = watchedSendFile();
  const { add, urlOf, port } = await start({ sendFile, tls: authority.issue('/CN=localhost') });
  const { key, content } = add('1.2', 5_000_000);
  const body = await new Promise<Buffer>((resolve, reject) => {
    https
      .get({ port, host: '127.0.0.1', path: urlOf(key), rejectUnauthorized: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks)));
      })
      .on('error', reject);
  });
  expect(body.equals(content)).toBe(true);
  expect(sendings).toEqual([]);
});

it('copies everything where the operating system cannot send files', async () => {
  const { add, urlOf, base, folder } = await start({});
  const { key, content } = add('1.2', 5_000_000);
  const response = await fetch(base + urlOf(key));
  expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
  expect(folder.opened()).toBe(0);
});

withSendFile('keeps the order of what a response gathers and what is sent for it', async () => {
  const { sendFile, bytes } = watchedSendFile();
  const folder = createFolder();
  const pieces: readonly (string | Buffer)[] = [
    'head of a part',
    randomBytes(900_000),
    'and of the next',
    randomBytes(500),
    randomBytes(3_000_000),
    'end',
  ];
  const body = Buffer.concat(pieces.map((piece) => Buffer.from(piece)));
  let counted = 0;
  const server = http.createServer((incoming, outgoing) => {
    const sentBytes = countSentBytes(incoming.socket);
    outgoing.once('close', () => {
      counted = sentBytes();
    });
    void (async () => {
      const writer = new ResponseWriter({
        outgoing,
        socket: incoming.socket,
        pool: createBufferPool(),
        status: 200,
        headers: { 'Content-Length': String(body.length) },
        sendFile,
      });
      for (const [at, piece] of pieces.entries()) {
        if (typeof piece === 'string') {
          await writer.write(Buffer.from(piece));
          continue;
        }
        fs.writeFileSync(folder.pathOf(String(at)), piece);
        const opened = await folder.open(String(at));
        await writer.send(objectContent(opened));
        await opened.close();
      }
      await writer.end();
    })();
  });
  closers.push(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
  expect(bytes()).toBeGreaterThan(900_000);
  await vi.waitFor(() => expect(counted).toBeGreaterThan(body.length));
});

withSendFile('sends objects and frames over DICOMweb byte for byte', async () => {
  const { sendFile, sendings } = watchedSendFile();
  const server = await startDicomWeb(
    ({ index, store, fixture }) => {
      const files = cachedFiles.kind === 'available' ? cachedFiles : undefined;
      const options = {
        index,
        store: {
          open: (key: InstanceKey) => openObject(store.pathOf(key), files),
          pathOf: (key: InstanceKey) => store.pathOf(key),
        },
        codec: AS_STORED_ONLY,
        ...fixture,
        pool: createBufferPool(),
      };
      return [createFramesRoute(options), createRetrieveRoute(options)];
    },
    { sendFile },
  );
  const frames = [1, 2, 3].map(() => randomBytes(FRAME_SIDE * FRAME_SIDE * 2));
  const file = imageOf(frames);
  const { key } = await server.add(file);
  const ask = (path: string, accept: string, headers: Record<string, string> = {}) =>
    server.fetch(path, { headers: { Accept: accept, ...headers } });
  const partsOf = async (path: string, type: string): Promise<readonly Buffer[]> =>
    (await readMultipart(await ask(path, `multipart/related; type="${type}"; transfer-syntax=*`))).map(
      ({ body }) => body,
    );
  const expectSame = (found: readonly Buffer[], expected: readonly Buffer[]): void => {
    expect(found.map((bytes, at) => bytes.equals(expected[at] ?? Buffer.alloc(0)))).toEqual(
      expected.map(() => true),
    );
    expect(sendings.splice(0).length).toBeGreaterThan(0);
  };

  expectSame(await partsOf(`${instancePath(key)}/frames/3,1`, 'application/octet-stream'), [
    ...frames.slice(2),
    ...frames.slice(0, 1),
  ]);
  expectSame(await partsOf(instancePath(key), 'application/dicom'), [file]);
  const single = 'application/dicom; transfer-syntax=*';
  const bodyOf = async (answer: Response): Promise<Buffer> => Buffer.from(await answer.arrayBuffer());
  expectSame([await bodyOf(await ask(instancePath(key), single))], [file]);
  const part = await ask(instancePath(key), single, { Range: 'bytes=777-400776' });
  expect(part.status).toBe(206);
  expectSame([await bodyOf(part)], [file.subarray(777, 400_777)]);
});

const FRAME_SIDE = 320;

/** An image of 16 bits, not compressed. */
function imageOf(frames: readonly Buffer[]): Buffer {
  const build = createDataSetBuilder(assumedTransferSyntax(uid(EXPLICIT_VR_LITTLE_ENDIAN_UID)));
  const identity = syntheticCt({ seed: 'frames', rows: 1, columns: 1 });
  return Buffer.concat([
    writeFileMeta({ ...identity, transferSyntaxUid: uid(EXPLICIT_VR_LITTLE_ENDIAN_UID) }),
    identityElements(build, identity),
    build.element(0x00280002, 'US', build.number16(1)),
    build.element(0x00280008, 'IS', `${frames.length} `),
    build.element(0x00280010, 'US', build.number16(FRAME_SIDE)),
    build.element(0x00280011, 'US', build.number16(FRAME_SIDE)),
    build.element(0x00280100, 'US', build.number16(16)),
    build.element(0x7fe00010, 'OW', Buffer.concat(frames)),
  ]);
}

const AS_STORED_ONLY: PixelCodec = {
  canDecode: () => false,
  canTranscode: (from, to) => from === to,
  decodeFrame: () => Promise.reject(new PixelError('unsupported', 'not here')),
  encodeFrame: () => Promise.reject(new PixelError('unsupported', 'not here')),
  transcode: () => Promise.reject(new PixelError('unsupported', 'not here')),
  close: () => Promise.resolve(),
};
