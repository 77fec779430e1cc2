import { describe, expect, it } from 'vitest';
import { createDataSetBuilder } from '../../../test/support/data-set-builder.ts';
import { syntheticCt } from '../../../test/support/data-sets.ts';
import { identityElements } from '../../../test/support/identity-elements.ts';
import { TOKENS } from '../../../test/support/dicom-web-app.ts';
import {
  instancePath,
  readMultipart,
  startDicomWeb,
  type DicomWebServer,
} from '../../../test/support/dicom-web-server.ts';
import type { PixelCodec } from '../../core/ports/pixel-codec.ts';
import { PixelError } from '../../core/ports/pixel-codec.ts';
import { writeFileMeta } from '../../dicom/part10/file-meta.ts';
import { assumedTransferSyntax } from '../../dicom/transfer-syntax.ts';
import { uid } from '../../dicom/uid.ts';
import { createBufferPool } from '../buffer-pool.ts';
import { createFramesRoute } from './frames-route.ts';

const EXPLICIT = '1.2.840.10008.1.2.1';
const BIG_ENDIAN = '1.2.840.10008.1.2.2';
const JPEG = '1.2.840.10008.1.2.4.50';
const JPEG_LS = '1.2.840.10008.1.2.4.80';
const JPEG_2000 = '1.2.840.10008.1.2.4.90';
const PRIVATE = '1.2.3.4.5';

/** Makes, in place of pixels, a text that tells what was asked for. */
const labelled: PixelCodec = {
  canDecode: (from) => from !== PRIVATE,
  canTranscode: (from, to) => from === to || (from !== PRIVATE && to === JPEG_LS),
  decodeFrame: (_source, frame) =>
    Promise.resolve({ bytes: Buffer.from(`decoded ${frame}`), description: {} as never }),
  encodeFrame: (_source, frame, transferSyntaxUid) =>
    Promise.resolve({ bytes: Buffer.from(`encoded ${frame}`), transferSyntaxUid }),
  transcode: () => Promise.reject(new PixelError('unsupported', 'not here')),
  close: () => Promise.resolve(),
};

function start(codec: PixelCodec = labelled): Promise<DicomWebServer> {
  return startDicomWeb(({ index, store, fixture }) => [
    createFramesRoute({ index, store, codec, ...fixture, pool: createBufferPool() }),
  ]);
}

/** Three frames of eight bytes. */
function imageOf(syntax: string, pixels: readonly string[] = ['frame-01', 'frame-02', 'frame-03']): Buffer {
  const transferSyntax = assumedTransferSyntax(uid(syntax));
  const build = createDataSetBuilder(transferSyntax);
  const identity = syntheticCt({ seed: syntax, rows: 1, columns: 1 });
  const bytes = pixels.map((frame) => Buffer.from(frame));
  return Buffer.concat([
    writeFileMeta({ ...identity, transferSyntaxUid: uid(syntax) }),
    identityElements(build, identity),
    build.element(0x00280002, 'US', build.number16(1)),
    build.element(0x00280008, 'IS', '3'),
    build.element(0x00280010, 'US', build.number16(2)),
    build.element(0x00280011, 'US', build.number16(2)),
    build.element(0x00280100, 'US', build.number16(16)),
    transferSyntax.encapsulated
      ? build.fragments([Buffer.alloc(0), ...bytes])
      : build.element(0x7fe00010, 'OW', Buffer.concat(bytes)),
  ]);
}

/** An object without an image. */
function documentFile(): Buffer {
  const build = createDataSetBuilder(assumedTransferSyntax(uid(EXPLICIT)));
  const identity = syntheticCt({ seed: 'document', rows: 1, columns: 1 });
  return Buffer.concat([
    writeFileMeta({ ...identity, transferSyntaxUid: uid(EXPLICIT) }),
    identityElements(build, identity),
  ]);
}

const octets = 'multipart/related; type="application/octet-stream"';

async function frames(web: DicomWebServer, syntax: string, list: string, accept?: string): Promise<unknown> {
  const { key } = await web.add(imageOf(syntax));
  const response = await web.fetch(
    `${instancePath(key)}/frames/${list}`,
    accept === undefined ? {} : { headers: { accept } },
  );
  if (response.status !== 200) return response.status;
  const parts = await readMultipart(response);
  return parts.map(({ headers, body }) => [
    headers['content-type']?.replace('; transfer-syntax=', ' '),
    body.toString(),
  ]);
}

describe('frames', () => {
  it('come in the order asked for, with the length told in advance and where each is', async () => {
    const web = await start();
    const { key } = await web.add(imageOf(EXPLICIT));
    const response = await web.fetch(`${instancePath(key)}/frames/3,1,3`, { headers: { accept: octets } });
    const announced = response.headers.get('content-length');
    const copy = response.clone();
    const parts = await readMultipart(response);
    expect(String((await copy.arrayBuffer()).byteLength)).toBe(announced);
    expect(parts.map(({ headers, body }) => [headers['content-location'], body.toString()])).toEqual([
      [`${web.base}${instancePath(key)}/frames/3`, 'frame-03'],
      [`${web.base}${instancePath(key)}/frames/1`, 'frame-01'],
      [`${web.base}${instancePath(key)}/frames/3`, 'frame-03'],
    ]);
    expect(web.audited).toMatchObject([
      { event: 'dicomweb.retrieved', sopInstanceUid: key.sopInstanceUid, detail: '3 frames' },
    ]);
  });

  const stored = (type: string): unknown => [[type, 'frame-02']];
  it.each([
    [EXPLICIT, undefined, stored(`application/octet-stream ${EXPLICIT}`)],
    [EXPLICIT, octets, stored(`application/octet-stream ${EXPLICIT}`)],
    [EXPLICIT, `${octets}; transfer-syntax=*`, stored(`application/octet-stream ${EXPLICIT}`)],
    [BIG_ENDIAN, octets, [[`application/octet-stream ${EXPLICIT}`, 'rfma-e20']]],
    [EXPLICIT, 'multipart/related; type="image/jls"', [[`image/jls ${JPEG_LS}`, 'encoded 2']]],
    [EXPLICIT, 'multipart/related; type="image/jpeg"', 406],
    [JPEG, undefined, [[`application/octet-stream ${EXPLICIT}`, 'decoded 2']]],
    [JPEG, octets, [[`application/octet-stream ${EXPLICIT}`, 'decoded 2']]],
    // What OHIF asks for: whatever there is.
    [JPEG, `${octets}; transfer-syntax=*`, stored(`application/octet-stream ${JPEG}`)],
    [JPEG_2000, `${octets}; transfer-syntax=${JPEG_2000}`, stored(`application/octet-stream ${JPEG_2000}`)],
    [JPEG, 'multipart/related; type="image/jpeg"', stored(`image/jpeg ${JPEG}`)],
    [JPEG, 'multipart/related; type="image/*"', stored(`image/jpeg ${JPEG}`)],
    [JPEG, `${octets}, multipart/related; type="image/jpeg"`, stored(`image/jpeg ${JPEG}`)],
    [
      JPEG,
      `${octets}, multipart/related; type="image/jpeg";q=0.5`,
      [[`application/octet-stream ${EXPLICIT}`, 'decoded 2']],
    ],
    [
      JPEG_2000,
      'multipart/related; type="image/jls", multipart/related; type="image/jp2"',
      stored(`image/jp2 ${JPEG_2000}`),
    ],
    [JPEG_2000, 'multipart/related; type="image/jls"', [[`image/jls ${JPEG_LS}`, 'encoded 2']]],
    [PRIVATE, octets, 406],
    [PRIVATE, `${octets}; transfer-syntax=*`, stored(`application/octet-stream ${PRIVATE}`)],
    [PRIVATE, '*/*', stored(`application/octet-stream ${PRIVATE}`)],
  ])('stored in %s and asked for with %s', async (syntax, accept, expected) => {
    expect(await frames(await start(), syntax, '2', accept)).toEqual(expected);
  });

  it('come without multipart where one is asked for so', async () => {
    const web = await start();
    const { key } = await web.add(imageOf(JPEG));
    const one = await web.fetch(`${instancePath(key)}/frames/1`, { headers: { accept: 'image/jpeg' } });
    expect(one.headers.get('content-type')).toBe(`image/jpeg; transfer-syntax=${JPEG}`);
    expect(await one.text()).toBe('frame-01');
    const several = await web.fetch(`${instancePath(key)}/frames/1,2`, { headers: { accept: 'image/jpeg' } });
    expect(several.status).toBe(406);
  });

  it.each([
    ['4', 404],
    ['1,4', 404],
    ['0', 400],
    ['-1', 400],
    ['1.5', 400],
    ['a', 400],
    ['1,,2', 400],
    ['99999999999', 400],
    ['1%2C2', 200],
  ])('of the list %s: %s', async (list, expected) => {
    const answer = await frames(await start(), EXPLICIT, list);
    expect(Array.isArray(answer) ? 200 : answer).toBe(expected);
  });

  it('are not there in documents, in video, or where pixels end too soon', async () => {
    const web = await start();
    const document = await web.add(documentFile());
    expect((await web.fetch(`${instancePath(document.key)}/frames/1`)).status).toBe(404);
    const video = await web.add(imageOf('1.2.840.10008.1.2.4.102'));
    expect((await web.fetch(`${instancePath(video.key)}/frames/1`)).status).toBe(406);
    const short = await web.add(imageOf(BIG_ENDIAN, ['frame-01', 'frame-02']));
    expect((await web.fetch(`${instancePath(short.key)}/frames/2`)).status).toBe(200);
    expect((await web.fetch(`${instancePath(short.key)}/frames/3`)).status).toBe(406);
    expect((await web.fetch(`${instancePath(short.key)}/frames/1`, {}, TOKENS.north)).status).toBe(404);
  });

  it('break the connection where decoding fails half way', async () => {
    const web = await start({
      ...labelled,
      decodeFrame: (_source, frame) =>
        frame === 1
          ? Promise.resolve({ bytes: Buffer.alloc(3_000_000), description: {} as never })
          : Promise.reject(new PixelError('damaged', 'Frame 2 cannot be decoded.')),
    });
    const { key } = await web.add(imageOf(JPEG));
    expect((await web.fetch(`${instancePath(key)}/frames/2`)).status).toBe(406);
    const both = await web.fetch(`${instancePath(key)}/frames/1,2`);
    await expect(both.arrayBuffer()).rejects.toThrow();
  });
});
