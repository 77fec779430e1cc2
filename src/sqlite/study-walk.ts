import type Database from 'better-sqlite3';

import type { CustomerKey } from '../core/study/instance.ts';
import type { Uid } from '../dicom/uid.ts';

/** What a search reads of a study, before it is known to match. */
export interface CandidateRow {
  readonly id: number;
  readonly customer: CustomerKey;
  readonly study_uid: Uid;
  readonly study_date: string;
  readonly study_time: string;
  readonly modalities: string;
  readonly attributes: string;
  readonly instances: number;
}

/** Where a study stands in the order of results: the latest first. */
export type StudyPlace = Pick<CandidateRow, 'id' | 'study_date' | 'study_time'>;

/** Studies of one customer, in the order of results. */
export interface StudyWalk {
  next(): CandidateRow | undefined;
}

/** Rows read at once: few at first, for most answers are short, and never so many that reading them holds up anybody. */
const FIRST_CHUNK = 32;
const MAX_CHUNK = 256;
const COLUMNS = 'id, customer, study_uid, study_date, study_time, modalities, attributes, instances';
const FIRST: StudyPlace = { id: Number.MAX_SAFE_INTEGER, study_date: '\u{10ffff}', study_time: '' };

interface WalkValues extends StudyPlace {
  readonly customer: string;
  readonly from: string;
  readonly to: string;
  readonly limit: number;
}

/** Makes walks over studies that look only at what they come to. */
export class StudyWalks {
  readonly #byDate: Database.Statement<[WalkValues], CandidateRow>;
  readonly #byId: Database.Statement<[number, string], CandidateRow>;

  constructor(db: Database.Database) {
    this.#byDate = db.prepare(`
      SELECT ${COLUMNS} FROM study INDEXED BY study_by_date
      WHERE customer = @customer AND study_date >= @from AND study_date <= @to
        AND (study_date, study_time, id) < (@study_date, @study_time, @id)
      ORDER BY study_date DESC, study_time DESC, id DESC LIMIT @limit`);
    this.#byId = db.prepare(`SELECT ${COLUMNS} FROM study WHERE id = ? AND customer = ?`);
  }

  /** All studies of these dates, a chunk at a time: what comes in meanwhile harms nothing. */
  byDate(customer: CustomerKey, { from, to }: { from: string; to: string }): StudyWalk {
    let rows: readonly CandidateRow[] = [];
    let at = 0;
    let last: StudyPlace = FIRST;
    let isAtEnd = false;
    let limit = FIRST_CHUNK;
    return {
      next: () => {
        if (at === rows.length && !isAtEnd) {
          const { id, study_date, study_time } = last;
          rows = this.#byDate.all({ customer, from, to, id, study_date, study_time, limit });
          isAtEnd = rows.length < limit;
          limit = Math.min(2 * limit, MAX_CHUNK);
          at = 0;
        }
        const row = rows[at];
        if (row === undefined) return undefined;
        at += 1;
        last = row;
        return row;
      },
    };
  }

  /** These studies, as far as they are still there. */
  ofList(customer: CustomerKey, places: readonly StudyPlace[]): StudyWalk {
    const sorted = [...places].sort((one, other) => (isBefore(one, other) ? -1 : 1));
    let at = 0;
    return {
      next: () => {
        while (at < sorted.length) {
          const row = this.#byId.get(sorted[at]?.id ?? 0, customer);
          at += 1;
          if (row !== undefined) return row;
        }
        return undefined;
      },
    };
  }
}

/** Goes along several walks at once, in their common order. */
export function mergeWalks(walks: readonly StudyWalk[]): StudyWalk {
  const [only, ...others] = walks;
  if (only !== undefined && others.length === 0) return only;
  const heads = walks.map((walk) => walk.next());
  return {
    next() {
      let best = -1;
      for (const [place, head] of heads.entries()) {
        const leader = heads[best];
        if (head !== undefined && (leader === undefined || isBefore(head, leader))) best = place;
      }
      const row = heads[best];
      if (row !== undefined) heads[best] = walks[best]?.next();
      return row;
    },
  };
}

function isBefore(one: StudyPlace, other: StudyPlace): boolean {
  if (one.study_date !== other.study_date) return one.study_date > other.study_date;
  if (one.study_time !== other.study_time) return one.study_time > other.study_time;
  return one.id > other.id;
}
