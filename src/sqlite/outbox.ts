import type Database from 'better-sqlite3';

import type { Outbox, OutboxEntry } from '../core/ports/outbox.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { Product } from '../core/study/study.ts';
import type { Uid } from '../dicom/uid.ts';
import type { StudyReader } from './study-reader.ts';
import type { WriteQueue } from './write-queue.ts';

/** Longest error text kept, in characters. */
const MAX_ERROR_LENGTH = 1000;

interface DueRow {
  readonly id: number;
  readonly product: Product;
  readonly attempts: number;
  readonly customer: CustomerKey;
  readonly study_uid: Uid;
}

const DUE = `
  FROM outbox JOIN study ON study.id = outbox.study_id
  WHERE outbox.state = 'pending' AND study.state = 'stable'
    AND study.customer NOT IN (SELECT value FROM json_each(?)) AND outbox.id NOT IN (SELECT value FROM json_each(?))`;

export interface SqliteOutboxOptions {
  readonly db: Database.Database;
  readonly queue: WriteQueue;
  readonly reader: StudyReader;
}

/** The outbox in the same database as the index, so that both commit together. */
export function createOutbox({ db, queue, reader }: SqliteOutboxOptions): Outbox {
  const due = db.prepare<[string, string, number, number], DueRow>(`
    SELECT outbox.id, outbox.product, outbox.attempts, study.customer, study.study_uid ${DUE}
      AND outbox.due_at <= ? ORDER BY outbox.due_at, outbox.id LIMIT ?`);
  const nextDue = db.prepare<[string, string], { due_at: number | null }>(
    `SELECT min(outbox.due_at) AS due_at ${DUE}`,
  );
  const begin = db.prepare('UPDATE outbox SET attempts = attempts + 1 WHERE id = ?');
  const complete = db.prepare(`
    UPDATE outbox SET state = 'created', avara_study_id = ?, last_error = NULL, updated_at = ? WHERE id = ?`);
  const postpone = db.prepare('UPDATE outbox SET due_at = ?, last_error = ? WHERE id = ?');
  const attention = db.prepare("UPDATE outbox SET state = 'attention', last_error = ? WHERE id = ?");
  const retry = db.prepare(`
    UPDATE outbox SET state = 'pending', due_at = @now, updated_at = @now
    WHERE state IN ('pending', 'attention') AND study_id IN (
      SELECT id FROM study WHERE (@customer IS NULL OR customer = @customer) AND (@studyUid IS NULL OR study_uid = @studyUid))`);
  const retryWhere = (customer: string | null, studyUid: string | null, now: number): Promise<number> =>
    queue.write(() => retry.run({ customer, studyUid, now }).changes);
  const lists = (except: ReadonlySet<CustomerKey>, busy: ReadonlySet<number>): [string, string] => [
    JSON.stringify([...except]),
    JSON.stringify([...busy]),
  ];

  return {
    due(now, limit, except, busy) {
      return due.all(...lists(except, busy), now, limit).flatMap((row): OutboxEntry[] => {
        const study = reader
          .findStudiesByUid(row.study_uid)
          .find((found) => found.key.customer === row.customer);
        return study ? [{ id: row.id, study, product: row.product, attempts: row.attempts }] : [];
      });
    },
    nextDueAt: (except, busy) => nextDue.get(...lists(except, busy))?.due_at ?? undefined,
    begin: (id) => queue.write(() => void begin.run(id)),
    complete: (id, avaraStudyId, now) => queue.write(() => void complete.run(avaraStudyId, now, id)),
    postpone: (id, at, error) =>
      queue.write(() => void postpone.run(at, error.slice(0, MAX_ERROR_LENGTH), id)),
    needAttention: (id, error) => queue.write(() => void attention.run(error.slice(0, MAX_ERROR_LENGTH), id)),
    retry: (key, now) => retryWhere(key.customer, key.studyInstanceUid, now),
    retryAll: (customer, now) => retryWhere(customer ?? null, null, now),
  };
}
