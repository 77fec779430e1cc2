import type Database from 'better-sqlite3';

import type { ConflictRecord, StoredInstance } from '../core/ports/study-index.ts';
import { searchTerms } from '../core/study/search-terms.ts';
import type { StudyState } from '../core/study/study.ts';
import { DisagreementWriter } from './disagreements.ts';
import { Origins } from './origins.ts';
import type { TextValues } from './text-values.ts';

/** Modalities of objects that describe other objects: their header is the last choice for the study's attributes. */
const DESCRIBING_MODALITIES = new Set(['SR', 'PR', 'KO', 'AU', 'DOC', 'SEG', 'REG', 'FID']);

/** Read as arrays, which costs a third less. */
type KnownStudy = readonly [
  id: number,
  state: StudyState,
  attributesRank: number,
  modalities: string,
  attributes: string,
];
type KnownSeries = readonly [id: number, sopClasses: string];

/** The statements that add instances and conflicts. Every method must run inside a transaction. */
export class InstanceWriter {
  readonly #texts: TextValues;
  readonly #origins: Origins;
  readonly #disagreements: DisagreementWriter;
  readonly #findStudy: Database.Statement<[string, string], KnownStudy>;
  readonly #touchStudy: Database.Statement<[number, number, number, number]>;
  readonly #reopenStudy: Database.Statement<[number]>;
  readonly #addStudy: Database.Statement;
  readonly #restoreDeliveries: Database.Statement;
  readonly #setAnnounced: Database.Statement<[number]>;
  readonly #setAttributes: Database.Statement<[number, string, number, number]>;
  readonly #setModalities: Database.Statement<[string, number]>;
  readonly #dropTerms: Database.Statement<[number]>;
  readonly #addTerm: Database.Statement<[string, number]>;
  readonly #touchSeries: Database.Statement<[number, string], KnownSeries>;
  readonly #setSopClasses: Database.Statement<[string, number]>;
  readonly #addSeries: Database.Statement;
  readonly #addInstance: Database.Statement;
  readonly #addLedger: Database.Statement<[string, number | bigint, number, number, string]>;
  readonly #addConflict: Database.Statement;

  constructor(db: Database.Database, texts: TextValues) {
    this.#texts = texts;
    this.#origins = new Origins(db);
    this.#disagreements = new DisagreementWriter(db);
    this.#findStudy = db.prepare<[string, string], KnownStudy>(
      'SELECT id, state, attributes_rank, modalities, attributes FROM study WHERE study_uid = ? AND customer = ?',
    );
    this.#findStudy.raw();
    // Without the state: naming it costs an index and two triggers, and it is the same nearly always.
    this.#touchStudy = db.prepare(`
      UPDATE study SET instances = instances + 1, bytes = bytes + ?,
        first_received_at = min(first_received_at, ?), last_received_at = max(last_received_at, ?)
      WHERE id = ?`);
    this.#reopenStudy = db.prepare("UPDATE study SET state = 'receiving' WHERE id = ?");
    this.#addStudy = db.prepare(`
      INSERT INTO study (customer, study_uid, state, instances, bytes, first_received_at, last_received_at, modalities,
        origin_id, attributes_rank, attributes)
      VALUES (?, ?, 'receiving', 1, ?, ?, ?, ?, ?, ?, ?)`);
    // A study that was removed and comes again is, to Avara, the study that it has.
    this.#restoreDeliveries = db.prepare(`
      INSERT INTO outbox (study_id, product, state, attempts, due_at, avara_study_id, is_cancelled, created_at, updated_at)
      SELECT @studyId, product, 'created', 0, @now, avara_study_id, is_cancelled, @now, @now FROM removal_delivery
      WHERE removal_id = (SELECT max(id) FROM removal WHERE study_uid = @studyUid AND customer = @customer)`);
    this.#setAnnounced = db.prepare('UPDATE study SET is_announced = 1 WHERE id = ?');
    this.#setAttributes = db.prepare(
      'UPDATE study SET attributes_rank = ?, attributes = ?, origin_id = ? WHERE id = ?',
    );
    this.#setModalities = db.prepare('UPDATE study SET modalities = ? WHERE id = ?');
    this.#dropTerms = db.prepare('DELETE FROM study_term WHERE study_id = ?');
    this.#addTerm = db.prepare('INSERT OR IGNORE INTO study_term (term, study_id) VALUES (?, ?)');
    this.#touchSeries = db.prepare<[number, string], KnownSeries>(
      'UPDATE series SET instances = instances + 1 WHERE study_id = ? AND series_uid = ? RETURNING id, sop_classes',
    );
    this.#touchSeries.raw();
    this.#setSopClasses = db.prepare('UPDATE series SET sop_classes = ? WHERE id = ?');
    this.#addSeries = db.prepare(`
      INSERT INTO series (study_id, series_uid, series_number, instances, attributes, sop_classes)
      VALUES (?, ?, ?, 1, ?, ?)`);
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
    const studyId = this.#studyOf(stored, originId);
    const sopClassId = this.#texts.idOf(header.sopClassUid);
    const seriesId = this.#seriesOf(stored, studyId, String(sopClassId));
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

  #studyOf(stored: StoredInstance, originId: number): number {
    const { header, key, receivedAt } = stored;
    const modality = header.series.Modality ?? '';
    const rank = DESCRIBING_MODALITIES.has(modality) ? 1 : 0;
    const known = this.#findStudy.get(key.studyInstanceUid, key.customer);
    if (known === undefined) {
      const attributes = JSON.stringify(header.study);
      const { studyInstanceUid } = key;
      const added = this.#addStudy.run(
        key.customer,
        studyInstanceUid,
        stored.fileBytes,
        receivedAt,
        receivedAt,
        modality,
        originId,
        rank,
        attributes,
      );
      const id = Number(added.lastInsertRowid);
      this.#writeTerms(id, stored);
      const { customer } = key;
      const restored = this.#restoreDeliveries.run({
        studyId: id,
        now: receivedAt,
        studyUid: studyInstanceUid,
        customer,
      });
      if (restored.changes > 0) this.#setAnnounced.run(id);
      return id;
    }
    const [id, state, attributesRank, knownModalities, attributes] = known;
    this.#touchStudy.run(stored.fileBytes, receivedAt, receivedAt, id);
    if (state !== 'receiving') this.#reopenStudy.run(id);
    if (rank < attributesRank) {
      this.#setAttributes.run(rank, JSON.stringify(header.study), originId, id);
      this.#writeTerms(id, stored);
      this.#disagreements.forget(id);
    } else this.#disagreements.note(id, attributes, stored);
    if (modality === '' || modality === knownModalities) return id;
    const modalities = knownModalities === '' ? [] : knownModalities.split('\\');
    if (!modalities.includes(modality)) {
      this.#setModalities.run([...modalities, modality].sort().join('\\'), id);
    }
    return id;
  }

  #seriesOf(stored: StoredInstance, studyId: number, sopClass: string): number {
    const { header, key } = stored;
    const known = this.#touchSeries.get(studyId, key.seriesInstanceUid);
    if (known) {
      const [id, classes] = known;
      if (classes !== sopClass && !classes.split(',').includes(sopClass))
        this.#setSopClasses.run(classes === '' ? sopClass : `${classes},${sopClass}`, id);
      return id;
    }
    const number = Number.parseInt(header.series.SeriesNumber ?? '', 10);
    const added = this.#addSeries.run(
      studyId,
      key.seriesInstanceUid,
      Number.isSafeInteger(number) ? number : null,
      JSON.stringify(header.series),
      sopClass,
    );
    return Number(added.lastInsertRowid);
  }

  #writeTerms(studyId: number, stored: StoredInstance): void {
    this.#dropTerms.run(studyId);
    for (const term of searchTerms(stored.header.study)) this.#addTerm.run(term, studyId);
  }
}
