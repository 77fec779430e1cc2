import fs from 'node:fs/promises';

import { expect, it } from 'vitest';

import { syntheticCt } from '../../../test/support/data-sets.ts';
import { instancePath, startDicomWeb } from '../../../test/support/dicom-web-server.ts';
import { writeFileMeta } from '../../dicom/part10/file-meta.ts';
import { createBufferPool } from '../buffer-pool.ts';
import { createBulkDataRoutes } from './bulkdata-routes.ts';

const PIXELS = '/bulkdata/7FE00010';
const PIXEL_BYTES = 128;

/** `beforeOpened` runs when the element has been found and the object is about to be opened. */
async function start(beforeOpened: () => Promise<void> = () => Promise.resolve()) {
  const study = { isGone: false };
  const web = await startDicomWeb(({ index, store, fixture }) => {
    return [
      createBulkDataRoutes({
        ...fixture,
        store,
        pool: createBufferPool(),
        index: {
          ...index,
          findInstance: (key) => (study.isGone ? undefined : index.findInstance(key)),
          findStudiesByUid: (uid) => (study.isGone ? [] : index.findStudiesByUid(uid)),
        },
        encoder: {
          // Pixel Data stands at the end.
          async findBulkData({ fileBytes }) {
            await beforeOpened();
            const position = fileBytes - PIXEL_BYTES;
            return { kind: 'value', vr: 'OW', position, length: PIXEL_BYTES, littleEndian: true };
          },
        },
      }),
    ];
  });
  const { dataSet, sopClassUid, sopInstanceUid, transferSyntaxUid } = syntheticCt({ rows: 8, columns: 8 });
  const meta = writeFileMeta({ sopClassUid, sopInstanceUid, transferSyntaxUid });
  const { key } = await web.add(Buffer.concat([meta, dataSet]));
  return { web, key, study, url: instancePath(key) + PIXELS };
}

it('says that an object is not there any more when it is removed while it is looked at', async () => {
  const { web, key, study, url } = await start(async () => {
    study.isGone = true;
    await fs.rm(web.store.pathOf(key));
  });
  const response = await web.fetch(url);
  expect(response.status).toBe(404);
  expect(web.logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
});

it('reports an object that the index still has and the disk has not', async () => {
  const { web, key, url } = await start(async () => fs.rm(web.store.pathOf(key)));
  const response = await web.fetch(url);
  expect(response.status).toBe(500);
  expect(await response.json()).toMatchObject({ code: 'object-missing' });
});

it('tells caches that one part and multipart are two answers', async () => {
  const { web, url } = await start();
  const one = await web.fetch(url, { headers: { accept: 'application/octet-stream' } });
  const many = await web.fetch(url, {
    headers: { accept: 'multipart/related; type="application/octet-stream"' },
  });
  expect((await one.arrayBuffer()).byteLength).toBe(PIXEL_BYTES);
  await many.arrayBuffer();
  for (const response of [one, many]) expect(response.headers.get('vary')).toContain('Accept, Authorization');
  expect(one.headers.get('etag')).not.toBe(many.headers.get('etag'));
  const tag = one.headers.get('etag') ?? '';
  const headers = { accept: 'application/octet-stream', 'if-none-match': tag };
  const again = await web.fetch(url, { headers });
  expect(again.status).toBe(304);
  expect(again.headers.get('vary')).toContain('Accept');
  const other = await web.fetch(url, {
    headers: { accept: 'multipart/related; type="application/octet-stream"', 'if-none-match': tag },
  });
  expect(other.status).toBe(200);
  await other.arrayBuffer();
});
