import type Database from 'better-sqlite3';

import type { RemovalReason } from '../core/ports/removals.ts';

export interface RemovalNote {
  readonly why: RemovalReason;
  readonly now: number;
  /** Where it was moved to. */
  readonly movedTo?: string;
}

/** The statements that take a study out of the index and record it. Every method must run inside a transaction. */
export class StudyRemover {
  readonly #addRemoval: Database.Statement;
  readonly #addDeliveries: Database.Statement;
  readonly #ledgerIds: Database.Statement<[number], number>;
  readonly #addRange: Database.Statement;
  readonly #drop: readonly Database.Statement[];

  constructor(db: Database.Database) {
    this.#addRemoval = db.prepare(`
      INSERT INTO removal (customer, study_uid, why, moved_to, instances, bytes, first_received_at, last_received_at, removed_at, files)
      SELECT customer, study_uid, @why, @movedTo, instances, bytes, first_received_at, last_received_at, @now, 'in-place'
      FROM study WHERE id = @studyId`);
    this.#addDeliveries = db.prepare(`
      INSERT INTO removal_delivery (removal_id, product, avara_study_id, is_cancelled)
      SELECT @removalId, product, avara_study_id, is_cancelled FROM outbox
      WHERE study_id = @studyId AND avara_study_id IS NOT NULL`);
    // A number of an instance may have been used before, by one that is gone: the latest entry is this one's.
    this.#ledgerIds = db
      .prepare<[number], number>(
        `SELECT (SELECT max(ledger.id) FROM ledger WHERE ledger.outcome = 'stored' AND ledger.subject_id = instance.id
          AND ledger.sha256 = instance.sha256) AS entry
        FROM series CROSS JOIN instance ON instance.series_id = series.id
        WHERE series.study_id = ? AND entry IS NOT NULL ORDER BY entry`,
      )
      .pluck();
    this.#addRange = db.prepare(
      'INSERT INTO removal_ledger (first_id, last_id, removal_id) VALUES (?, ?, ?)',
    );
    this.#drop = [
      db.prepare('DELETE FROM outbox WHERE study_id = ?'),
      db.prepare('DELETE FROM instance WHERE series_id IN (SELECT id FROM series WHERE study_id = ?)'),
      // Series, search terms and what else belongs to the study go with it.
      db.prepare('DELETE FROM study WHERE id = ?'),
    ];
  }

  /** Records that the study is here no more; the study is still to be taken out. @returns the id of the removal. */
  record(studyId: number, { why, now, movedTo }: RemovalNote): number {
    return Number(this.#addRemoval.run({ studyId, why, now, movedTo: movedTo ?? null }).lastInsertRowid);
  }

  /** @returns the id of the removal. */
  remove(studyId: number, note: RemovalNote): number {
    const removalId = this.record(studyId, note);
    this.#addDeliveries.run({ studyId, removalId });
    this.tie(removalId, this.#ledgerIds.all(studyId));
    for (const statement of this.#drop) statement.run(studyId);
    return removalId;
  }

  /** Notes that the objects of these ledger entries are gone. @param entries rising. */
  tie(removalId: number, entries: readonly number[]): void {
    let first: number | undefined;
    for (const [position, entry] of entries.entries()) {
      first ??= entry;
      if (entries[position + 1] === entry + 1) continue;
      this.#addRange.run(first, entry, removalId);
      first = undefined;
    }
  }
}
