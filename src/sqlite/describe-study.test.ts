import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { storedInstance } from '../../test/support/stored-instance.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import { customerKey, type StudyKey } from '../core/study/instance.ts';
import { uid } from '../dicom/uid.ts';
import { openSqliteIndex } from './study-index.ts';

let folder: string;
let index: StudyIndex;
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'index-'));
  ({ index } = openSqliteIndex({ filePath: path.join(folder, 'index.db') }));
});
afterEach(async () => {
  index.close();
  await fs.rm(folder, { recursive: true });
});

const keyOf = (study: string, customer = 'city-medical'): StudyKey => ({
  customer: customerKey(customer),
  studyInstanceUid: uid(study),
});

/** Each instance of the description with what it shares, in order. */
function described(key: StudyKey): unknown[] {
  return index.describeStudy(key).flatMap(({ seriesInstanceUid, runs }) =>
    runs.flatMap(({ sopClassUid, image, sopInstanceUids, instanceNumbers }) =>
      sopInstanceUids.map((sopInstanceUid, at) => ({
        key: { ...key, seriesInstanceUid, sopInstanceUid },
        sopClassUid,
        image: instanceNumbers[at] === undefined ? image : { ...image, instanceNumber: instanceNumbers[at] },
      })),
    ),
  );
}

function listed(key: StudyKey): unknown[] {
  return index
    .listInstances(key)
    .map(({ key: instanceKey, sopClassUid, image }) => ({ key: instanceKey, sopClassUid, image }));
}

it('describes every instance as the list has it, in the order of the list, whatever numbers they have', async () => {
  const instance = fc.record({
    series: fc.integer({ min: 1, max: 3 }),
    number: fc.oneof(
      fc.integer({ min: -3, max: 12 }),
      fc.constantFrom(undefined, 2 ** 31, -(2 ** 40), 2_147_483_647, -2_147_483_647),
    ),
    rows: fc.constantFrom(1, 2),
  });
  let study = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(instance, { minLength: 1, maxLength: 24 }), async (instances) => {
      study += 1;
      const key = keyOf(`1.2.3.${study}`);
      await Promise.all(
        instances.map(({ series, number, rows }, at) =>
          index.addInstance(
            storedInstance({
              study: key.studyInstanceUid,
              series: `1.2.3.${study}.${series}`,
              sop: `1.2.4.${study}.${at}`,
              seriesAttributes: { SeriesNumber: String(4 - series) },
              image: { ...(number === undefined ? {} : { instanceNumber: number }), rows },
            }),
          ),
        ),
      );
      const expected = listed(key);
      expect(expected).toHaveLength(instances.length);
      expect(described(key)).toEqual(expected);
      expect(index.describeStudy(key)).toMatchObject(index.listSeries(key));
    }),
    { numRuns: 60 },
  );
});

it('puts slices that are alike together', async () => {
  for (const [at, rows] of [512, 512, 256, 512].entries())
    await index.addInstance(storedInstance({ sop: `1.9.${at}`, image: { instanceNumber: 10 - at, rows } }));
  const runs = index.describeStudy(keyOf('1.2.3'))[0]?.runs;
  expect(runs?.map(({ image, instanceNumbers }) => [image.rows, instanceNumbers])).toEqual([
    [512, [7]],
    [256, [8]],
    [512, [9, 10]],
  ]);
});

it('describes nothing of another customer’s study with the same UID', async () => {
  await index.addInstance(storedInstance({ sop: '1.9.1' }));
  await index.addInstance(storedInstance({ customer: 'north-clinic', sop: '1.9.2' }));
  for (const customer of ['city-medical', 'north-clinic']) {
    const key = keyOf('1.2.3', customer);
    expect(described(key)).toEqual(listed(key));
    expect(described(key)).toHaveLength(1);
  }
  expect(index.describeStudy(keyOf('1.2.3', 'harbour-imaging'))).toEqual([]);
});
