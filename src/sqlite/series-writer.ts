import type Database from 'better-sqlite3';

import type { StoredInstance } from '../core/ports/study-index.ts';
import type { Uid } from '../dicom/uid.ts';
import { RecentRows } from './recent-rows.ts';

type KnownSeries = readonly [id: number, sopClasses: string];

/** A series as an instance found it, and left it but for its count. */
interface RecentSeries {
  readonly id: number;
  readonly sopClasses: string;
}

/** Counts instances to their series. Every method must run inside a transaction. */
export class SeriesWriter {
  readonly #recent = new RecentRows<Uid, RecentSeries>();
  readonly #touchRecent: Database.Statement<[number, number, string, string]>;
  readonly #touchSeries: Database.Statement<[number, string], KnownSeries>;
  readonly #setSopClasses: Database.Statement<[string, number]>;
  readonly #addSeries: Database.Statement;

  constructor(db: Database.Database) {
    // Touches nothing where the row is not as it was: then it is looked up.
    this.#touchRecent = db.prepare(`
      UPDATE series SET instances = instances + 1
      WHERE id = ? AND study_id = ? AND series_uid = ? AND sop_classes = ?`);
    this.#touchSeries = db.prepare<[number, string], KnownSeries>(
      'UPDATE series SET instances = instances + 1 WHERE study_id = ? AND series_uid = ? RETURNING id, sop_classes',
    );
    this.#touchSeries.raw();
    this.#setSopClasses = db.prepare('UPDATE series SET sop_classes = ? WHERE id = ?');
    this.#addSeries = db.prepare(`
      INSERT INTO series (study_id, series_uid, series_number, instances, attributes, sop_classes)
      VALUES (?, ?, ?, 1, ?, ?)`);
  }

  /**
   * Counts an instance to its series, which is added if need be.
   * @param sopClass number of its SOP Class, as text.
   * @returns the number of the series.
   */
  add(stored: StoredInstance, studyId: number, sopClass: string): number {
    const { header, key } = stored;
    const { seriesInstanceUid } = key;
    const recent = this.#recent.get(seriesInstanceUid);
    if (recent !== undefined && includes(recent.sopClasses, sopClass)) {
      const { id, sopClasses } = recent;
      if (this.#touchRecent.run(id, studyId, seriesInstanceUid, sopClasses).changes > 0) return id;
    }
    const known = this.#touchSeries.get(studyId, seriesInstanceUid);
    if (known) {
      const [id, classes] = known;
      const sopClasses = includes(classes, sopClass)
        ? classes
        : classes === ''
          ? sopClass
          : `${classes},${sopClass}`;
      if (sopClasses !== classes) this.#setSopClasses.run(sopClasses, id);
      this.#recent.set(seriesInstanceUid, { id, sopClasses });
      return id;
    }
    const number = Number.parseInt(header.series.SeriesNumber ?? '', 10);
    const added = this.#addSeries.run(
      studyId,
      seriesInstanceUid,
      Number.isSafeInteger(number) ? number : null,
      JSON.stringify(header.series),
      sopClass,
    );
    return Number(added.lastInsertRowid);
  }
}

function includes(classes: string, sopClass: string): boolean {
  return classes === sopClass || classes.split(',').includes(sopClass);
}
