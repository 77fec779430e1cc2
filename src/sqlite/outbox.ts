import type Database from 'better-sqlite3';

import type { DeliveryWish, Outbox, OutboxEntry } from '../core/ports/outbox.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { Product, StudyRecord } from '../core/study/study.ts';
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
  readonly avara_study_id: string | null;
  readonly sent: string | null;
  readonly wish: DeliveryWish;
  readonly is_cancelled: number;
  readonly revision: number;
  readonly is_moved_away: number;
  readonly supersedes: string | null;
}

// By itself SQLite would take the index of states, and read and sort all that waits for each delivery: a hundred thousand
// where an archive was imported or Avara was away.
const DUE = `
  FROM outbox INDEXED BY outbox_due CROSS JOIN study ON study.id = outbox.study_id
  WHERE outbox.state = 'pending' AND study.state = 'stable'
    AND NOT EXISTS (SELECT 1 FROM outbox AS before WHERE before.id = outbox.after_entry
      AND (before.state <> 'created' OR before.is_cancelled = 0))
    AND study.customer NOT IN (SELECT value FROM json_each(?)) AND outbox.id NOT IN (SELECT value FROM json_each(?))`;

export interface SqliteOutboxOptions {
  readonly db: Database.Database;
  readonly queue: WriteQueue;
  readonly reader: StudyReader;
}

/** The outbox in the same database as the index, so that both commit together. */
export function createOutbox({ db, queue, reader }: SqliteOutboxOptions): Outbox {
  const due = db.prepare<[string, string, number, number], DueRow>(`
    SELECT outbox.id, outbox.product, outbox.attempts, outbox.avara_study_id, outbox.sent, outbox.wish,
      outbox.is_cancelled, outbox.revision, outbox.is_moved_away, study.customer,
      (SELECT avara_study_id FROM outbox AS before WHERE before.id = outbox.after_entry) AS supersedes, study.study_uid ${DUE}
      AND outbox.due_at <= ? ORDER BY outbox.due_at, outbox.id LIMIT ?`);
  const nextDue = db.prepare<[string, string], { due_at: number }>(
    `SELECT outbox.due_at ${DUE} ORDER BY outbox.due_at, outbox.id LIMIT 1`,
  );
  const begin = db.prepare('UPDATE outbox SET attempts = attempts + 1 WHERE id = ?');
  const noteSent = db.prepare('UPDATE outbox SET sent = ? WHERE id = ?');
  const complete = db.prepare(`
    UPDATE outbox SET avara_study_id = @avaraStudyId, sent = coalesce(@sent, sent), is_cancelled = @isCancelled,
      last_error = NULL, updated_at = @now,
      state = CASE WHEN coalesce(@revision, revision) = revision THEN 'created' ELSE 'pending' END,
      wish = CASE WHEN coalesce(@revision, revision) = revision THEN 'none' ELSE wish END,
      due_at = CASE WHEN coalesce(@revision, revision) = revision THEN due_at ELSE @now END
    WHERE id = @id`);
  const postpone = db.prepare('UPDATE outbox SET due_at = ?, last_error = ? WHERE id = ?');
  const drop = db.prepare('DELETE FROM outbox WHERE id = ?');
  const attention = db.prepare("UPDATE outbox SET state = 'attention', last_error = ? WHERE id = ?");
  const retry = db.prepare(`
    UPDATE outbox SET state = 'pending', due_at = @now, updated_at = @now
    WHERE state IN ('pending', 'attention') AND study_id IN (
      SELECT id FROM study WHERE (@customer IS NULL OR customer = @customer) AND (@studyUid IS NULL OR study_uid = @studyUid))`);
  const wish = db.prepare(`
    UPDATE outbox SET wish = @wish, state = 'pending', due_at = @now, updated_at = @now, revision = revision + 1
    WHERE (@product IS NULL OR product = @product)
      AND study_id = (SELECT id FROM study WHERE study_uid = @studyUid AND customer = @customer)`);
  const addMissing = db.prepare(`
    INSERT INTO outbox (study_id, product, state, attempts, due_at, created_at, updated_at)
    SELECT study.id, @product, 'pending', 0, @now, @now, @now FROM study
    WHERE study.customer = @customer AND study.state = 'stable'
      AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.study_id = study.id AND outbox.product = @product)
    ORDER BY study.last_received_at DESC LIMIT @limit`);
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
        return study ? [toEntry(row, study)] : [];
      });
    },
    nextDueAt: (except, busy) => nextDue.get(...lists(except, busy))?.due_at,
    begin: (id) => queue.write(() => void begin.run(id)),
    noteSent: (id, sent) => queue.write(() => void noteSent.run(sent, id)),
    complete: (id, { avaraStudyId, sent, isCancelled, revision }, now) =>
      queue.write(
        () =>
          void complete.run({
            id,
            now,
            avaraStudyId,
            sent: sent ?? null,
            isCancelled: isCancelled === true ? 1 : 0,
            revision: revision ?? null,
          }),
      ),
    postpone: (id, at, error) =>
      queue.write(() => void postpone.run(at, error.slice(0, MAX_ERROR_LENGTH), id)),
    drop: (id) => queue.write(() => void drop.run(id)),
    needAttention: (id, error) => queue.write(() => void attention.run(error.slice(0, MAX_ERROR_LENGTH), id)),
    retry: (key, now) => retryWhere(key.customer, key.studyInstanceUid, now),
    retryAll: (customer, now) => retryWhere(customer ?? null, null, now),
    wish: ({ customer, studyInstanceUid: studyUid }, product, wanted, now) =>
      queue.write(
        () => wish.run({ customer, studyUid, product: product ?? null, wish: wanted, now }).changes,
      ),
    addMissing: (customer, product, limit, now) =>
      queue.write(() => addMissing.run({ customer, product, limit, now }).changes),
  };
}

function toEntry(row: DueRow, study: StudyRecord): OutboxEntry {
  return {
    id: row.id,
    study,
    product: row.product,
    attempts: row.attempts,
    wish: row.wish,
    isCancelled: row.is_cancelled === 1,
    revision: row.revision,
    ...(row.avara_study_id !== null && { avaraStudyId: row.avara_study_id }),
    ...(row.sent !== null && { sent: row.sent }),
    ...(row.is_moved_away === 1 && { isMovedAway: true }),
    ...(row.supersedes !== null && { supersedes: row.supersedes }),
  };
}
