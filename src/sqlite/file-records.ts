import type Database from 'better-sqlite3';

import type { FileRecord, FileRecords } from '../core/ports/file-records.ts';
import type { CustomerKey, InstanceKey } from '../core/study/instance.ts';
import type { Uid } from '../dicom/uid.ts';
import type { WriteQueue } from './write-queue.ts';

interface FileRow {
  readonly customer: CustomerKey;
  readonly source: FileRecord['source'];
  readonly path: string;
  readonly stamp: string;
  readonly bytes: number;
  readonly outcome: FileRecord['outcome'];
  readonly study_uid: Uid | null;
  readonly series_uid: Uid | null;
  readonly sop_uid: Uid | null;
  readonly code: FileRecord['code'] | null;
  readonly reason: string | null;
  readonly quarantine_id: string | null;
  readonly place: FileRecord['place'];
  readonly at: number;
}

/** Sorts after every character that a name goes on with. */
const LAST_CHARACTER = '\u{10ffff}';

/** What became of files, in the index database. */
export function createFileRecords(db: Database.Database, queue: WriteQueue): FileRecords {
  const find = db.prepare<[string, string], FileRow>('SELECT * FROM file WHERE path = ? AND customer = ?');
  const byName = db.prepare<[string, string, number], FileRow>(
    'SELECT * FROM file WHERE name >= ? AND name < ? ORDER BY at DESC LIMIT ?',
  );
  const byPath = db.prepare<[string, number], FileRow>(
    'SELECT * FROM file WHERE path = ? ORDER BY at DESC LIMIT ?',
  );
  const put = db.prepare(`
    INSERT INTO file (customer, source, path, name, stamp, bytes, outcome, study_uid, series_uid, sop_uid, code, reason,
      quarantine_id, place, at)
    VALUES (@customer, @source, @path, @name, @stamp, @bytes, @outcome, @studyUid, @seriesUid, @sopUid, @code, @reason,
      @quarantineId, @place, @at)
    ON CONFLICT (path, customer) DO UPDATE SET source = excluded.source, stamp = excluded.stamp, bytes = excluded.bytes,
      outcome = excluded.outcome, study_uid = excluded.study_uid, series_uid = excluded.series_uid,
      sop_uid = excluded.sop_uid, code = excluded.code, reason = excluded.reason,
      quarantine_id = excluded.quarantine_id, place = excluded.place, at = excluded.at`);
  const forget = db.prepare("DELETE FROM file WHERE at < ? AND place IN ('removed', 'moved')");

  return {
    find(customer, path) {
      const row = find.get(path, customer);
      return row && recordOf(row);
    },
    lookUp(name, limit) {
      const lower = nameOf(name);
      const rows = /[/\\]/.test(name)
        ? byPath.all(name, limit)
        : byName.all(lower, lower + LAST_CHARACTER, limit);
      return rows.map(recordOf);
    },
    record: (record) =>
      queue.write(() => {
        const { key, code = null, reason = null, quarantineId = null, ...rest } = record;
        put.run({
          ...rest,
          name: nameOf(record.path),
          code,
          reason,
          quarantineId,
          studyUid: key?.studyInstanceUid ?? null,
          seriesUid: key?.seriesInstanceUid ?? null,
          sopUid: key?.sopInstanceUid ?? null,
        });
      }),
    forgetBefore: (at) => queue.write(() => forget.run(at).changes),
  };
}

/** The last component, as it is looked up. */
function nameOf(path: string): string {
  return (path.split(/[/\\]/).at(-1) ?? path).toLowerCase();
}

function recordOf(row: FileRow): FileRecord {
  const key = keyOf(row);
  return {
    customer: row.customer,
    source: row.source,
    path: row.path,
    stamp: row.stamp,
    bytes: row.bytes,
    outcome: row.outcome,
    ...(key && { key }),
    ...(row.code !== null && row.code !== undefined && { code: row.code }),
    ...(row.reason !== null && { reason: row.reason }),
    ...(row.quarantine_id !== null && { quarantineId: row.quarantine_id }),
    place: row.place,
    at: row.at,
  };
}

function keyOf(row: FileRow): InstanceKey | undefined {
  const { customer, study_uid, series_uid, sop_uid } = row;
  if (study_uid === null || series_uid === null || sop_uid === null) return undefined;
  return {
    customer,
    studyInstanceUid: study_uid,
    seriesInstanceUid: series_uid,
    sopInstanceUid: sop_uid,
  };
}
