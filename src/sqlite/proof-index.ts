import type Database from 'better-sqlite3';

import type {
  LedgerFault,
  LedgerStretch,
  ProofIndex,
  SelectedStudy,
  StudyCounts,
  StudySelection,
} from '../core/ports/proof-index.ts';
import type { InstanceKey } from '../core/study/instance.ts';
import type { InstanceWriter } from './instance-writer.ts';
import { type ConflictRow, toConflictRecord } from './conflict-rows.ts';
import { createTotalsCheck } from './totals-check.ts';
import type { WriteQueue } from './write-queue.ts';

export interface SqliteProofIndexOptions {
  readonly db: Database.Database;
  readonly queue: WriteQueue;
  readonly writer: InstanceWriter;
}

interface SelectionValues {
  readonly customer: string | null;
  readonly studyUid: string | null;
  readonly since: number;
}

const SELECTED = `
  (@customer IS NULL OR customer = @customer) AND (@studyUid IS NULL OR study_uid = @studyUid)
  AND last_received_at >= @since`;

/** Entries whose objects were removed on purpose stand for nothing any more. */
const NOT_REMOVED = `ledger.id > coalesce((SELECT last_id FROM removal_ledger WHERE first_id <= ledger.id
  ORDER BY first_id DESC LIMIT 1), 0)`;

/** What proof and repair ask of the database, in stretches of the primary key, so that none takes long. */
export function createProofIndex({ db, queue, writer }: SqliteProofIndexOptions): ProofIndex {
  const select = db.prepare<
    [SelectionValues & { after: number; limit: number }],
    { id: number; customer: string; study_uid: string }
  >(`SELECT id, customer, study_uid FROM study WHERE id > @after AND ${SELECTED} ORDER BY id LIMIT @limit`);
  const totals = db.prepare<[SelectionValues], { studies: number; instances: number; bytes: number }>(`
    SELECT count(*) AS studies, coalesce(sum(instances), 0) AS instances, coalesce(sum(bytes), 0) AS bytes
    FROM study WHERE ${SELECTED}`);
  const counts = db.prepare<
    [number],
    { n: number; b: number; counted: number; bytes: number; wrong: number }
  >(`
    SELECT study.instances AS n, study.bytes AS b, count(instance.id) AS counted,
      coalesce(sum(instance.file_bytes), 0) AS bytes,
      (SELECT count(*) FROM series WHERE series.study_id = study.id AND series.instances <>
        (SELECT count(*) FROM instance WHERE instance.series_id = series.id)) AS wrong
    FROM study LEFT JOIN series ON series.study_id = study.id LEFT JOIN instance ON instance.series_id = series.id
    WHERE study.id = ? GROUP BY study.id`);
  const conflicts = db.prepare<
    [SelectionValues & { after: number; limit: number }],
    ConflictRow & { id: number }
  >(`
    SELECT conflict.*, origin.source, origin.calling_ae, origin.called_ae, origin.peer_address
    FROM conflict JOIN origin ON origin.id = conflict.origin_id
    WHERE conflict.id > @after AND (@customer IS NULL OR customer = @customer)
      AND (@studyUid IS NULL OR study_uid = @studyUid) AND received_at >= @since
    ORDER BY conflict.id LIMIT @limit`);
  const conflictAt = db.prepare<[string], { id: number }>('SELECT id FROM conflict WHERE path = ?');
  const conflictOf = db.prepare<[string], ConflictRow>(`
    SELECT conflict.*, origin.source, origin.calling_ae, origin.called_ae, origin.peer_address
    FROM conflict JOIN origin ON origin.id = conflict.origin_id WHERE path = ?`);
  const stretchEnd = db.prepare<[number, number], { last: number | null }>(
    'SELECT max(id) AS last FROM (SELECT id FROM ledger WHERE id > ? ORDER BY id LIMIT ?)',
  );
  const stretchCounts = db.prepare<[number, number], { stored: number | null; conflicts: number | null }>(`
    SELECT sum(outcome = 'stored') AS stored, sum(outcome = 'conflict') AS conflicts FROM ledger
    WHERE id > ? AND id <= ? AND ${NOT_REMOVED}`);
  const stretchIds = db
    .prepare<[number, number], number>(
      `SELECT subject_id FROM ledger WHERE id > ? AND id <= ? AND outcome = 'stored' AND ${NOT_REMOVED}`,
    )
    .pluck();
  const stretchFaults = db.prepare<[number, number], LedgerRow>(`
    SELECT ledger.id, ledger.outcome, ledger.subject_id, ledger.at, ledger.file_bytes, ledger.sha256,
      coalesce(instance.sha256, conflict.sha256) AS found_sha256,
      coalesce(instance.file_bytes, conflict.file_bytes) AS found_bytes
    FROM ledger
    LEFT JOIN instance ON ledger.outcome = 'stored' AND instance.id = ledger.subject_id
    LEFT JOIN conflict ON ledger.outcome = 'conflict' AND conflict.id = ledger.subject_id
    WHERE ledger.id > ? AND ledger.id <= ? AND (found_sha256 IS NULL OR found_sha256 <> ledger.sha256
      OR found_bytes <> ledger.file_bytes) AND ${NOT_REMOVED}
    ORDER BY ledger.id`);
  const beingRemoved = db.prepare<[string, string], { id: number }>(
    "SELECT id FROM removal WHERE study_uid = ? AND customer = ? AND files <> 'removed' LIMIT 1",
  );
  const highest = db.prepare<[], { id: number | null }>('SELECT max(id) AS id FROM instance');
  const ids = db
    .prepare<[number, number], number>('SELECT id FROM instance WHERE id > ? ORDER BY id LIMIT ?')
    .pluck();
  const keyOf = db.prepare<
    [number],
    { customer: string; study_uid: string; series_uid: string; sop_uid: string }
  >(`
    SELECT study.customer, study.study_uid, series.series_uid, instance.sop_uid
    FROM instance JOIN series ON series.id = instance.series_id JOIN study ON study.id = series.study_id
    WHERE instance.id = ?`);
  const isTaken = {
    stored: db.prepare<[number], { id: number }>('SELECT id FROM instance WHERE id = ?'),
    conflict: db.prepare<[number], { id: number }>('SELECT id FROM conflict WHERE id = ?'),
  };
  const recountSeries = db.prepare(`
    UPDATE series SET instances = (SELECT count(*) FROM instance WHERE instance.series_id = series.id)
    WHERE study_id = ?`);
  const recountStudy = db.prepare(`
    UPDATE study SET (instances, bytes) = (
      SELECT count(*), coalesce(sum(file_bytes), 0) FROM instance JOIN series ON series.id = instance.series_id
      WHERE series.study_id = study.id)
    WHERE id = ?`);
  const addEntry = db.prepare(`
    INSERT INTO outbox (study_id, product, state, attempts, due_at, created_at, updated_at)
    SELECT id, @product, 'pending', 0, @now, @now, @now FROM study
    WHERE study_uid = @studyUid AND customer = @customer AND state = 'stable'
    ON CONFLICT (study_id, product) DO NOTHING`);

  const totalsCheck = createTotalsCheck(db);

  /** The row number that the ledger entry names, where it is still free. */
  const rowNumber = (acknowledged: LedgerFault | undefined): number | undefined =>
    acknowledged === undefined || isTaken[acknowledged.outcome].get(acknowledged.subjectId) !== undefined
      ? undefined
      : acknowledged.subjectId;

  return {
    selectStudies: (selection, after, limit) =>
      select.all({ ...valuesOf(selection), after, limit }).map(({ id, customer, study_uid }) => ({
        id,
        key: { customer, studyInstanceUid: study_uid } as SelectedStudy['key'],
      })),
    selectedTotals: (selection) => totals.get(valuesOf(selection)) ?? { studies: 0, instances: 0, bytes: 0 },
    countsOf(studyId): StudyCounts | undefined {
      const row = counts.get(studyId);
      return (
        row && {
          noted: { instances: row.n, bytes: row.b },
          counted: { instances: row.counted, bytes: row.bytes },
          wrongSeries: row.wrong,
        }
      );
    },
    conflicts: (selection, after, limit) =>
      conflicts
        .all({ ...valuesOf(selection), after, limit })
        .map((row) => ({ ...toConflictRecord(row), id: row.id })),
    hasConflict: (path) => conflictAt.get(path) !== undefined,
    findConflict(path) {
      const row = conflictOf.get(path);
      return row && toConflictRecord(row);
    },
    ledger(after, limit): LedgerStretch {
      const last = stretchEnd.get(after, limit)?.last ?? undefined;
      if (last === undefined) return { last, stored: 0, conflicts: 0, faults: [], instanceIds: [] };
      const counted = stretchCounts.get(after, last);
      return {
        last,
        stored: counted?.stored ?? 0,
        conflicts: counted?.conflicts ?? 0,
        faults: stretchFaults.all(after, last).map(toFault),
        instanceIds: stretchIds.all(after, last),
      };
    },
    isBeingRemoved: ({ customer, studyInstanceUid }) =>
      beingRemoved.get(studyInstanceUid, customer) !== undefined,
    highestInstanceId: () => highest.get()?.id ?? 0,
    instanceIds: (after, limit) => ids.all(after, limit),
    keyOf(instanceId) {
      const row = keyOf.get(instanceId);
      if (row === undefined) return undefined;
      const { customer, study_uid: studyInstanceUid } = row;
      const [seriesInstanceUid, sopInstanceUid] = [row.series_uid, row.sop_uid];
      return { customer, studyInstanceUid, seriesInstanceUid, sopInstanceUid } as InstanceKey;
    },
    restoreInstance: (instance, acknowledged) =>
      queue.write(() => writer.addInstance(instance, rowNumber(acknowledged))),
    restoreConflict: (conflict, acknowledged) =>
      queue.write(() => void writer.addConflict(conflict, rowNumber(acknowledged))),
    recount: (studyId) =>
      queue.write(() => {
        recountSeries.run(studyId);
        recountStudy.run(studyId);
      }),
    wrongTotals: () => totalsCheck.wrong(),
    recountTotals: () => queue.write(() => totalsCheck.recount()),
    addEntry: ({ customer, studyInstanceUid: studyUid }, product, now) =>
      queue.write(() => addEntry.run({ customer, studyUid, product, now }).changes > 0),
  };
}

interface LedgerRow {
  readonly id: number;
  readonly outcome: LedgerFault['outcome'];
  readonly subject_id: number;
  readonly at: number;
  readonly file_bytes: number;
  readonly sha256: string;
  readonly found_sha256: string | null;
  readonly found_bytes: number | null;
}

function toFault(row: LedgerRow): LedgerFault {
  return {
    ledgerId: row.id,
    outcome: row.outcome,
    subjectId: row.subject_id,
    at: row.at,
    bytes: row.file_bytes,
    sha256: row.sha256,
    ...(row.found_sha256 !== null && { found: { sha256: row.found_sha256, bytes: row.found_bytes ?? 0 } }),
  };
}

function valuesOf({ customer, studyInstanceUid, receivedSince }: StudySelection): SelectionValues {
  return { customer: customer ?? null, studyUid: studyInstanceUid ?? null, since: receivedSince ?? 0 };
}
