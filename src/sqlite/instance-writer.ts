import type Database from 'better-sqlite3';

import type { ConflictRecord, StoredInstance } from '../core/ports/study-index.ts';
import { Origins } from './origins.ts';
import { SeriesWriter } from './series-writer.ts';
import { StudyWriter } from './study-writer.ts';
import type { TextValues } from './text-values.ts';

/** The statements that add instances and conflicts. Every method must run inside a transaction. */
export class InstanceWriter {
  readonly #texts: TextValues;
  readonly #origins: Origins;
  readonly #studies: StudyWriter;
  readonly #series: SeriesWriter;
  readonly #addInstance: Database.Statement;
  readonly #addLedger: Database.Statement<[string, number | bigint, number, number, string]>;
  readonly #addConflict: Database.Statement;

  constructor(db: Database.Database, texts: TextValues) {
    this.#texts = texts;
    this.#origins = new Origins(db);
    this.#studies = new StudyWriter(db);
    this.#series = new SeriesWriter(db);
    this.#addInstance = db.prepare(`
      INSERT INTO instance (series_id, sop_uid, sop_class_id, transfer_syntax_id, image_id, origin_id, file_bytes,
        data_set_offset, sha256, integrity, received_at, instance_number, id)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#addLedger = db.prepare(
      'INSERT INTO ledger (outcome, subject_id, at, file_bytes, sha256) VALUES (?, ?, ?, ?, ?)',
    );
    this.#addConflict = db.prepare(`
      INSERT INTO conflict (customer, study_uid, series_uid, sop_uid, sha256, file_bytes, received_at, path, origin_id,
        id)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO NOTHING`);
  }

  /** @param rowNumber where its row was lost: the one that the ledger has for it, which then gets no second entry. */
  addInstance(stored: StoredInstance, rowNumber?: number): void {
    const { header, key } = stored;
    const { instanceNumber } = header.image;
    // What is undefined is no part of the text; taking the member out would cost several times as much.
    const image = JSON.stringify({ ...header.image, instanceNumber: undefined });
    const originId = this.#origins.idOf(stored.origin);
    const studyId = this.#studies.add(stored, originId);
    const sopClassId = this.#texts.idOf(header.sopClassUid);
    const seriesId = this.#series.add(stored, studyId, String(sopClassId));
    const added = this.#addInstance.run(
      seriesId,
      key.sopInstanceUid,
      sopClassId,
      this.#texts.idOf(stored.transferSyntaxUid),
      this.#texts.idOf(image),
      originId,
      stored.fileBytes,
      stored.dataSetOffset,
      stored.sha256,
      stored.integrity,
      stored.receivedAt,
      instanceNumber ?? null,
      rowNumber ?? null,
    );
    if (rowNumber !== undefined) return;
    this.#addLedger.run('stored', added.lastInsertRowid, stored.receivedAt, stored.fileBytes, stored.sha256);
  }

  /**
   * @param rowNumber as for {@link addInstance}.
   * @returns false where the same conflicting bytes were already kept.
   */
  addConflict(conflict: ConflictRecord, rowNumber?: number): boolean {
    const { key } = conflict;
    const added = this.#addConflict.run(
      key.customer,
      key.studyInstanceUid,
      key.seriesInstanceUid,
      key.sopInstanceUid,
      conflict.sha256,
      conflict.fileBytes,
      conflict.receivedAt,
      conflict.path,
      this.#origins.idOf(conflict.origin),
      rowNumber ?? null,
    );
    if (added.changes === 0) return false;
    if (rowNumber !== undefined) return true;
    this.#addLedger.run(
      'conflict',
      added.lastInsertRowid,
      conflict.receivedAt,
      conflict.fileBytes,
      conflict.sha256,
    );
    return true;
  }

  /** The transaction under way was committed. */
  keep(): void {
    this.#origins.keep();
  }

  /** Forgets what a rolled-back transaction may have taken back. */
  forget(): void {
    this.#origins.forget();
  }
}
