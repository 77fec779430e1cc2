import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import type Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { storedInstance } from '../../test/support/stored-instance.ts';
import type { IndexTotals } from '../core/ports/study-index.ts';
import { customerKey } from '../core/study/instance.ts';
import { uid } from '../dicom/uid.ts';
import { Database } from './driver.mjs';
import { MIGRATIONS } from './migrations.ts';
import { openSqliteIndex } from './study-index.ts';

const CUSTOMERS = ['city-medical', 'north-clinic'];

/** What the kept totals must be, counted the long way. */
function recount(db: Sqlite.Database): Omit<IndexTotals, 'conflicts' | 'acknowledgedInstances'> {
  const sum = (sql: string): number => db.prepare<[], number>(sql).pluck().get() ?? 0;
  const shown = (state: string): number =>
    sum(`SELECT count(*) FROM outbox WHERE '${state}' =
      iif(state = 'pending' AND avara_study_id IS NOT NULL, 'created', state)`);
  return {
    studies: sum('SELECT count(*) FROM study'),
    receivingStudies: sum("SELECT count(*) FROM study WHERE state = 'receiving'"),
    instances: sum('SELECT count(*) FROM instance'),
    bytes: sum('SELECT coalesce(sum(file_bytes), 0) FROM instance'),
    deliveries: { pending: shown('pending'), created: shown('created'), attention: shown('attention') },
    removedInstances: sum('SELECT count(*) FROM ledger') - sum('SELECT count(*) FROM instance'),
    announcedInstances: sum(`SELECT coalesce(sum(instances), 0) FROM study
      WHERE id IN (SELECT study_id FROM outbox WHERE state = 'created')
        AND id NOT IN (SELECT study_id FROM outbox WHERE state <> 'created')`),
  };
}

const step = fc.record({
  what: fc.constantFrom('add', 'settle', 'complete', 'attention', 'retry', 'wish', 'remove'),
  customer: fc.constantFrom(...CUSTOMERS),
  study: fc.integer({ min: 1, max: 3 }),
  entry: fc.integer({ min: 1, max: 8 }),
});

it('totals are what counting gives, whatever happened', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'totals-'));
      const filePath = path.join(folder, 'index.db');
      const { index, outbox, removals } = openSqliteIndex({ filePath });
      const db = new Database(filePath);
      try {
        let at = 1000;
        for (const { what, customer, study, entry } of steps) {
          at += 1;
          const key = { customer: customerKey(customer), studyInstanceUid: uid(`1.2.${study}`) };
          if (what === 'add')
            await index.addInstance(
              storedInstance({
                customer,
                study: `1.2.${study}`,
                sop: `1.2.3.${at}`,
                receivedAt: at,
                fileBytes: at,
              }),
            );
          if (what === 'settle') await index.settle(key, at, ['viewer', 'autoScribe'], at);
          if (what === 'complete') await outbox.complete(entry, { avaraStudyId: `stu_${entry}` }, at);
          if (what === 'attention') await outbox.needAttention(entry, 'refused');
          if (what === 'retry') await outbox.retry(key, at);
          if (what === 'wish') await outbox.wish(key, undefined, 'cancel', at);
          if (what === 'remove') await removals.remove(key, 'age', at, () => true);
        }
        expect(index.totals()).toMatchObject(recount(db));
        const byCustomer = index.customerTotals();
        expect(byCustomer.reduce((sum, { instances }) => sum + instances, 0)).toBe(index.totals().instances);
        for (const { customer, studies } of byCustomer)
          expect(index.listStudies({ limit: 100, customers: [customer] }).studies).toHaveLength(studies);
      } finally {
        db.close();
        index.close();
        fs.rmSync(folder, { recursive: true });
      }
    }),
    { numRuns: 25 },
  );
});

it('totals of an index of an earlier version are counted when it is opened', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'totals-'));
  const filePath = path.join(folder, 'index.db');
  const before = MIGRATIONS.findIndex((sql) => sql.includes('customer_total'));
  const old = new Database(filePath);
  for (const sql of MIGRATIONS.slice(0, before)) old.exec(sql);
  old.pragma(`user_version = ${before}`);
  old.exec(`
    INSERT INTO origin VALUES (1, 'dimse', 'CT1', 'CITYMED', '');
    INSERT INTO study VALUES (1, 'city-medical', '1.2', 'stable', 3, 300, 1, 2, 'CT', 1, 0, '{}'),
      (2, 'city-medical', '1.3', 'receiving', 4, 400, 1, 2, 'CT', 1, 0, '{}');
    INSERT INTO outbox (study_id, product, state, attempts, due_at, avara_study_id, created_at, updated_at)
    VALUES (1, 'viewer', 'created', 1, 0, 'stu_1', 0, 0), (2, 'viewer', 'pending', 1, 0, NULL, 0, 0);`);
  old.close();
  const { index } = openSqliteIndex({ filePath });
  try {
    expect(index.totals()).toMatchObject({
      studies: 2,
      receivingStudies: 1,
      instances: 7,
      bytes: 700,
      announcedInstances: 3,
      deliveries: { pending: 1, created: 1, attention: 0 },
    });
  } finally {
    index.close();
    fs.rmSync(folder, { recursive: true });
  }
});
