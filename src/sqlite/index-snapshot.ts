import type { InstanceKey } from '../core/study/instance.ts';
import { Database } from './driver.mjs';

/** All pages in one step: readers of a write-ahead log hold up no writer, and a snapshot in steps would start over. */
const ALL_PAGES = 0x7fff_ffff;

/** Copies the index as it is at one instant, also while a daemon writes to it. `to` must not exist. */
export async function snapshotIndex(from: string, to: string): Promise<void> {
  const db = new Database(from, { readonly: true, fileMustExist: true, timeout: 10_000 });
  try {
    await db.backup(to, { progress: () => ALL_PAGES });
  } finally {
    db.close();
  }
}

/** An object that a snapshot names. */
export interface NamedObject {
  readonly key: InstanceKey;
  /** Present for one that was kept apart: its path below the data folder. */
  readonly conflictPath?: string;
  readonly bytes: number;
  /** Where its Data Set starts; absent for conflicts. */
  readonly dataSetOffset?: number;
  readonly sha256: string;
}

interface ObjectRow {
  readonly customer: string;
  readonly study_uid: string;
  readonly series_uid: string;
  readonly sop_uid: string;
  readonly bytes: number;
  readonly data_set_offset: number | null;
  readonly sha256: string;
  readonly path: string | null;
}

export interface IndexSnapshot {
  readonly totals: {
    readonly studies: number;
    readonly instances: number;
    readonly conflicts: number;
    readonly bytes: number;
  };
  readonly schemaVersion: number;
  /** Every object, study by study. */
  objects(): IterableIterator<NamedObject>;
  close(): void;
}

/** Opens a snapshot for reading. @throws Error where it is no index. */
export function openSnapshot(file: string): IndexSnapshot {
  const db = new Database(file, { readonly: true, fileMustExist: true });
  const count = (sql: string): number => db.prepare<[], number>(sql).pluck().get() ?? 0;
  const rows = db.prepare<[], ObjectRow>(`
    SELECT study.customer, study.study_uid, series.series_uid, instance.sop_uid, instance.file_bytes AS bytes,
      instance.data_set_offset, instance.sha256, NULL AS path
    FROM study JOIN series ON series.study_id = study.id JOIN instance ON instance.series_id = series.id
    UNION ALL SELECT customer, study_uid, series_uid, sop_uid, file_bytes, NULL, sha256, path FROM conflict`);
  function* objects(): Generator<NamedObject> {
    for (const row of rows.iterate()) {
      yield {
        key: {
          customer: row.customer,
          studyInstanceUid: row.study_uid,
          seriesInstanceUid: row.series_uid,
          sopInstanceUid: row.sop_uid,
        } as InstanceKey,
        bytes: row.bytes,
        sha256: row.sha256,
        ...(row.path !== null && { conflictPath: row.path }),
        ...(row.data_set_offset !== null && { dataSetOffset: row.data_set_offset }),
      };
    }
  }
  return {
    totals: {
      studies: count('SELECT count(*) FROM study'),
      instances: count('SELECT count(*) FROM instance'),
      conflicts: count('SELECT count(*) FROM conflict'),
      bytes: count('SELECT coalesce(sum(bytes), 0) FROM study'),
    },
    schemaVersion: Number(db.pragma('user_version', { simple: true })),
    objects,
    close: () => db.close(),
  };
}
