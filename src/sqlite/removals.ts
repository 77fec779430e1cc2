import type Database from 'better-sqlite3';

import type {
  RemovalReason,
  RemovalRecord,
  Removals,
  RetentionCursor,
  RetentionFacts,
} from '../core/ports/removals.ts';
import type { CustomerKey, StudyKey } from '../core/study/instance.ts';
import type { DeliveryState, Product, StudyState } from '../core/study/study.ts';
import type { Uid } from '../dicom/uid.ts';
import { StudyRemover } from './study-remover.ts';
import type { WriteQueue } from './write-queue.ts';

interface FactsRow {
  readonly id: number;
  readonly customer: CustomerKey;
  readonly study_uid: Uid;
  readonly state: StudyState;
  readonly instances: number;
  readonly bytes: number;
  readonly last_received_at: number;
  readonly conflicts: number;
  readonly reports: number;
  readonly outputs: number;
  readonly sessions: number;
  readonly handed_out_until: number | null;
  readonly committed_at: number | null;
  readonly unverified: number;
}

interface RemovalRow {
  readonly id: number;
  readonly customer: CustomerKey;
  readonly study_uid: Uid;
  readonly why: RemovalReason;
  readonly moved_to: CustomerKey | null;
  readonly instances: number;
  readonly bytes: number;
  readonly first_received_at: number;
  readonly last_received_at: number;
  readonly removed_at: number;
  readonly files: RemovalRecord['files'];
}

const FACTS = `
  SELECT study.id, study.customer, study.study_uid, study.state, study.instances, study.bytes, study.last_received_at,
    (SELECT count(*) FROM conflict
      WHERE conflict.study_uid = study.study_uid AND conflict.customer = study.customer) AS conflicts,
    (SELECT count(*) FROM report INDEXED BY report_unfinished
      WHERE report.state IN ('pending', 'attention') AND report.avara_study_id IN (
      SELECT avara_study_id FROM outbox WHERE outbox.study_id = study.id)) AS reports,
    (SELECT count(*) FROM report JOIN report_output ON report_output.report = report.id
      WHERE report.study_uid = study.study_uid AND report.customer = study.customer
        AND (report.state IN ('pending', 'attention') OR report_output.state IN ('pending', 'attention'))) AS outputs,
    (SELECT count(*) FROM retrieval, json_each(retrieval.studies) AS named
      WHERE retrieval.expires_at > @now AND retrieval.customer = study.customer
        AND named.value = study.study_uid) AS sessions,
    (SELECT until FROM study_hand_out WHERE study_hand_out.study_id = study.id) AS handed_out_until,
    (SELECT committed_at FROM study_commitment WHERE study_commitment.study_id = study.id) AS committed_at,
    EXISTS (SELECT 1 FROM commitment_request WHERE commitment_request.state = 'open'
      AND commitment_request.customer = study.customer AND verdict IS NULL) AS unverified
  FROM study`;

const LATEST =
  'removal.id = (SELECT max(id) FROM removal AS other WHERE other.study_uid = removal.study_uid AND other.customer = removal.customer)';
const NOT_HERE = `NOT EXISTS (SELECT 1 FROM study
  WHERE study.study_uid = removal.study_uid AND study.customer = removal.customer AND study.instances > 0)`;

export interface SqliteRemovalsOptions {
  readonly db: Database.Database;
  readonly queue: WriteQueue;
  /** Brings what was committed to stable storage. */
  readonly sync: () => Promise<void>;
}

/** The record of removed studies in the database of the index. */
export function createRemovals({ db, queue, sync }: SqliteRemovalsOptions): Removals {
  const remover = new StudyRemover(db);
  const oldest = db.prepare<
    { now: number; lastReceivedAt: number; id: number; limit: number },
    FactsRow
  >(`${FACTS} WHERE (study.last_received_at, study.id) > (@lastReceivedAt, @id) AND study.instances > 0
    ORDER BY study.last_received_at, study.id LIMIT @limit`);
  const one = db.prepare<{ now: number; studyUid: string; customer: string }, FactsRow>(
    `${FACTS} WHERE study.study_uid = @studyUid AND study.customer = @customer AND study.instances > 0`,
  );
  const deliveries = db.prepare<
    [number],
    { product: Product; state: DeliveryState; avara_study_id: string | null; updated_at: number }
  >('SELECT product, state, avara_study_id, updated_at FROM outbox WHERE study_id = ?');
  const usage = db.prepare<[], { customer: CustomerKey; bytes: number }>(
    'SELECT customer, bytes FROM customer_total',
  );
  const unfinished = db.prepare<[], RemovalRow>("SELECT * FROM removal WHERE files <> 'removed' ORDER BY id");
  const byId = db.prepare<[number], RemovalRow>('SELECT * FROM removal WHERE id = ?');
  const setFiles = db.prepare('UPDATE removal SET files = ? WHERE id = ?');
  const list = db.prepare<{ before: number; customer: string | null; limit: number }, RemovalRow>(`
    SELECT * FROM removal WHERE id < @before AND (@customer IS NULL OR customer = @customer)
    ORDER BY id DESC LIMIT @limit`);
  const find = db.prepare<[string, string], RemovalRow>(
    `SELECT * FROM removal WHERE study_uid = ? AND customer = ? AND ${LATEST} AND ${NOT_HERE}`,
  );
  const findByUid = db.prepare<[string], RemovalRow>(
    `SELECT * FROM removal WHERE study_uid = ? AND ${LATEST} AND ${NOT_HERE} ORDER BY customer`,
  );
  const findByAvaraId = db.prepare<[string], RemovalRow>(`
    SELECT removal.* FROM removal_delivery JOIN removal ON removal.id = removal_delivery.removal_id
    WHERE removal_delivery.avara_study_id = ? AND ${LATEST} AND ${NOT_HERE} ORDER BY removal.id DESC LIMIT 1`);
  const deliveriesOf = db.prepare<
    [number],
    { product: Product; avara_study_id: string; is_cancelled: number }
  >(
    'SELECT product, avara_study_id, is_cancelled FROM removal_delivery WHERE removal_id = ? ORDER BY product DESC',
  );
  const noteHandOut = db.prepare(`
    INSERT INTO study_hand_out (study_id, until)
    SELECT id, @until FROM study WHERE study_uid = @studyUid AND customer = @customer
    ON CONFLICT (study_id) DO UPDATE SET until = max(until, excluded.until)`);
  const totals = db.prepare<[], { removals: number; unfinished: number }>(`
    SELECT count(*) AS removals, (SELECT count(*) FROM removal WHERE files <> 'removed') AS unfinished FROM removal`);

  const factsOf = (row: FactsRow): RetentionFacts => ({
    key: { customer: row.customer, studyInstanceUid: row.study_uid },
    state: row.state,
    instances: row.instances,
    bytes: row.bytes,
    lastReceivedAt: row.last_received_at,
    deliveries: deliveries.all(row.id).map((delivery) => ({
      product: delivery.product,
      state: delivery.state,
      isAtAvara: delivery.avara_study_id !== null,
      confirmedAt: delivery.updated_at,
    })),
    conflicts: row.conflicts,
    undeliveredReports: row.reports + row.outputs,
    isInOpenSession: row.sessions > 0,
    ...(row.handed_out_until !== null && { handedOutUntil: row.handed_out_until }),
    ...(row.committed_at !== null && { committedAt: row.committed_at }),
    hasUnverifiedCommitment: row.unverified === 1,
  });
  const oneStudy = ({ customer, studyInstanceUid }: StudyKey, now: number): FactsRow | undefined =>
    one.get({ now, customer, studyUid: studyInstanceUid });
  const toRecord = (row: RemovalRow): RemovalRecord => ({
    id: row.id,
    key: { customer: row.customer, studyInstanceUid: row.study_uid },
    why: row.why,
    ...(row.moved_to !== null && { movedTo: row.moved_to }),
    instances: row.instances,
    bytes: row.bytes,
    firstReceivedAt: row.first_received_at,
    lastReceivedAt: row.last_received_at,
    removedAt: row.removed_at,
    files: row.files,
    deliveries: deliveriesOf.all(row.id).map((delivery) => ({
      product: delivery.product,
      studyId: delivery.avara_study_id,
      isCancelled: delivery.is_cancelled === 1,
    })),
  });

  return {
    oldest(limit, after: RetentionCursor | undefined, now) {
      const from = after ?? { lastReceivedAt: -1, id: -1 };
      const rows = oldest.all({ ...from, now, limit });
      const last = rows.length < limit ? undefined : rows.at(-1);
      return {
        facts: rows.map(factsOf),
        ...(last && { next: { lastReceivedAt: last.last_received_at, id: last.id } }),
      };
    },
    factsOf(key, now) {
      const row = oneStudy(key, now);
      return row && factsOf(row);
    },
    usage: () => new Map(usage.all().map(({ customer, bytes }) => [customer, bytes])),
    async remove(key, why, now, mayRemove) {
      const removed = await queue.write(() => {
        const row = oneStudy(key, now);
        if (row === undefined || !mayRemove(factsOf(row))) return undefined;
        return remover.remove(row.id, { why, now });
      });
      if (removed === undefined) return undefined;
      await sync();
      const row = byId.get(removed);
      return row && toRecord(row);
    },
    unfinished: () => unfinished.all().map(toRecord),
    setFiles: (id, files) => queue.write(() => void setFiles.run(files, id)),
    list: (limit, before, customer) =>
      list
        .all({ limit, before: before ?? Number.MAX_SAFE_INTEGER, customer: customer ?? null })
        .map(toRecord),
    find(key) {
      const row = find.get(key.studyInstanceUid, key.customer);
      return row && toRecord(row);
    },
    findByUid: (studyInstanceUid) => findByUid.all(studyInstanceUid).map(toRecord),
    findByAvaraId(avaraStudyId) {
      const row = findByAvaraId.get(avaraStudyId);
      return row && toRecord(row);
    },
    noteHandOut: ({ customer, studyInstanceUid }, until) =>
      queue.write(() => void noteHandOut.run({ customer, until, studyUid: studyInstanceUid })),
    totals: () => totals.get() ?? { removals: 0, unfinished: 0 },
  };
}
