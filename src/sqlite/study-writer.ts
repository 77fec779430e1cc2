import type Database from 'better-sqlite3';

import type { StoredInstance } from '../core/ports/study-index.ts';
import { searchTerms } from '../core/study/search-terms.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { StudyState } from '../core/study/study.ts';
import type { Uid } from '../dicom/uid.ts';
import { DisagreementWriter } from './disagreements.ts';
import { RecentRows } from './recent-rows.ts';

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
/** A study as an instance found it, and left it but for its counts. */
interface RecentStudy {
  readonly id: number;
  readonly customer: CustomerKey;
  readonly attributesRank: number;
  readonly modalities: string;
  readonly attributes: string;
}

/** Counts instances to their studies. Every method must run inside a transaction. */
export class StudyWriter {
  readonly #disagreements: DisagreementWriter;
  readonly #recent = new RecentRows<Uid, RecentStudy>();
  readonly #touchRecent: Database.Statement<
    [number, number, number, number, string, string, number, string, string]
  >;
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

  constructor(db: Database.Database) {
    this.#disagreements = new DisagreementWriter(db);
    // Touches nothing where the row is not as it was: then it is looked up.
    this.#touchRecent = db.prepare(`
      UPDATE study SET instances = instances + 1, bytes = bytes + ?,
        first_received_at = min(first_received_at, ?), last_received_at = max(last_received_at, ?)
      WHERE id = ? AND study_uid = ? AND customer = ? AND state = 'receiving' AND attributes_rank = ?
        AND modalities = ? AND attributes = ?`);
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
  }

  /** Counts an instance to its study, which is added if need be. @returns the number of the study. */
  add(stored: StoredInstance, originId: number): number {
    const modality = stored.header.series.Modality ?? '';
    const rank = DESCRIBING_MODALITIES.has(modality) ? 1 : 0;
    return this.#addToRecent(stored, modality, rank) ?? this.#addToAny(stored, modality, rank, originId);
  }

  /** @returns undefined where the row has to be looked up, or more than counts change with this instance. */
  #addToRecent(stored: StoredInstance, modality: string, rank: number): number | undefined {
    const { key, fileBytes, receivedAt } = stored;
    const recent = this.#recent.get(key.studyInstanceUid);
    if (recent?.customer !== key.customer) return undefined;
    const { id, attributesRank, modalities, attributes } = recent;
    if (rank < attributesRank || addedTo(modalities, modality) !== undefined) return undefined;
    const touched = this.#touchRecent.run(
      fileBytes,
      receivedAt,
      receivedAt,
      id,
      key.studyInstanceUid,
      key.customer,
      attributesRank,
      modalities,
      attributes,
    );
    if (touched.changes === 0) return undefined;
    this.#disagreements.note(id, attributes, stored);
    return id;
  }

  #addToAny(stored: StoredInstance, modality: string, rank: number, originId: number): number {
    const { header, key, receivedAt } = stored;
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
    const modalities = addedTo(knownModalities, modality);
    if (modalities !== undefined) this.#setModalities.run(modalities, id);
    const { customer, studyInstanceUid } = key;
    if (state !== 'receiving' || rank < attributesRank || modalities !== undefined)
      this.#recent.delete(studyInstanceUid);
    else
      this.#recent.set(studyInstanceUid, {
        id,
        customer,
        attributesRank,
        modalities: knownModalities,
        attributes,
      });
    return id;
  }

  #writeTerms(studyId: number, stored: StoredInstance): void {
    this.#dropTerms.run(studyId);
    for (const term of searchTerms(stored.header.study)) this.#addTerm.run(term, studyId);
  }
}

/** @returns the list with the modality in it; undefined where it is there already. */
function addedTo(modalities: string, modality: string): string | undefined {
  if (modality === '' || modality === modalities) return undefined;
  const list = modalities === '' ? [] : modalities.split('\\');
  return list.includes(modality) ? undefined : [...list, modality].sort().join('\\');
}
