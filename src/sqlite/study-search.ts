import type Database from 'better-sqlite3';

import type { SearchAnswer, StudySearch } from '../core/ports/study-search.ts';
import { matchesAll } from '../core/query/conditions.ts';
import type { Condition } from '../core/query/conditions.ts';
import type { Found, FoundInstance, FoundSeries, FoundStudy } from '../core/query/found.ts';
import type { SearchQuery } from '../core/query/search-query.ts';
import type { ImageAttributes, SeriesAttributes, StudyAttributes } from '../core/study/header.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { Uid } from '../dicom/uid.ts';
import { dateSpan, studySources } from './search-plan.ts';
import type { StudySource } from './search-plan.ts';
import { type CandidateRow, mergeWalks, type StudyPlace, type StudyWalk, StudyWalks } from './study-walk.ts';
import type { TextValues } from './text-values.ts';

export interface StudySearchOptions {
  readonly db: Database.Database;
  readonly texts: TextValues;
  /** Studies, series and instances that one search may look at. Default 50,000, about a second of work. */
  readonly maxExamined?: number;
}

/** Longest list of studies that is gathered and sorted; what offers more is walked through by date. */
const MAX_LIST = 4000;
/** How much is looked at between two turns of the event loop: a few milliseconds. */
const TURN = 250;
const ALL_DATES = { from: '', to: '\u{10ffff}' };

interface SeriesRow {
  readonly id: number;
  readonly series_uid: Uid;
  readonly instances: number;
  readonly attributes: string;
}
type InstanceRow = readonly [
  sopUid: Uid,
  sopClassId: number,
  transferSyntaxId: number,
  imageId: number,
  instanceNumber: number | null,
];
interface SummaryRow {
  readonly series: number;
  readonly sop_classes: string | null;
}

/** Searches the index: by the index that holds the fewest candidates, each of which is then looked at in full. */
export function createStudySearch({ db, texts, maxExamined = 50_000 }: StudySearchOptions): StudySearch {
  const walks = new StudyWalks(db);
  const seriesOf = db.prepare<[number], SeriesRow>(`
    SELECT id, series_uid, instances, attributes FROM series WHERE study_id = ?
    ORDER BY series_number IS NULL, series_number, series_uid`);
  const instancesOf = db.prepare<[number], InstanceRow>(`
    SELECT sop_uid, sop_class_id, transfer_syntax_id, image_id, instance_number FROM instance WHERE series_id = ?
    ORDER BY instance_number IS NULL, instance_number, sop_uid`);
  instancesOf.raw();
  const summaryOf = db.prepare<[number], SummaryRow>(
    'SELECT count(*) AS series, group_concat(DISTINCT sop_classes) AS sop_classes FROM series WHERE study_id = ?',
  );
  const countDates = db.prepare<[string, string, string], { total: number }>(`
    SELECT count(*) AS total FROM (SELECT 1 FROM study INDEXED BY study_by_date
      WHERE customer = ? AND study_date >= ? AND study_date <= ? LIMIT ${MAX_LIST})`);
  const prepared = new Map<string, Database.Statement<unknown[], StudyPlace>>();

  const placesOf = (source: StudySource, customer: CustomerKey): readonly StudyPlace[] => {
    let statement = prepared.get(source.sql);
    if (statement === undefined) {
      statement = db.prepare(source.sql);
      prepared.set(source.sql, statement);
    }
    return statement.all(...source.values, customer, MAX_LIST);
  };

  /** The shortest way to everything of a customer's that may match. */
  const walkOf = (query: SearchQuery, customer: CustomerKey): StudyWalk => {
    const dates = dateSpan(query);
    let fewest =
      dates === undefined ? MAX_LIST : (countDates.get(customer, dates.from, dates.to)?.total ?? 0);
    let best: readonly StudyPlace[] | undefined;
    for (const source of studySources(query)) {
      const places = placesOf(source, customer);
      if (places.length >= fewest) continue;
      best = places;
      fewest = places.length;
    }
    return best === undefined ? walks.byDate(customer, dates ?? ALL_DATES) : walks.ofList(customer, best);
  };

  return {
    async search(query): Promise<SearchAnswer> {
      const { level, conditions, limit } = query;
      const walk = mergeWalks(query.customers.map((customer) => walkOf(query, customer)));
      const found: Found[] = [];
      let examined = 0;
      let resting = TURN;
      let skip = query.offset;
      /** Takes a match. @returns false where there is no room for it. */
      const take = (match: Found): boolean => {
        if (skip > 0) skip -= 1;
        else if (found.length < limit) found.push(match);
        else return false;
        return true;
      };
      /** Counts all of a group as skipped, without a look at it. */
      const skipsAll = (count: number, below: readonly Condition[]): boolean => {
        if (below.length > 0 || skip < count) return false;
        skip -= count;
        return true;
      };
      const belowSeries = conditions.instance;
      const belowStudy = [...conditions.series, ...belowSeries];

      for (let row = walk.next(); row !== undefined; row = walk.next()) {
        examined += 1;
        if (examined > maxExamined) return { found, rest: 'work' };
        if (examined >= resting) {
          await new Promise((resolve) => setImmediate(resolve));
          resting = examined + TURN;
        }
        // Of a study that was moved away only the row is left, until Avara knows.
        if (row.instances === 0) continue;
        const study = new CandidateStudy(row, () => summaryOf.get(row.id), texts);
        if (!matchesAll(conditions.study, { study })) continue;
        if (level === 'study') {
          if (!take({ study })) return { found, rest: 'limit' };
          continue;
        }
        if (level === 'instance' && skipsAll(row.instances, belowStudy)) continue;
        for (const seriesRow of seriesOf.all(row.id)) {
          examined += 1;
          const series = toSeries(seriesRow);
          if (!matchesAll(conditions.series, { study, series })) continue;
          if (level === 'series') {
            if (!take({ study, series })) return { found, rest: 'limit' };
            continue;
          }
          if (skipsAll(seriesRow.instances, belowSeries)) continue;
          for (const instanceRow of instancesOf.all(seriesRow.id)) {
            examined += 1;
            const match = { study, series, instance: toInstance(instanceRow, texts) };
            if (!matchesAll(conditions.instance, match)) continue;
            if (!take(match)) return { found, rest: 'limit' };
          }
        }
      }
      return { found, rest: 'none' };
    },
  };
}

/** A row as a search looks at it: what costs something is read when it is asked for. */
class CandidateStudy implements FoundStudy {
  readonly #row: CandidateRow;
  readonly #readSummary: () => SummaryRow | undefined;
  readonly #texts: TextValues;
  #attributes: StudyAttributes | undefined;
  #summary: SummaryRow | undefined;

  constructor(row: CandidateRow, readSummary: () => SummaryRow | undefined, texts: TextValues) {
    this.#row = row;
    this.#readSummary = readSummary;
    this.#texts = texts;
  }

  get customer(): CustomerKey {
    return this.#row.customer;
  }

  get studyInstanceUid(): Uid {
    return this.#row.study_uid;
  }

  get attributes(): StudyAttributes {
    this.#attributes ??= JSON.parse(this.#row.attributes) as StudyAttributes;
    return this.#attributes;
  }

  get modalities(): readonly string[] {
    return this.#row.modalities === '' ? [] : this.#row.modalities.split('\\');
  }

  get sopClasses(): readonly string[] {
    const ids = new Set((this.#read()?.sop_classes ?? '').split(',').filter((id) => id !== ''));
    return [...ids].map((id) => this.#texts.textOf(Number(id))).sort();
  }

  get seriesCount(): number {
    return this.#read()?.series ?? 0;
  }

  get instanceCount(): number {
    return this.#row.instances;
  }

  #read(): SummaryRow | undefined {
    this.#summary ??= this.#readSummary();
    return this.#summary;
  }
}

function toSeries(row: SeriesRow): FoundSeries {
  return {
    seriesInstanceUid: row.series_uid,
    attributes: JSON.parse(row.attributes) as SeriesAttributes,
    instanceCount: row.instances,
  };
}

function toInstance(row: InstanceRow, texts: TextValues): FoundInstance {
  const image = texts.jsonOf(row[3]) as ImageAttributes;
  return {
    sopInstanceUid: row[0],
    sopClassUid: texts.textOf(row[1]) as Uid,
    transferSyntaxUid: texts.textOf(row[2]) as Uid,
    image: row[4] === null ? image : { ...image, instanceNumber: row[4] },
  };
}
