import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import fc from 'fast-check';
import { expect, it } from 'vitest';

import { storedInstance } from '../../test/support/stored-instance.ts';
import { customerKey } from '../core/study/instance.ts';
import { uid } from '../dicom/uid.ts';
import { Database } from './driver.mjs';
import { openSqliteIndex, type SqliteIndex } from './study-index.ts';

const CUSTOMERS = ['city-medical', 'north-clinic'];
const TABLES = ['study', 'series', 'instance', 'ledger', 'study_term', 'customer_total', 'text_value'];

const step = fc.record({
  what: fc.oneof(
    { weight: 5, arbitrary: fc.constant('add') },
    fc.constantFrom('add twice', 'settle', 'accept', 'remove', 'move'),
  ),
  customer: fc.constantFrom(0, 0, 0, 1),
  modality: fc.constantFrom('CT', 'CT', 'CT', 'MR', 'SR', ''),
  series: fc.integer({ min: 1, max: 2 }),
  sopClass: fc.constantFrom('1.2.840.10008.5.1.4.1.1.2', '1.2.840.10008.5.1.4.1.1.4'),
  patientId: fc.constantFrom('P-1', 'P-1', 'P-2'),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function take(site: SqliteIndex, one: Step, at: number): Promise<void> {
  const { index, moves, removals } = site;
  const customer = customerKey(CUSTOMERS[one.customer] ?? '');
  const key = { customer, studyInstanceUid: uid('1.2') };
  const stored = storedInstance({
    customer,
    study: key.studyInstanceUid,
    series: `1.3.${one.series}`,
    sop: `1.4.${at}`,
    receivedAt: at,
    fileBytes: at,
    seriesAttributes: { Modality: one.modality },
    studyAttributes: { PatientID: one.patientId },
  });
  const instance = { ...stored, header: { ...stored.header, sopClassUid: uid(one.sopClass) } };
  if (one.what.startsWith('add')) await index.addInstance(instance);
  // Refused, and taken back with all that it counted.
  if (one.what === 'add twice') await expect(index.addInstance(instance)).rejects.toThrow();
  if (one.what === 'settle') await index.settle(key, at, ['viewer'], at);
  if (one.what === 'accept') await index.acceptDisagreements(key, at);
  if (one.what === 'remove') await removals.remove(key, 'age', at, () => true);
  if (one.what === 'move') {
    const to = customerKey(CUSTOMERS[1 - one.customer] ?? '');
    const instances = index.findStudy(key)?.instances;
    if (instances === undefined) return;
    const id = await moves.begin(key, to, at);
    await moves.complete(id, { from: key, to, products: ['viewer'], now: at, instances });
  }
}

function contentOf(filePath: string): Record<string, unknown[]> {
  const db = new Database(filePath, { readonly: true });
  try {
    const content = TABLES.map((table) => [table, db.prepare(`SELECT * FROM ${table}`).all()] as const);
    const noted = db.prepare(
      'SELECT study_id, keyword, value, instances, sop_uid, last_at FROM disagreement',
    );
    const events = db.prepare('SELECT study_id, event, actor FROM study_event WHERE detail IS NULL');
    return { ...Object.fromEntries(content), noted: noted.all(), events: events.all() };
  } finally {
    db.close();
  }
}

/** Takes the steps with an index that stays open, and with one that is opened anew for each and so remembers nothing. */
async function expectSame(steps: readonly Step[]): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'recent-'));
  const [kept, forgetful] = [path.join(folder, 'kept.db'), path.join(folder, 'forgetful.db')];
  try {
    const site = openSqliteIndex({ filePath: kept });
    for (const [at, one] of steps.entries()) {
      await take(site, one, 1000 + at);
      const other = openSqliteIndex({ filePath: forgetful });
      await take(other, one, 1000 + at);
      other.index.close();
    }
    site.index.close();
    expect(contentOf(kept)).toEqual(contentOf(forgetful));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

const CT: Step = {
  what: 'add',
  customer: 0,
  modality: 'CT',
  series: 1,
  sopClass: '1.2.840.10008.5.1.4.1.1.2',
  patientId: 'P-1',
};

it.each<[string, Partial<Step>[]]>([
  ['a study has other attributes', [{ patientId: 'P-2' }, { what: 'accept' }, {}, {}]],
  ['a study is stable', [{ what: 'settle' }, {}, {}]],
  ['a study is another customer’s', [{ what: 'move' }, {}, { customer: 1 }, {}]],
  ['another customer has a study of that UID', [{ customer: 1 }, {}, { customer: 1 }, { customer: 1 }, {}]],
  [
    'a study came again and its series changed numbers',
    [{ what: 'remove' }, { series: 2 }, {}, { series: 2 }],
  ],
  ['a series has another SOP Class', [{ sopClass: '1.2.840.10008.5.1.4.1.1.4' }, {}]],
  [
    'an image with better attributes came',
    [
      { what: 'remove' },
      { modality: 'SR' },
      { modality: 'SR' },
      { modality: 'SR', patientId: 'P-2' },
      { modality: '' },
    ],
  ],
  ['a write was taken back', [{ what: 'add twice' }, { what: 'add twice', series: 2 }, { series: 2 }]],
])('what is remembered of rows changes nothing once %s', async (_, steps) => {
  await expectSame([CT, CT, CT, ...steps.map((one) => ({ ...CT, ...one }))]);
});

it('what is remembered of rows changes nothing, whatever happened to them since', async () => {
  const steps = fc.array(step, { minLength: 12, maxLength: 24 });
  await fc.assert(fc.asyncProperty(steps, expectSame), { numRuns: 12 });
}, 30_000);
