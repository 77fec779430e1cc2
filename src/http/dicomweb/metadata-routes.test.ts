import { expect, it } from 'vitest';
import { syntheticCt } from '../../../test/support/data-sets.ts';
import { TOKENS } from '../../../test/support/dicom-web-app.ts';
import {
  seriesPath,
  startDicomWeb,
  studyPath,
  instancePath,
} from '../../../test/support/dicom-web-server.ts';
import { writeFileMeta } from '../../dicom/part10/file-meta.ts';
import { uid } from '../../dicom/uid.ts';
import { createMetadataRoutes } from './metadata-routes.ts';

it('takes the same objects of two customers for two answers: their URLs differ', async () => {
  const web = await startDicomWeb(({ index, fixture }) => [
    createMetadataRoutes({
      index,
      keeper: {
        open: () => Promise.reject(new Error('not asked for')),
        openInstance: () => Promise.reject(new Error('not asked for')),
      },
      ...fixture,
      onServiceRoot: () => undefined,
    }),
  ]);
  const { dataSet, sopClassUid, sopInstanceUid, transferSyntaxUid } = syntheticCt({ rows: 8, columns: 8 });
  const meta = writeFileMeta({
    sopClassUid: uid(sopClassUid),
    sopInstanceUid: uid(sopInstanceUid),
    transferSyntaxUid: uid(transferSyntaxUid),
  });
  const file = Buffer.concat([meta, dataSet]);
  const { key } = await web.add(file);
  await web.add(file, 'north-clinic');

  for (const path of [studyPath(key), seriesPath(key), instancePath(key)]) {
    const etagFor = async (customer: string): Promise<string | null> => {
      const url = `/customers/${customer}${path}/metadata`;
      const response = await web.fetch(url, { method: 'HEAD' }, TOKENS.both);
      expect(response.status).toBe(200);
      return response.headers.get('etag');
    };
    expect(await etagFor('city-medical')).toBe(await etagFor('city-medical'));
    expect(await etagFor('city-medical')).not.toBe(await etagFor('north-clinic'));
  }
});
