import fs from 'node:fs';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { syntheticCt, type SyntheticCtOptions } from '../../../test/support/data-sets.ts';
import { TOKENS } from '../../../test/support/dicom-web-app.ts';
import { instancePath, startDicomWeb, type DicomWebServer } from '../../../test/support/dicom-web-server.ts';
import { writeFileMeta } from '../../dicom/part10/file-meta.ts';
import { createBufferPool } from '../buffer-pool.ts';
import { createStoreRoute, type StoreRouteOptions } from './store-route.ts';

interface StoreServer extends DicomWebServer {
  /** What the route itself is told of the disk. */
  readonly room: { hasRoom: boolean };
}

async function start(limits: Partial<StoreRouteOptions> = {}): Promise<StoreServer> {
  const room = { hasRoom: true };
  const web = await startDicomWeb(({ intake, fixture }) => [
    createStoreRoute({
      intake,
      ...fixture,
      hasSpace: () => room.hasRoom,
      pool: createBufferPool(),
      ...limits,
    }),
  ]);
  return Object.assign(web, { room });
}

function fileOf(options: SyntheticCtOptions = {}): Buffer {
  const { dataSet, sopClassUid, sopInstanceUid, transferSyntaxUid } = syntheticCt({
    rows: 16,
    columns: 16,
    ...options,
  });
  return Buffer.concat([writeFileMeta({ sopClassUid, sopInstanceUid, transferSyntaxUid }), dataSet]);
}

const MULTIPART = 'multipart/related; type="application/dicom"; boundary=b';
const HEADERS = { 'content-type': MULTIPART, accept: 'application/dicom+json' };

function bodyOf(files: readonly (Buffer | string)[], type = 'application/dicom'): Buffer {
  return Buffer.concat([
    ...files.flatMap((file) => [Buffer.from(`\r\n--b\r\nContent-Type: ${type}\r\n\r\n`), Buffer.from(file)]),
    Buffer.from('\r\n--b--\r\n'),
  ]);
}

interface Item {
  readonly uid?: string;
  readonly url?: string;
  readonly reason?: number;
  readonly warning?: number;
}
interface Answer {
  readonly status: number;
  readonly study?: string;
  readonly referenced: readonly Item[];
  readonly failed: readonly Item[];
  readonly other: readonly Item[];
}

type Element = Readonly<Record<string, { readonly Value?: readonly unknown[] }>>;

async function read(response: Response): Promise<Answer> {
  const json = (await response.json()) as Element;
  const value = (element: Element, tag: string): unknown => element[tag]?.Value?.[0];
  const items = (tag: string): Item[] =>
    ((json[tag]?.Value ?? []) as Element[]).map(
      (item) =>
        Object.fromEntries(
          Object.entries({
            uid: value(item, '00081155'),
            url: value(item, '00081190'),
            reason: value(item, '00081197'),
            warning: value(item, '00081196'),
          }).filter(([, one]) => one !== undefined),
        ) as Item,
    );
  const study = value(json, '00081190') as string | undefined;
  return {
    status: response.status,
    ...(study !== undefined && { study }),
    referenced: items('00081199'),
    failed: items('00081198'),
    other: items('0008119A'),
  };
}

async function send(
  web: DicomWebServer,
  body: Buffer,
  target = '/studies',
  headers: Record<string, string> = HEADERS,
): Promise<Answer> {
  return read(await web.fetch(target, { method: 'POST', headers, body: new Uint8Array(body) }));
}

describe('storing', () => {
  it('keeps every object byte for byte and says where each is', async () => {
    const web = await start();
    const files = [1, 2, 3].map((instanceNumber) => fileOf({ instanceNumber }));
    const answer = await send(web, bodyOf(files));
    const { studyInstanceUid } = syntheticCt({});
    const records = web.index.listInstances({ customer: web.customer, studyInstanceUid });
    expect(records).toHaveLength(3);
    expect(answer).toEqual({
      status: 200,
      study: `${web.base}/studies/${studyInstanceUid}`,
      referenced: records.map(({ key }) => ({ uid: key.sopInstanceUid, url: web.base + instancePath(key) })),
      failed: [],
      other: [],
    });
    for (const [index, { key }] of records.entries())
      expect(fs.readFileSync(web.store.pathOf(key)).equals(files[index] ?? Buffer.alloc(0))).toBe(true);
    expect(web.audited).toMatchObject([
      {
        event: 'dicomweb.stored',
        actor: 'city',
        customer: 'city-medical',
        studyInstanceUid,
        detail: '3 instances, 0 failed',
      },
    ]);
  });

  it('takes one object as the body itself, and the same again as success', async () => {
    const web = await start();
    const headers = { 'content-type': 'application/dicom' };
    const first = await send(web, fileOf(), '/studies', headers);
    expect(first).toMatchObject({ status: 200, referenced: [{ uid: syntheticCt({}).sopInstanceUid }] });
    expect(await send(web, fileOf(), '/studies', headers)).toEqual(first);
  });

  it('keeps the same UID with other bytes apart, and warns', async () => {
    const web = await start();
    await send(web, bodyOf([fileOf({ pixelSeed: 1 })]));
    const answer = await send(web, bodyOf([fileOf({ pixelSeed: 2 })]));
    expect(answer).toMatchObject({ status: 202, referenced: [{ warning: 0x0111 }], failed: [] });
    expect(web.index.conflicts(10)).toHaveLength(1);
  });

  it('tells for each object that is not kept why', async () => {
    const web = await start();
    const good = fileOf({ instanceNumber: 1 });
    const cut = fileOf({ instanceNumber: 2 }).subarray(0, -20);
    const other = fileOf({ seed: 'other study' });
    const { studyInstanceUid, sopInstanceUid } = syntheticCt({});
    const answer = await send(
      web,
      bodyOf([good, cut, other, 'no DICOM at all']),
      `/studies/${studyInstanceUid}`,
    );
    expect(answer).toMatchObject({
      status: 202,
      referenced: [{ uid: sopInstanceUid }],
      failed: [
        { uid: syntheticCt({ instanceNumber: 2 }).sopInstanceUid, reason: 0xc000 },
        { uid: syntheticCt({ seed: 'other study' }).sopInstanceUid, reason: 0xc409 },
      ],
      other: [{ reason: 0xc000 }],
    });
    expect(web.index.findStudiesByUid(syntheticCt({ seed: 'other study' }).studyInstanceUid)).toEqual([]);
    expect(
      web.logger.lines.some(({ message }) => message === 'objects of a store request were not kept'),
    ).toBe(true);
  });

  it('answers 409 where nothing was kept', async () => {
    const web = await start();
    expect(await send(web, bodyOf([fileOf()]), '/studies/1.2.3')).toMatchObject({
      status: 409,
      failed: [{ reason: 0xc409 }],
    });
    const notStorable = syntheticCt({ rows: 16, columns: 16 });
    const meta = writeFileMeta({
      ...notStorable,
      sopClassUid: '1.2.840.10008.1.1' as typeof notStorable.sopClassUid,
    });
    expect(await send(web, bodyOf([Buffer.concat([meta, notStorable.dataSet])]))).toMatchObject({
      status: 409,
      failed: [{ reason: 0x0122 }],
    });
    expect(await send(web, bodyOf([fileOf()], 'application/pdf'))).toMatchObject({
      status: 409,
      other: [{ reason: 0xc000 }],
    });
    expect(web.index.totals().instances).toBe(0);
  });
});

describe('a store request', () => {
  const status = async (
    web: DicomWebServer,
    init: { body?: Buffer; headers?: Record<string, string>; path?: string; token?: string },
  ): Promise<[number, string]> => {
    const {
      body = bodyOf([fileOf()]),
      headers = HEADERS,
      path: target = '/studies',
      token = TOKENS.city,
    } = init;
    const response = await web.fetch(target, { method: 'POST', headers, body: new Uint8Array(body) }, token);
    return [response.status, ((await response.json()) as { code: string }).code];
  };

  it('is refused before anything is kept where it cannot be right', async () => {
    const web = await start();
    const type = (text: string): { headers: Record<string, string> } => ({
      headers: { 'content-type': text },
    });
    expect(await status(web, type('multipart/related; type="application/dicom+json"; boundary=b'))).toEqual([
      415,
      'content-type-not-supported',
    ]);
    expect(await status(web, type('application/pdf'))).toEqual([415, 'content-type-not-supported']);
    expect(await status(web, type('multipart/related; type="application/dicom"'))).toEqual([
      400,
      'no-boundary',
    ]);
    expect(await status(web, type('multipart/related; type="application/dicom"; boundary=other'))).toEqual([
      400,
      'malformed-body',
    ]);
    expect(await status(web, { headers: { ...HEADERS, 'content-encoding': 'gzip' } })).toEqual([
      415,
      'content-encoding-not-supported',
    ]);
    expect(await status(web, { headers: { ...HEADERS, accept: 'application/dicom+xml' } })).toEqual([
      406,
      'not-acceptable',
    ]);
    expect(await status(web, { path: '/studies/no-uid' })).toEqual([400, 'bad-path']);
    expect(await status(web, { token: TOKENS.north })).toEqual([403, 'no-write-right']);
    expect(await status(web, { body: Buffer.from('--b--') })).toEqual([400, 'malformed-body']);
    expect(web.index.totals().instances).toBe(0);
  });

  it('names its customer where the token does not', async () => {
    const web = await start();
    expect(await status(web, { token: 'two-write' })).toEqual([409, 'several-customers']);
    const response = await web.fetch(
      '/customers/north-clinic/studies',
      { method: 'POST', headers: HEADERS, body: new Uint8Array(bodyOf([fileOf()])) },
      'two-write',
    );
    const answer = await read(response);
    expect(answer.study).toMatch(/\/customers\/north-clinic\/studies\//);
    expect(
      web.index.findStudiesByUid(syntheticCt({}).studyInstanceUid).map(({ key }) => key.customer),
    ).toEqual(['north-clinic']);
  });

  it('is asked to come again while the disk has no room, before and during', async () => {
    const web = await start();
    web.room.hasRoom = false;
    expect(await status(web, {})).toEqual([503, 'out-of-resources']);
    web.room.hasRoom = true;
    web.hasSpace = false;
    const response = await web.fetch('/studies', {
      method: 'POST',
      headers: HEADERS,
      body: new Uint8Array(bodyOf([fileOf()])),
    });
    expect(response.headers.get('retry-after')).toBe('30');
    expect(await read(response)).toMatchObject({ status: 503, failed: [{ reason: 0xa700 }] });
  });

  it('keeps what came whole when the rest is malformed, and says so', async () => {
    const web = await start();
    const whole = bodyOf([fileOf()]);
    const broken = Buffer.concat([
      whole.subarray(0, -4),
      Buffer.from('\r\nno header field\r\n\r\nx\r\n--b--'),
    ]);
    expect(await send(web, broken)).toMatchObject({
      status: 202,
      referenced: [{}],
      other: [{ reason: 0xc000 }],
    });
    expect(
      await send(web, bodyOf([fileOf({ seed: 'a' }), fileOf({ seed: 'b' })]).subarray(0, -500)),
    ).toMatchObject({ status: 202, referenced: [{}] });
    expect(web.index.totals().instances).toBe(2);
  });

  it('leaves nothing behind when its sender goes away', async () => {
    const web = await start();
    const socket = net.connect(web.port, '127.0.0.1');
    const file = fileOf({ rows: 512, columns: 512 });
    socket.write(
      `POST /dicom-web/studies HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKENS.city}\r\nContent-Type: ${MULTIPART}\r\nContent-Length: 9999999\r\n\r\n`,
    );
    socket.write(bodyOf([file]).subarray(0, 300_000));
    const incoming = path.join(web.dataDir, 'incoming');
    await vi.waitFor(() => expect(fs.readdirSync(incoming)).toHaveLength(1));
    socket.destroy();
    await vi.waitFor(() => expect(fs.readdirSync(incoming)).toEqual([]));
    expect(web.index.totals().instances).toBe(0);
    expect(await send(web, bodyOf([file]))).toMatchObject({ status: 200 });
  });

  it('is given up where its sender falls silent, and is one of few at once', async () => {
    const web = await start({ maxRequests: 1, idleTimeoutMs: 300 });
    const socket = net.connect(web.port, '127.0.0.1');
    const answer = once(socket, 'data');
    socket.write(
      `POST /dicom-web/studies HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKENS.city}\r\nContent-Type: ${MULTIPART}\r\nContent-Length: 9999999\r\n\r\n--b\r\n\r\n`,
    );
    socket.write(fileOf().subarray(0, 2000));
    await vi.waitFor(async () => expect(await status(web, {})).toEqual([503, 'busy']));
    expect(String((await answer)[0])).toMatch(/^HTTP\/1.1 408 /);
    socket.destroy();
    await vi.waitFor(async () => expect(await send(web, bodyOf([fileOf()]))).toMatchObject({ status: 200 }));
  });

  it('takes a large object in small pieces', async () => {
    const web = await start();
    const file = fileOf({ rows: 1024, columns: 1024 });
    const body = bodyOf([file]);
    const pieces = new ReadableStream<Uint8Array>({
      async start(controller) {
        for (let at = 0; at < body.length; at += 4001) {
          controller.enqueue(new Uint8Array(body.subarray(at, at + 4001)));
          if (at % 100 === 0) await delay(0);
        }
        controller.close();
      },
    });
    const response = await web.fetch('/studies', {
      method: 'POST',
      headers: HEADERS,
      body: pieces,
      duplex: 'half',
    });
    expect(await read(response)).toMatchObject({ status: 200 });
    const [record] = web.index.listInstances({
      customer: web.customer,
      studyInstanceUid: syntheticCt({}).studyInstanceUid,
    });
    expect(record?.fileBytes).toBe(file.length);
  });
});
