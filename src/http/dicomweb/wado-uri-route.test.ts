import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { syntheticCt } from '../../../test/support/data-sets.ts';
import { TOKENS } from '../../../test/support/dicom-web-app.ts';
import { startDicomWeb, type DicomWebServer } from '../../../test/support/dicom-web-server.ts';
import type { InstanceKey } from '../../core/study/instance.ts';
import { writeFileMeta } from '../../dicom/part10/file-meta.ts';
import { createBufferPool } from '../buffer-pool.ts';
import { createWadoUriRoute } from './wado-uri-route.ts';

const EXPLICIT = '1.2.840.10008.1.2.1';
const JPEG = '1.2.840.10008.1.2.4.50';

/** Pictures are texts that tell what was asked for. */
function start(): Promise<DicomWebServer> {
  return startDicomWeb(({ index, store, fixture }) => [
    createWadoUriRoute({
      index,
      store,
      codec: {
        canTranscode: (from, to) => from === to,
        transcode: () => Promise.reject(new Error('never asked for')),
      },
      pictures: {
        plan: (_instance, frame, form) => ({
          tag: 'a',
          render: () => Promise.resolve(Buffer.from(JSON.stringify({ frame, ...form }))),
        }),
      },
      ...fixture,
      pool: createBufferPool(),
    }),
  ]);
}

function fileOf(): Buffer {
  const { dataSet, ...identity } = syntheticCt({ rows: 16, columns: 16 });
  return Buffer.concat([writeFileMeta(identity), dataSet]);
}

function query(key: InstanceKey, more = '', without = ''): string {
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = key;
  const all = `requestType=WADO&studyUID=${studyInstanceUid}&seriesUID=${seriesInstanceUid}&objectUID=${sopInstanceUid}${more}`;
  return `/wado?${all
    .split('&')
    .filter((one) => without === '' || !one.startsWith(without))
    .join('&')}`;
}

describe('WADO-URI', () => {
  it('gives the object as it is stored', async () => {
    const web = await start();
    const { key } = await web.add(fileOf());
    for (const more of ['', `&transferSyntax=${EXPLICIT}`]) {
      const response = await web.fetch(query(key, `&contentType=application%2Fdicom${more}`));
      expect(response.headers.get('content-type')).toBe(`application/dicom; transfer-syntax=${EXPLICIT}`);
      const bytes = Buffer.from(await response.arrayBuffer());
      expect(bytes.equals(fs.readFileSync(web.store.pathOf(key)))).toBe(true);
    }
    expect(web.audited[0]).toMatchObject({ event: 'dicomweb.retrieved', detail: 'instance by WADO-URI' });
    expect((await web.fetch(query(key), {}, TOKENS.north)).status).toBe(404);
  });

  it('gives a picture by default, as the parameters say', async () => {
    const web = await start();
    const { key } = await web.add(fileOf());
    const plain = await web.fetch(query(key));
    expect(plain.headers.get('content-type')).toBe('image/jpeg');
    expect(await plain.json()).toEqual({ frame: 'middle', mediaType: 'image/jpeg' });
    const form =
      '&contentType=image/png&frameNumber=1&rows=100&columns=200&windowCenter=40&windowWidth=400&imageQuality=80';
    expect(await (await web.fetch(query(key, form))).json()).toEqual({
      frame: 1,
      mediaType: 'image/png',
      viewport: { width: 200, height: 100 },
      window: { center: 40, width: 400, function: 'LINEAR' },
      quality: 80,
    });
  });

  it.each([
    ['requestType', '', 400],
    ['objectUID', '', 400],
    ['', '&anonymize=yes', 400],
    ['', '&frameNumber=1,2', 400],
    ['', '&windowCenter=40', 400],
    ['', '&contentType=application/dicom&transferSyntax=no', 400],
    ['', `&contentType=application/dicom&transferSyntax=${JPEG}`, 406],
    ['', '&contentType=text/html', 406],
  ])('without "%s" and with "%s" is refused with %s', async (without, more, status) => {
    const web = await start();
    const { key } = await web.add(fileOf());
    expect((await web.fetch(query(key, more, without))).status).toBe(status);
  });
});
