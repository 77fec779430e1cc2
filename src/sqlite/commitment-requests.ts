import { createHash } from 'node:crypto';

import type Database from 'better-sqlite3';

import type {
  CommitmentAcceptance,
  CommitmentRequest,
  CommitmentRequests,
  NewCommitmentRequest,
} from '../core/ports/commitment-requests.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { FailureReason, SopInstanceReference } from '../dicom/storage-commitment.ts';
import type { Uid } from '../dicom/uid.ts';
import type { WriteQueue } from './write-queue.ts';

const MAX_ERROR_LENGTH = 500;
/** What may be owed at once: beyond it a requestor that asks and never listens would fill the disk. */
const MAX_OPEN_REQUESTS = 10_000;
const MAX_OPEN_REFERENCES = 1_000_000;
/** Looked up in one turn: a request may name a hundred thousand. */
const REFERENCES_PER_WRITE = 500;

export interface SqliteCommitmentRequestsOptions {
  readonly db: Database.Database;
  readonly queue: WriteQueue;
  /** Brings what was committed to stable storage. */
  readonly sync: () => Promise<void>;
  /** Default 10,000. */
  readonly maxOpenRequests?: number;
}

interface RequestRow {
  readonly id: number;
  readonly customer: CustomerKey;
  readonly calling_ae: string;
  readonly called_ae: string;
  readonly transaction_uid: Uid;
  readonly accepted_at: number;
  readonly failed_attempts: number;
}

/** Storage commitment requests in the database of the index. */
export function createCommitmentRequests(options: SqliteCommitmentRequestsOptions): CommitmentRequests {
  const { db, queue, sync, maxOpenRequests = MAX_OPEN_REQUESTS } = options;
  const known = db.prepare<
    [string, string, string],
    { id: number; state: string; reference_sha256: Buffer }
  >(`
    SELECT id, state, reference_sha256 FROM commitment_request
    WHERE calling_ae = ? AND transaction_uid = ? AND customer = ?`);
  const owed = db.prepare<[], { requests: number; reference_count: number }>(`
    SELECT count(*) AS requests, coalesce(sum(reference_count), 0) AS reference_count
    FROM commitment_request WHERE state = 'open'`);
  const insert = db.prepare(`
    INSERT INTO commitment_request (customer, calling_ae, called_ae, transaction_uid, state, reference_list,
      reference_count, reference_sha256, accepted_at, failed_attempts)
    VALUES (?, ?, ?, ?, 'open', ?, ?, ?, ?, 0)`);
  const reopen = db.prepare(`
    UPDATE commitment_request SET state = 'open', called_ae = ?, reference_list = ?, verdict = NULL, accepted_at = ?, settled_at = NULL,
      failed_attempts = 0, last_error = NULL WHERE id = ?`);
  const open = db.prepare<[string, string, number], RequestRow>(`
    SELECT id, customer, calling_ae, called_ae, transaction_uid, accepted_at, failed_attempts
    FROM commitment_request WHERE id IN (
      SELECT min(id) FROM commitment_request INDEXED BY commitment_request_open
      WHERE state = 'open' AND calling_ae NOT IN (SELECT value FROM json_each(?))
        AND id NOT IN (SELECT value FROM json_each(?))
      GROUP BY calling_ae)
    ORDER BY id LIMIT ?`);
  const references = db.prepare<[number], { reference_list: string | null }>(
    'SELECT reference_list FROM commitment_request WHERE id = ?',
  );
  const verdict = db.prepare<[number], { verdict: string | null }>(
    'SELECT verdict FROM commitment_request WHERE id = ?',
  );
  const saveVerdict = db.prepare('UPDATE commitment_request SET verdict = ? WHERE id = ?');
  const noteCommitted = db.prepare(`
    INSERT INTO study_commitment (study_id, committed_at)
    SELECT DISTINCT study.id, @now FROM json_each(@sopUids) AS named CROSS JOIN instance ON instance.sop_uid = named.value
    JOIN series ON series.id = instance.series_id JOIN study ON study.id = series.study_id
    WHERE study.customer = (SELECT customer FROM commitment_request WHERE id = @id)
    ON CONFLICT (study_id) DO UPDATE SET committed_at = excluded.committed_at`);
  const noteFailure = db.prepare(
    'UPDATE commitment_request SET failed_attempts = failed_attempts + 1, last_error = ? WHERE id = ?',
  );
  const settle = db.prepare(
    'UPDATE commitment_request SET state = ?, settled_at = ?, verdict = NULL, reference_list = NULL WHERE id = ?',
  );
  const prune = db.prepare('DELETE FROM commitment_request WHERE settled_at < ?');

  function add(request: NewCommitmentRequest, now: number): CommitmentAcceptance {
    const { customer, callingAeTitle, calledAeTitle, transactionUid } = request;
    const list = JSON.stringify(
      request.references.map(({ sopClassUid, sopInstanceUid }) => [sopClassUid, sopInstanceUid]),
    );
    const digest = createHash('sha256').update(list).digest();
    const row = known.get(callingAeTitle, transactionUid, customer);
    if (row !== undefined && !row.reference_sha256.equals(digest)) return 'transaction-uid-in-use';
    if (row?.state === 'open') return 'pending';
    const load = owed.get();
    if (
      load !== undefined &&
      (load.requests >= maxOpenRequests ||
        load.reference_count + request.references.length > MAX_OPEN_REFERENCES)
    ) {
      return 'full';
    }
    if (row === undefined) {
      const count = request.references.length;
      insert.run(customer, callingAeTitle, calledAeTitle, transactionUid, list, count, digest, now);
    } else reopen.run(calledAeTitle, list, now, row.id);
    return 'accepted';
  }

  function referencesOf(id: number): readonly SopInstanceReference[] {
    const list = JSON.parse(references.get(id)?.reference_list ?? '[]') as [Uid, Uid][];
    return list.map(([sopClassUid, sopInstanceUid]) => ({ sopClassUid, sopInstanceUid }));
  }

  return {
    async accept(request, now) {
      const acceptance = await queue.write(() => add(request, now));
      // Also where it is pending: the first attempt may have been committed and not synced when this one asks.
      if (acceptance === 'accepted' || acceptance === 'pending') await sync();
      return acceptance;
    },
    open: (limit, exceptPeers, exceptIds) =>
      open
        .all(JSON.stringify([...exceptPeers]), JSON.stringify([...exceptIds]), limit)
        .map(toCommitmentRequest),
    references: referencesOf,
    verdict(id) {
      const text = verdict.get(id)?.verdict ?? null;
      if (text === null) return undefined;
      return (JSON.parse(text) as [number, FailureReason][]).map(([position, reason]) => ({
        position,
        reason,
      }));
    },
    async saveVerdict(id, failures, now) {
      const failed = new Set(failures.map(({ position }) => position));
      const committed = referencesOf(id).filter((_, position) => !failed.has(position));
      for (let from = 0; from < committed.length; from += REFERENCES_PER_WRITE) {
        const some = committed.slice(from, from + REFERENCES_PER_WRITE);
        const sopUids = JSON.stringify(some.map(({ sopInstanceUid }) => sopInstanceUid));
        await queue.write(() => void noteCommitted.run({ id, now, sopUids }));
      }
      const text = JSON.stringify(failures.map(({ position, reason }) => [position, reason]));
      await queue.write(() => void saveVerdict.run(text, id));
    },
    noteFailure: (id, error) => queue.write(() => void noteFailure.run(error.slice(0, MAX_ERROR_LENGTH), id)),
    settle: (id, as, now) => queue.write(() => void settle.run(as, now, id)),
    prune: (settledBefore) => queue.write(() => void prune.run(settledBefore)),
  };
}

function toCommitmentRequest(row: RequestRow): CommitmentRequest {
  return {
    id: row.id,
    customer: row.customer,
    callingAeTitle: row.calling_ae,
    calledAeTitle: row.called_ae,
    transactionUid: row.transaction_uid,
    acceptedAt: row.accepted_at,
    failedAttempts: row.failed_attempts,
  };
}
