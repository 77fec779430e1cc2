import type Database from 'better-sqlite3';

import type {
  ReportJob,
  ReportOutputJob,
  ReportRecords,
  ReportTarget,
  StoredReport,
} from '../core/ports/report-records.ts';
import type { CustomerKey, StudyKey } from '../core/study/instance.ts';
import type { Uid } from '../dicom/uid.ts';
import type { WriteQueue } from './write-queue.ts';

const MAX_ERROR_LENGTH = 1000;

interface ReportRow {
  readonly id: number;
  readonly event_id: string;
  readonly report_id: string;
  readonly avara_study_id: string;
  readonly signers: string;
  readonly customer: CustomerKey | null;
  readonly study_uid: Uid | null;
  readonly is_critical: number;
  readonly presigned_url: string;
  readonly received_at: number;
  readonly version: number | null;
  readonly sha256: string | null;
  readonly attempts: number;
  readonly last_error: string | null;
  readonly plain_text: string | null;
}

interface OutputRow extends ReportRow {
  readonly output_id: number;
  readonly target: ReportTarget;
  readonly output_attempts: number;
  readonly output_error: string | null;
}

export interface SqliteReportRecordsOptions {
  readonly db: Database.Database;
  readonly queue: WriteQueue;
  /** Brings what was committed to stable storage. */
  readonly sync: () => Promise<void>;
}

/** Reports in the database of the index. */
export function createReportRecords({ db, queue, sync }: SqliteReportRecordsOptions): ReportRecords {
  const insert = db.prepare(`
    INSERT INTO report (event_id, report_id, avara_study_id, signers, customer, study_uid, is_critical, presigned_url,
      received_at, state, attempts, due_at, plain_text)
    VALUES (@eventId, @reportId, @avaraStudyId, @signers, @customer, @studyUid, @isCritical, @presignedUrl, @now,
      'pending', 0, @now, @plainText) ON CONFLICT (event_id) DO NOTHING`);
  // Years of reports are kept, and thousands may wait while Avara or a PACS is away. By itself SQLite would take the
  // index of states for most of these and read all that is stored, or all that waits.
  const bringForward = db.prepare<[number, string, number]>(`
    UPDATE report INDEXED BY report_by_report_id SET due_at = ?
    WHERE report_id = ? AND state = 'pending' AND due_at > ?`);
  const isFirst = `NOT EXISTS (SELECT 1 FROM report AS earlier INDEXED BY report_by_report_id
    WHERE earlier.report_id = report.report_id AND earlier.state = 'pending' AND earlier.id < report.id)`;
  const due = db.prepare<[number, string, number], ReportRow>(`
    SELECT * FROM report INDEXED BY report_due WHERE state = 'pending' AND due_at <= ? AND ${isFirst}
      AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY due_at, id LIMIT ?`);
  const nextDue = db.prepare<[string], { due_at: number }>(`
    SELECT due_at FROM report INDEXED BY report_due WHERE state = 'pending' AND ${isFirst}
      AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY due_at, id LIMIT 1`);
  const outputColumns = `
    report.*, report_output.id AS output_id, report_output.target, report_output.attempts AS output_attempts,
    report_output.last_error AS output_error`;
  // A PACS files versions by their UIDs. Whoever reads a folder or takes a POST may hold what comes last for valid.
  const isNextOutput = `(report_output.target = 'pacs' OR NOT EXISTS (
    SELECT 1 FROM report AS own CROSS JOIN report AS earlier INDEXED BY report_by_report_id
      CROSS JOIN report_output AS other INDEXED BY sqlite_autoindex_report_output_1
    WHERE own.id = report_output.report AND earlier.report_id = own.report_id AND earlier.id < own.id
      AND other.report = earlier.id AND other.target = report_output.target AND other.state = 'pending'))`;
  const dueOutputs = db.prepare<[number, string, number], OutputRow>(`
    SELECT ${outputColumns} FROM report_output INDEXED BY report_output_due CROSS JOIN report
    WHERE report_output.state = 'pending' AND report_output.due_at <= ? AND report.id = report_output.report
      AND ${isNextOutput} AND report_output.id NOT IN (SELECT value FROM json_each(?))
    ORDER BY report_output.due_at, report_output.id LIMIT ?`);
  const nextDueOutput = db.prepare<[string], { due_at: number }>(`
    SELECT due_at FROM report_output INDEXED BY report_output_due WHERE state = 'pending' AND ${isNextOutput}
      AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY due_at, id LIMIT 1`);
  const latest = db.prepare<[string], ReportRow>(`
    SELECT * FROM report INDEXED BY report_by_report_id WHERE report_id = ? AND state = 'stored'
    ORDER BY version DESC LIMIT 1`);
  const later = db.prepare<[string, number]>(`
    SELECT 1 FROM report INDEXED BY report_by_report_id WHERE report_id = ? AND state = 'pending' AND id > ? LIMIT 1`);
  const stored = db.prepare(`
    UPDATE report SET state = 'stored', customer = ?, study_uid = ?, version = ?, sha256 = ?, last_error = NULL WHERE id = ?`);
  const repeated = db.prepare(
    "UPDATE report SET state = 'repeated', customer = ?, study_uid = ?, last_error = NULL WHERE id = ?",
  );
  const bringOutputsForward = db.prepare<[number, number, number]>(`
    UPDATE report_output INDEXED BY sqlite_autoindex_report_output_1 SET due_at = ?
    WHERE state = 'pending' AND due_at > ? AND report IN (
      SELECT earlier.id FROM report CROSS JOIN report AS earlier USING (report_id) WHERE report.id = ?)`);
  const addOutput = db.prepare(`
    INSERT INTO report_output (report, target, state, attempts, due_at) VALUES (?, ?, 'pending', 0, ?)
    ON CONFLICT (report, target) DO NOTHING`);
  const change = {
    report: {
      begin: db.prepare('UPDATE report SET attempts = attempts + 1 WHERE id = ?'),
      postpone: db.prepare('UPDATE report SET due_at = ?, last_error = ? WHERE id = ?'),
      attention: db.prepare("UPDATE report SET state = 'attention', last_error = ? WHERE id = ?"),
    },
    output: {
      begin: db.prepare('UPDATE report_output SET attempts = attempts + 1 WHERE id = ?'),
      postpone: db.prepare('UPDATE report_output SET due_at = ?, last_error = ? WHERE id = ?'),
      attention: db.prepare("UPDATE report_output SET state = 'attention', last_error = ? WHERE id = ?"),
      done: db.prepare(
        "UPDATE report_output SET state = 'done', detail = ?, done_at = ?, last_error = NULL WHERE id = ?",
      ),
    },
  };
  const ofStudy = db.prepare<[string, string], ReportRow>(`
    SELECT * FROM report INDEXED BY report_by_study
    WHERE study_uid = ? AND customer = ? AND state = 'stored' AND version = (
      SELECT max(version) FROM report AS other INDEXED BY report_by_report_id
      WHERE other.report_id = report.report_id AND other.state = 'stored')
    ORDER BY received_at DESC, id DESC`);
  const failed = db.prepare<[number], ReportRow>(
    "SELECT * FROM report WHERE state = 'attention' ORDER BY id DESC LIMIT ?",
  );
  const failedOutputs = db.prepare<[number], OutputRow>(
    `SELECT ${outputColumns} FROM report_output JOIN report ON report.id = report_output.report
      WHERE report_output.state = 'attention' ORDER BY report_output.id DESC LIMIT ?`,
  );
  const retry = ['report', 'report_output'].map((table) =>
    db.prepare(`UPDATE ${table} SET state = 'pending', due_at = ? WHERE state IN ('pending', 'attention')`),
  );
  const count = (table: string) =>
    db.prepare<[], { state: string; total: number }>(
      `SELECT state, count(*) AS total FROM ${table} GROUP BY state`,
    );
  const counts = { reports: count('report'), outputs: count('report_output') };
  const short = (error: string): string => error.slice(0, MAX_ERROR_LENGTH);

  return {
    async accept(event, now) {
      const { study, signers, isCritical, plainText, ...members } = event;
      const added = await queue.write(() => {
        const { changes } = insert.run({
          ...members,
          now,
          signers: JSON.stringify(signers),
          isCritical: isCritical ? 1 : 0,
          plainText: plainText ?? null,
          customer: study?.customer ?? null,
          studyUid: study?.studyInstanceUid ?? null,
        });
        if (changes > 0) bringForward.run(now, event.reportId, now);
        return changes;
      });
      // Also where it is known: the first delivery may have been committed and not synced when it is repeated.
      await sync();
      return added === 0 ? 'known' : 'new';
    },
    due: (now, limit, busy) => due.all(now, JSON.stringify([...busy]), limit).map(toJob),
    dueOutputs: (now, limit, busy) =>
      dueOutputs.all(now, JSON.stringify([...busy]), limit).flatMap(toOutputJob),
    nextDueAt(busy, busyOutputs) {
      const times = [
        nextDue.get(JSON.stringify([...busy])),
        nextDueOutput.get(JSON.stringify([...busyOutputs])),
      ];
      const [first] = times.flatMap((row) => row?.due_at ?? []).sort((a, b) => a - b);
      return first;
    },
    begin: (id) => queue.write(() => void change.report.begin.run(id)),
    latest(reportId) {
      const row = latest.get(reportId);
      return row && toStored(row);
    },
    hasLater: ({ id, reportId }) => later.get(reportId, id) !== undefined,
    stored: (id, { study, version, sha256 }, targets, now) =>
      queue.write(() => {
        stored.run(study.customer, study.studyInstanceUid, version, sha256, id);
        bringOutputsForward.run(now, now, id);
        for (const target of targets) addOutput.run(id, target, now);
      }),
    repeated: (id, study) => queue.write(() => void repeated.run(study.customer, study.studyInstanceUid, id)),
    postpone: (id, at, error) => queue.write(() => void change.report.postpone.run(at, short(error), id)),
    needAttention: (id, error) => queue.write(() => void change.report.attention.run(short(error), id)),
    beginOutput: (id) => queue.write(() => void change.output.begin.run(id)),
    outputDone: (id, detail, now) => queue.write(() => void change.output.done.run(detail, now, id)),
    postponeOutput: (id, at, error) =>
      queue.write(() => void change.output.postpone.run(at, short(error), id)),
    outputNeedsAttention: (id, error) =>
      queue.write(() => void change.output.attention.run(short(error), id)),
    ofStudy: ({ studyInstanceUid, customer }) =>
      ofStudy.all(studyInstanceUid, customer).flatMap((row) => toStored(row) ?? []),
    problems: (limit) => [
      ...failed.all(limit).map((row) => ({ ...problemOf(row), error: row.last_error ?? '' })),
      ...failedOutputs.all(limit).map((row) => ({
        ...problemOf(row),
        target: row.target,
        error: row.output_error ?? '',
      })),
    ],
    retryAll: (now) =>
      queue.write(() => retry.reduce((total, statement) => total + statement.run(now).changes, 0)),
    totals() {
      const reports = { pending: 0, stored: 0, repeated: 0, attention: 0 };
      const outputs = { pending: 0, done: 0, attention: 0 };
      for (const { state, total } of counts.reports.all()) reports[state as keyof typeof reports] = total;
      for (const { state, total } of counts.outputs.all()) outputs[state as keyof typeof outputs] = total;
      const { pending, stored: kept, attention } = reports;
      return { reports: { pending, stored: kept, attention }, outputs };
    },
  };
}

function studyOf({ customer, study_uid: studyInstanceUid }: ReportRow): StudyKey | undefined {
  return customer === null || studyInstanceUid === null ? undefined : { customer, studyInstanceUid };
}

function problemOf(row: ReportRow) {
  const study = studyOf(row);
  return { reportId: row.report_id, ...(study !== undefined && { study }) };
}

function toJob(row: ReportRow): ReportJob {
  return {
    ...problemOf(row),
    id: row.id,
    eventId: row.event_id,
    avaraStudyId: row.avara_study_id,
    signers: JSON.parse(row.signers) as CustomerKey[],
    isCritical: row.is_critical === 1,
    presignedUrl: row.presigned_url,
    ...(row.plain_text !== null && { plainText: row.plain_text }),
    attempts: row.attempts,
    receivedAt: row.received_at,
  };
}

function toStored(row: ReportRow): StoredReport | undefined {
  const study = studyOf(row);
  if (study === undefined || row.version === null || row.sha256 === null) return undefined;
  return {
    id: row.id,
    reportId: row.report_id,
    version: row.version,
    study,
    avaraStudyId: row.avara_study_id,
    isCritical: row.is_critical === 1,
    ...(row.plain_text !== null && { plainText: row.plain_text }),
    sha256: row.sha256,
    receivedAt: row.received_at,
  };
}

function toOutputJob(row: OutputRow): readonly ReportOutputJob[] {
  const report = toStored(row);
  if (report === undefined) return [];
  return [{ id: row.output_id, target: row.target, attempts: row.output_attempts, report }];
}
