import type Database from 'better-sqlite3';

import {
  type ConflictRecord,
  CursorError,
  type CustomerTotals,
  type IndexTotals,
} from '../core/ports/study-index.ts';
import type { CustomerKey, StudyKey } from '../core/study/instance.ts';
import { foldForSearch } from '../core/study/search-terms.ts';
import type { DeliveryState, Product, StudyPage, StudyQuery, StudyRecord } from '../core/study/study.ts';
import type { Uid } from '../dicom/uid.ts';
import { type ConflictRow, toConflictRecord } from './conflict-rows.ts';
import { type DeliveryRow, STUDY_COLUMNS, type StudyRow, toStudyRecord } from './rows.ts';

const FROM_STUDY = 'FROM study JOIN origin ON origin.id = study.origin_id';

/** A study that waits for a change only is at Avara. */
const DELIVERY_STATE =
  "CASE WHEN outbox.state = 'pending' AND outbox.avara_study_id IS NOT NULL THEN 'created' ELSE outbox.state END";

/** Up to so many are gathered and sorted for a page of the list, which takes a few milliseconds. */
const FEW = 5000;
/** Sorts after every character that a term goes on with. */
const LAST_CHARACTER = '\u{10ffff}';

/** The prepared queries of studies and totals. */
export class StudyReader {
  readonly #db: Database.Database;
  readonly #study: Database.Statement<[string, string], StudyRow>;
  readonly #studiesByUid: Database.Statement<[string], StudyRow>;
  readonly #byAvaraId: Database.Statement<[string], StudyRow & { product: Product }>;
  readonly #deliveries: Database.Statement<[number], DeliveryRow>;
  readonly #receiving: Database.Statement<
    [],
    { customer: CustomerKey; study_uid: Uid; last_received_at: number }
  >;
  readonly #conflicts: Database.Statement<[number], ConflictRow>;
  readonly #customerTotals: Database.Statement<[], TotalRow & { customer: CustomerKey }>;
  readonly #totals: Database.Statement<[], TotalRow>;
  readonly #deliveryTotals: Database.Statement<[], { state: DeliveryState; total: number }>;
  readonly #deliveryTotal: Database.Statement<[DeliveryState], number>;
  readonly #matches: Database.Statement<[string, string, number, string, string, number], number>;
  readonly #conflictCount: Database.Statement<[], number>;
  readonly #removed: Database.Statement<[], number>;
  readonly #lastLedgerEntry: Database.Statement<[], number | null>;
  readonly #lists = new Map<string, Database.Statement<unknown[], StudyRow>>();

  constructor(db: Database.Database) {
    this.#db = db;
    this.#study = db.prepare(`SELECT ${STUDY_COLUMNS} ${FROM_STUDY} WHERE study_uid = ? AND customer = ?`);
    this.#studiesByUid = db.prepare(
      `SELECT ${STUDY_COLUMNS} ${FROM_STUDY} WHERE study_uid = ? ORDER BY customer`,
    );
    this.#byAvaraId = db.prepare(`
      SELECT ${STUDY_COLUMNS}, outbox.product ${FROM_STUDY} JOIN outbox ON outbox.study_id = study.id
      WHERE outbox.avara_study_id = ?`);
    this.#deliveries = db.prepare(`
      SELECT product, state, attempts, avara_study_id, last_error, is_cancelled FROM outbox WHERE study_id = ? ORDER BY product DESC`);
    this.#receiving = db.prepare(
      "SELECT customer, study_uid, last_received_at FROM study WHERE state = 'receiving'",
    );
    this.#conflicts = db.prepare(`
      SELECT conflict.*, origin.source, origin.calling_ae, origin.called_ae, origin.peer_address
      FROM conflict JOIN origin ON origin.id = conflict.origin_id ORDER BY conflict.id DESC LIMIT ?`);
    this.#customerTotals = db.prepare('SELECT * FROM customer_total ORDER BY customer');
    this.#totals = db.prepare(`
      SELECT sum(studies) AS studies, sum(receiving) AS receiving, sum(instances) AS instances, sum(bytes) AS bytes,
        sum(announced) AS announced FROM customer_total`);
    this.#deliveryTotals = db.prepare('SELECT state, total FROM delivery_total');
    this.#deliveryTotal = db
      .prepare<[DeliveryState], number>('SELECT total FROM delivery_total WHERE state = ?')
      .pluck();
    this.#matches = db
      .prepare<[string, string, number, string, string, number], number>(
        `SELECT (SELECT count(*) FROM (SELECT 1 FROM study_term WHERE term >= ? AND term < ? LIMIT ?))
           + (SELECT count(*) FROM (SELECT 1 FROM study WHERE study_uid >= ? AND study_uid < ? LIMIT ?))`,
      )
      .pluck();
    this.#conflictCount = db.prepare<[], number>('SELECT count(*) FROM conflict').pluck();
    this.#removed = db.prepare<[], number>('SELECT instances FROM removal_total').pluck();
    // Ledger entries are numbered without gaps and never removed, so the last number counts them.
    this.#lastLedgerEntry = db.prepare<[], number | null>('SELECT max(id) FROM ledger').pluck();
  }

  findStudy(key: StudyKey): StudyRecord | undefined {
    const row = this.#study.get(key.studyInstanceUid, key.customer);
    return row && this.#record(row);
  }

  findStudiesByUid(studyInstanceUid: Uid): readonly StudyRecord[] {
    return this.#studiesByUid.all(studyInstanceUid).map((row) => this.#record(row));
  }

  findStudyByAvaraId(avaraStudyId: string): { study: StudyRecord; product: Product } | undefined {
    const row = this.#byAvaraId.get(avaraStudyId);
    return row && { study: this.#record(row), product: row.product };
  }

  listStudies(query: StudyQuery): StudyPage {
    const isDeliveryRare =
      query.delivery !== undefined && (this.#deliveryTotal.get(query.delivery) ?? 0) <= FEW;
    const { sql, values } = studyListQuery(query, {
      isDeliveryRare,
      isTextRare: this.#isTextRare(query.text),
      areFewReceiving: query.state === 'receiving' && (this.#totals.get()?.receiving ?? 0) <= FEW,
    });
    let statement = this.#lists.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#lists.set(sql, statement);
    }
    const rows = statement.all(...values, query.limit + 1);
    const page = rows.slice(0, query.limit);
    const last = page.at(-1);
    return {
      studies: page.map((row) => this.#record(row)),
      ...(rows.length > query.limit && last && { cursor: encodeCursor(last) }),
    };
  }

  /** Whether few studies have a term, or a UID, with this beginning; counting stops where they are many. */
  #isTextRare(text: string | undefined): boolean {
    const term = text === undefined ? '' : foldForSearch(text);
    if (term === '') return false;
    const end = `${term}${LAST_CHARACTER}`;
    return (this.#matches.get(term, end, FEW + 1, term, end, FEW + 1) ?? 0) <= FEW;
  }

  receivingStudies(): readonly { key: StudyKey; lastReceivedAt: number }[] {
    return this.#receiving.all().map((row) => ({
      key: { customer: row.customer, studyInstanceUid: row.study_uid },
      lastReceivedAt: row.last_received_at,
    }));
  }

  conflicts(limit: number): readonly ConflictRecord[] {
    return this.#conflicts.all(limit).map(toConflictRecord);
  }

  totals(): IndexTotals {
    const total = this.#totals.get();
    const conflicts = this.#conflictCount.get() ?? 0;
    const deliveries: Record<DeliveryState, number> = { pending: 0, created: 0, attention: 0 };
    for (const row of this.#deliveryTotals.all()) deliveries[row.state] = row.total;
    return {
      studies: total?.studies ?? 0,
      receivingStudies: total?.receiving ?? 0,
      instances: total?.instances ?? 0,
      bytes: total?.bytes ?? 0,
      conflicts,
      deliveries,
      acknowledgedInstances: (this.#lastLedgerEntry.get() ?? 0) - conflicts,
      removedInstances: this.#removed.get() ?? 0,
      announcedInstances: total?.announced ?? 0,
    };
  }

  customerTotals(): readonly CustomerTotals[] {
    return this.#customerTotals.all().map((row) => ({
      customer: row.customer,
      studies: row.studies,
      receivingStudies: row.receiving,
      instances: row.instances,
      bytes: row.bytes,
      announcedInstances: row.announced,
    }));
  }

  #record(row: StudyRow): StudyRecord {
    return toStudyRecord(row, this.#deliveries.all(row.id));
  }
}

function encodeCursor(row: StudyRow): string {
  return Buffer.from(`${row.last_received_at}.${row.id}`).toString('base64url');
}

function decodeCursor(cursor: string): [number, number] {
  const match = /^(\d{1,16})\.(\d{1,16})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  if (!match) throw new CursorError('cursor is not one that an earlier answer gave');
  return [Number(match[1]), Number(match[2])];
}

/**
 * The SQL of a list, one text per combination of filters so that each is prepared once.
 * What is rare is gathered and sorted. Where much fits, studies are walked by arrival, and the page is full before long.
 */
function studyListQuery(
  query: StudyQuery,
  {
    isDeliveryRare,
    isTextRare,
    areFewReceiving,
  }: { readonly isDeliveryRare: boolean; readonly isTextRare: boolean; readonly areFewReceiving: boolean },
): { sql: string; values: unknown[] } {
  const where: string[] = [];
  const values: unknown[] = [];
  const [onlyCustomer, ...others] = query.customers ?? [];
  if (query.customers !== undefined && others.length === 0) {
    // It can walk the customer's own index in order; with a plus before it where something else fits fewer.
    const isSelective = areFewReceiving || isDeliveryRare || isTextRare;
    where.push(`${isSelective ? '+' : ''}study.customer = ?`);
    values.push(onlyCustomer ?? '');
  } else if (query.customers !== undefined) {
    // The plus keeps the planner from gathering and sorting all studies of the customers: it walks by arrival instead.
    where.push('+study.customer IN (SELECT value FROM json_each(?))');
    values.push(JSON.stringify(query.customers));
  }
  // Not as a parameter: the partial index of receiving studies is used only where its own condition is repeated, and
  // not with the plus.
  if (query.state === 'receiving')
    where.push(areFewReceiving ? "study.state = 'receiving'" : "+study.state = 'receiving'");
  else if (query.state) where.push("study.state = 'stable'");
  if (query.delivery && isDeliveryRare) {
    // What is shown as created may be stored as pending.
    const stored =
      query.delivery === 'created' ? "outbox.state IN ('created', 'pending')" : 'outbox.state = ?';
    where.push(`study.id IN (SELECT study_id FROM outbox WHERE ${stored} AND ${DELIVERY_STATE} = ?)`);
    values.push(...(query.delivery === 'created' ? [] : [query.delivery]), query.delivery);
  } else if (query.delivery) {
    where.push(`EXISTS (SELECT 1 FROM outbox WHERE outbox.study_id = study.id AND ${DELIVERY_STATE} = ?)`);
    values.push(query.delivery);
  }
  const term = query.text === undefined ? '' : foldForSearch(query.text);
  const end = `${term}${LAST_CHARACTER}`;
  if (term !== '' && !isTextRare) {
    where.push(`(EXISTS (SELECT 1 FROM study_term WHERE study_id = study.id AND term >= ? AND term < ?)
      OR (+study_uid >= ? AND +study_uid < ?))`);
    values.push(term, end, term, end);
  } else if (term !== '') {
    where.push(`study.id IN (
      SELECT study_id FROM study_term WHERE term >= ? AND term < ?
      UNION SELECT id FROM study WHERE study_uid >= ? AND study_uid < ?)`);
    values.push(term, end, term, end);
  }
  if (query.cursor !== undefined) {
    where.push('(study.last_received_at, study.id) < (?, ?)');
    values.push(...decodeCursor(query.cursor));
  }
  const filter = where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`;
  const order = 'ORDER BY study.last_received_at DESC, study.id DESC';
  if (!areFewReceiving && !isDeliveryRare && !isTextRare)
    return { sql: `SELECT ${STUDY_COLUMNS} ${FROM_STUDY} ${filter} ${order} LIMIT ?`, values };
  // Sorted by number alone: of what is gathered, no more than the page is read in full.
  const hint = areFewReceiving ? 'INDEXED BY study_receiving' : '';
  const page = `SELECT study.id FROM study ${hint} ${filter} ${order} LIMIT ?`;
  return { sql: `SELECT ${STUDY_COLUMNS} ${FROM_STUDY} WHERE study.id IN (${page}) ${order}`, values };
}

interface TotalRow {
  readonly studies: number;
  readonly receiving: number;
  readonly instances: number;
  readonly bytes: number;
  readonly announced: number;
}
