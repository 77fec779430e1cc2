import { randomBytes } from 'node:crypto';

import type Database from 'better-sqlite3';

import type { Retrievals } from '../core/ports/retrievals.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { Uid } from '../dicom/uid.ts';
import type { WriteQueue } from './write-queue.ts';

/** Handles of ephemeral sessions in the database of the index. */
export function createRetrievals(db: Database.Database, queue: WriteQueue): Retrievals {
  const insert = db.prepare(
    'INSERT INTO retrieval (id, customer, studies, created_at, expires_at) VALUES (?, ?, ?, ?, ?)',
  );
  const prune = db.prepare('DELETE FROM retrieval WHERE expires_at <= ?');
  const find = db.prepare<[string, number], { customer: CustomerKey; studies: string }>(
    'SELECT customer, studies FROM retrieval WHERE id = ? AND expires_at > ?',
  );
  return {
    async add({ customer, studyInstanceUids }, now, expiresAt) {
      const id = `ret_${randomBytes(16).toString('hex')}`;
      await queue.write(() => {
        prune.run(now);
        insert.run(id, customer, JSON.stringify(studyInstanceUids), now, expiresAt);
      });
      return id;
    },
    find(id, now) {
      const row = find.get(id, now);
      return row && { customer: row.customer, studyInstanceUids: JSON.parse(row.studies) as Uid[] };
    },
  };
}
