import fs from 'node:fs';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import yauzl from 'yauzl';
import { syntheticCt, type SyntheticCtOptions } from '../../../test/support/data-sets.ts';
import { TOKENS } from '../../../test/support/dicom-web-app.ts';
import {
  instancePath,
  readMultipart,
  seriesPath,
  startDicomWeb,
  studyPath,
  type DicomWebServer,
} from '../../../test/support/dicom-web-server.ts';
import { PixelError } from '../../core/ports/pixel-codec.ts';
import type { PixelCodec } from '../../core/ports/pixel-codec.ts';
import type { InstanceKey } from '../../core/study/instance.ts';
import type { InstanceRecord } from '../../core/study/study.ts';
import { writeFileMeta } from '../../dicom/part10/file-meta.ts';
import { uid } from '../../dicom/uid.ts';
import { createBufferPool } from '../buffer-pool.ts';
import { createRetrieveRoute } from './retrieve-route.ts';

const EXPLICIT = '1.2.840.10008.1.2.1';
const IMPLICIT = '1.2.840.10008.1.2';
const JPEG_LS = '1.2.840.10008.1.2.4.80';

/** Makes, in place of pixels, a file that tells what was asked for. */
const labelled: Pick<PixelCodec, 'canTranscode' | 'transcode'> = {
  canTranscode: (from, to) => from === to || to === EXPLICIT || to === JPEG_LS,
  transcode: (_source, to) => {
    const content = Buffer.from(`as ${to}`);
    return Promise.resolve({
      bytes: content.length,
      read: (target, position) => Promise.resolve(content.copy(target, 0, position)),
      close: () => Promise.resolve(),
    });
  },
};

function start(codec = labelled, listener: { idleTimeoutMs?: number } = {}): Promise<DicomWebServer> {
  return startDicomWeb(
    ({ index, store, fixture }) => [
      createRetrieveRoute({ index, store, codec, ...fixture, pool: createBufferPool() }),
    ],
    listener,
  );
}

function fileOf(options: SyntheticCtOptions): Buffer {
  const { dataSet, sopClassUid, sopInstanceUid, transferSyntaxUid } = syntheticCt(options);
  const meta = { sopClassUid, sopInstanceUid, transferSyntaxUid };
  return Buffer.concat([
    writeFileMeta({
      sopClassUid: uid(meta.sopClassUid),
      sopInstanceUid: uid(meta.sopInstanceUid),
      transferSyntaxUid: uid(meta.transferSyntaxUid),
    }),
    dataSet,
  ]);
}

const STAR = { accept: 'multipart/related; type="application/dicom"; transfer-syntax=*' };
const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

describe('retrieving a study', () => {
  it('sends every object byte for byte, in the order of the study, with the length told in advance', async () => {
    const web = await start();
    const files: Buffer[] = [];
    for (const [seriesNumber, instanceNumber] of [
      [2, 1],
      [1, 2],
      [1, 1],
    ] as const) {
      const file = fileOf({ seriesNumber, instanceNumber, rows: seriesNumber * 300 });
      files.push(file);
      await web.add(file);
    }
    const other = await web.add(fileOf({ seed: 'other' }));
    const { key } = await web.add(files[0] ?? Buffer.alloc(0));

    const response = await web.fetch(studyPath(key), { headers: STAR });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(
      /^multipart\/related; type="application\/dicom"; boundary=\w+$/,
    );
    const announced = Number(response.headers.get('content-length'));
    const copy = response.clone();
    const parts = await readMultipart(response);
    expect((await bytesOf(copy)).length).toBe(announced);
    expect(parts.map(({ body }) => files.findIndex((file) => file.equals(body)))).toEqual([2, 1, 0]);
    const locations = parts.map(({ headers }) => headers['content-location']);
    expect(locations).toEqual(
      web.index.listInstances(key).map((record) => `${web.base}${instancePath(record.key)}`),
    );
    expect(locations.join()).not.toContain(other.key.sopInstanceUid);
    expect(parts[0]?.headers['content-type']).toBe(`application/dicom; transfer-syntax=${EXPLICIT}`);
    expect(web.audited).toMatchObject([
      {
        event: 'dicomweb.retrieved',
        actor: 'city',
        studyInstanceUid: key.studyInstanceUid,
        detail: 'study, 3 instances',
      },
    ]);
    expect(await readMultipart(await web.fetch(seriesPath(key), { headers: STAR }))).toHaveLength(1);
  });

  it('tells with HEAD what GET would send', async () => {
    const web = await start();
    const { key } = await web.add(fileOf({}));
    for (const path of [studyPath(key), seriesPath(key), instancePath(key)]) {
      const head = await web.fetch(path, { method: 'HEAD', headers: STAR });
      expect(head.status).toBe(200);
      expect(head.headers.get('content-length')).toBe(
        (await web.fetch(path, { headers: STAR })).headers.get('content-length'),
      );
    }
  });

  it('shows nothing of another customer', async () => {
    const web = await start();
    const { key } = await web.add(fileOf({}), 'north-clinic');
    for (const path of [studyPath(key), seriesPath(key), instancePath(key)]) {
      expect((await web.fetch(path)).status).toBe(404);
      expect((await web.fetch(path, {}, TOKENS.north)).status).toBe(200);
    }
    await web.add(fileOf({}));
    expect((await web.fetch(studyPath(key), {}, TOKENS.both)).status).toBe(409);
    expect((await web.fetch(`/customers/north-clinic${studyPath(key)}`, {}, TOKENS.both)).status).toBe(200);
  });

  it('answers 404 for a series or instance of another study', async () => {
    const web = await start();
    const one = await web.add(fileOf({ seed: 'one' }));
    const two = await web.add(fileOf({ seed: 'two' }));
    const mixed = { ...two.key, studyInstanceUid: one.key.studyInstanceUid };
    for (const path of [seriesPath(mixed), instancePath(mixed), '/studies/1.2.3', '/studies/..%2f1'])
      expect((await web.fetch(path)).status, path).toBe(404);
  });

  it('breaks the connection where a file vanishes, and answers 500 where it was the first', async () => {
    const web = await start();
    const records: InstanceRecord[] = [];
    for (let instanceNumber = 1; instanceNumber <= 8; instanceNumber++)
      records.push(await web.add(fileOf({ instanceNumber })));
    const [first, last] = [records[0], records.at(-1)];
    if (first === undefined || last === undefined) throw new Error('nothing stored');
    fs.rmSync(web.store.pathOf(last.key));
    const response = await web.fetch(studyPath(last.key), { headers: STAR });
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toThrow();
    const zip = await web.fetch(studyPath(last.key), { headers: { accept: 'application/zip' } });
    await expect(zip.arrayBuffer()).rejects.toThrow();
    fs.rmSync(web.store.pathOf(first.key));
    for (const accept of [STAR.accept, 'application/zip'])
      expect((await web.fetch(studyPath(last.key), { headers: { accept } })).status).toBe(500);
    expect((await web.fetch(instancePath(last.key))).status).toBe(500);
  });

  it('opens nothing to tell with HEAD what a ZIP file would be', async () => {
    const opened = vi.fn();
    const web = await startDicomWeb(({ index, store, fixture }) => {
      const watched = {
        pathOf: store.pathOf.bind(store),
        open: (key: InstanceKey) => {
          opened();
          return store.open(key);
        },
      };
      return [
        createRetrieveRoute({ index, store: watched, codec: labelled, ...fixture, pool: createBufferPool() }),
      ];
    });
    const { key } = await web.add(fileOf({ rows: 64 }));
    const ask = (method: string) =>
      web.fetch(studyPath(key), { method, headers: { accept: 'application/zip' } });

    const head = await ask('HEAD');
    // By then whatever the first request began has long begun.
    const zip = await bytesOf(await ask('GET'));
    expect(head.headers.get('content-length')).toBe(String(zip.length));
    expect(opened).toHaveBeenCalledTimes(1);
  });

  it('stops reading when the client goes away, and keeps no file open', async () => {
    const web = await start();
    for (let instanceNumber = 1; instanceNumber <= 40; instanceNumber++)
      await web.add(fileOf({ instanceNumber }));
    const { studyInstanceUid } = syntheticCt({});
    const openFiles = (): number =>
      fs.readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(web.dataDir);
        } catch {
          return false;
        }
      }).length;
    const before = openFiles();
    for (const accept of [STAR.accept, 'application/zip']) {
      const socket = net.connect(web.port, '127.0.0.1');
      socket.write(
        `GET /dicom-web/studies/${studyInstanceUid} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKENS.city}\r\nAccept: ${accept}\r\n\r\n`,
      );
      // The kernel buffers some; the rest waits for a reader that never comes.
      await once(socket, 'readable');
      socket.destroy();
      await vi.waitFor(() => expect(openFiles()).toBe(before));
    }
  });
});

describe('Transfer Syntaxes', () => {
  const retrieve = async (
    web: DicomWebServer,
    stored: string,
    accept: string | undefined,
  ): Promise<unknown> => {
    const { key } = await web.add(fileOf({ seed: stored, transferSyntaxUid: stored, rows: 16, columns: 16 }));
    const response = await web.fetch(studyPath(key), accept === undefined ? {} : { headers: { accept } });
    if (response.status !== 200) return response.status;
    const [part] = await readMultipart(response);
    const named = /transfer-syntax=(\S+)/.exec(part?.headers['content-type'] ?? '')?.[1];
    const isStored = part?.body.equals(fs.readFileSync(web.store.pathOf(key)));
    if (isStored !== true) expect(part?.body.toString()).toBe(`as ${String(named)}`);
    return isStored === true && named === stored ? 'as stored' : named;
  };
  const dicom = 'multipart/related; type="application/dicom"';
  const JPEG_2000 = '1.2.840.10008.1.2.4.90';
  const JPEG = '1.2.840.10008.1.2.4.50';
  const BIG_ENDIAN = '1.2.840.10008.1.2.2';

  it.each([
    [EXPLICIT, undefined, 'as stored'],
    [EXPLICIT, dicom, 'as stored'],
    [IMPLICIT, dicom, EXPLICIT],
    [BIG_ENDIAN, '*/*', EXPLICIT],
    [JPEG_2000, dicom, EXPLICIT],
    // Decoding what lost something in compression would hide that (PS3.18 8.7.3).
    [JPEG, dicom, 'as stored'],
    [IMPLICIT, `${dicom}; transfer-syntax=*`, 'as stored'],
    [JPEG_2000, `${dicom}; transfer-syntax=*`, 'as stored'],
    [JPEG_2000, `${dicom}; transfer-syntax=${JPEG_2000}`, 'as stored'],
    [JPEG_2000, `${dicom}; transfer-syntax=${JPEG_LS}`, JPEG_LS],
    [EXPLICIT, `${dicom}; transfer-syntax="${JPEG_LS}"`, JPEG_LS],
    [JPEG_2000, `${dicom}; transfer-syntax=${JPEG_LS}, ${dicom}; transfer-syntax=${JPEG_2000}`, 'as stored'],
    [JPEG_2000, `${dicom}; transfer-syntax=${JPEG};q=0.9, ${dicom};q=0.1`, EXPLICIT],
    [EXPLICIT, `${dicom}; transfer-syntax=${JPEG}`, 406],
    [EXPLICIT, 'multipart/related; type="image/jpeg"', 406],
    [EXPLICIT, 'application/dicom', 406],
    [EXPLICIT, `${dicom};q=0`, 406],
  ])('stored in %s and asked for with %s: %s', async (stored, accept, expected) => {
    expect(await retrieve(await start(), stored, accept)).toBe(expected);
  });

  it('fall back on the stored one only where none was asked for by name', async () => {
    const broken = {
      ...labelled,
      transcode: () => Promise.reject(new PixelError('damaged', 'The frame cannot be decoded.')),
    };
    const web = await start(broken);
    expect(await retrieve(web, JPEG_2000, dicom)).toBe('as stored');
    expect(await retrieve(web, JPEG_2000, `${dicom}; transfer-syntax=${JPEG_LS}`)).toBe(406);
  });
});

describe('an object that takes long to transcode', () => {
  it.each(['application/dicom', 'multipart/related; type="application/dicom"'])(
    'comes in the end as %s, although nothing moves on the connection meanwhile',
    async (type) => {
      const idleTimeoutMs = 100;
      const slow: typeof labelled = {
        ...labelled,
        async transcode(source, to, options) {
          await delay(idleTimeoutMs * 5);
          return labelled.transcode(source, to, options);
        },
      };
      const web = await start(slow, { idleTimeoutMs });
      const { key } = await web.add(fileOf({ rows: 16, columns: 16 }));
      const accept = `${type}; transfer-syntax=${JPEG_LS}`;
      const response = await web.fetch(instancePath(key), { headers: { accept } });
      expect(await response.text()).toContain(`as ${JPEG_LS}`);
    },
  );
});

describe('a single instance', () => {
  it('comes without multipart where that is asked for, also in ranges', async () => {
    const web = await start();
    const file = fileOf({});
    const { key } = await web.add(file);
    const accept = 'application/dicom; transfer-syntax=*';
    const whole = await web.fetch(instancePath(key), { headers: { accept } });
    expect(whole.headers.get('content-type')).toBe(`application/dicom; transfer-syntax=${EXPLICIT}`);
    expect((await bytesOf(whole)).equals(file)).toBe(true);
    const part = await web.fetch(instancePath(key), { headers: { accept, range: 'bytes=100-199' } });
    expect(part.status).toBe(206);
    expect((await bytesOf(part)).equals(file.subarray(100, 200))).toBe(true);
    const transcoded = await web.fetch(instancePath(key), {
      headers: { accept: `application/dicom; transfer-syntax=${JPEG_LS}`, range: 'bytes=0-1' },
    });
    expect(transcoded.status).toBe(200);
    expect(await transcoded.text()).toBe(`as ${JPEG_LS}`);
  });
});

describe('a ZIP file', () => {
  it('holds every object as stored, under names that tell nothing of the patient', async () => {
    const web = await start();
    const files = [
      fileOf({ seriesNumber: 1 }),
      fileOf({ seriesNumber: 2, instanceNumber: 1 }),
      fileOf({ seriesNumber: 2, instanceNumber: 2 }),
    ];
    for (const file of files) await web.add(file);
    const study = studyPath(syntheticCt({}));
    const response = await web.fetch(study, { headers: { accept: 'application/zip' } });
    expect(response.headers.get('content-disposition')).toBe(
      `attachment; filename="${syntheticCt({}).studyInstanceUid}.zip"`,
    );
    const announced = Number(response.headers.get('content-length'));
    const zip = await bytesOf(response);
    expect(zip.length).toBe(announced);
    const entries = await unzip(zip);
    expect([...entries.keys()]).toEqual([
      'SE000001/IM000001.dcm',
      'SE000002/IM000001.dcm',
      'SE000002/IM000002.dcm',
    ]);
    expect(
      [...entries.values()].map((bytes, index) => bytes.equals(files[index] ?? Buffer.alloc(0))),
    ).toEqual([true, true, true]);
  });
});

async function unzip(bytes: Buffer): Promise<ReadonlyMap<string, Buffer>> {
  const entries = new Map<string, Buffer>();
  const zip = await yauzl.fromBufferPromise(bytes);
  for await (const entry of zip.eachEntry()) {
    const chunks: Buffer[] = [];
    for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
    entries.set(entry.fileName, Buffer.concat(chunks));
  }
  return entries;
}
