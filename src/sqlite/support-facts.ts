import { statSync } from 'node:fs';

import { Database } from './driver.mjs';

const MAX_DELIVERIES = 500;
const MAX_ASSOCIATIONS = 500;
/** Shorter values are no help to a stranger, and would blank out half of every text. */
const MIN_VALUE_LENGTH = 3;

export interface IndexFacts {
  readonly schemaVersion: number;
  readonly pages: number;
  readonly pageBytes: number;
  readonly logBytes: number;
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
  /** Deliveries that failed, with the error as it was kept. */
  readonly deliveries: readonly Readonly<Record<string, unknown>>[];
  readonly associations: readonly Readonly<Record<string, unknown>>[];
  readonly reports: readonly Readonly<Record<string, unknown>>[];
  /** Values of the patients of those studies, to be blanked out wherever they come up. */
  readonly patientValues: readonly string[];
}

/** What the index tells a stranger who is to help: counts, failures, Associations. Reads only. */
export function readIndexFacts(file: string): IndexFacts {
  const db = new Database(file, { readonly: true, fileMustExist: true, timeout: 10_000 });
  try {
    const tables = db
      .prepare<[], string>(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
      )
      .pluck()
      .all();
    const rows = Object.fromEntries(
      tables.map((name) => [
        name,
        db.prepare<[], number>(`SELECT count(*) FROM "${name}"`).pluck().get() ?? 0,
      ]),
    );
    const failed = db
      .prepare<[number], Record<string, unknown> & { attributes: string }>(
        `SELECT study.customer, study.study_uid AS studyInstanceUid, outbox.product, outbox.state, outbox.attempts,
           outbox.due_at AS dueAt, outbox.avara_study_id AS avaraStudyId, outbox.last_error AS lastError,
           study.attributes
         FROM outbox JOIN study ON study.id = outbox.study_id WHERE outbox.last_error IS NOT NULL
         ORDER BY outbox.updated_at DESC LIMIT ?`,
      )
      .all(MAX_DELIVERIES);
    return {
      schemaVersion: Number(db.pragma('user_version', { simple: true })),
      pages: Number(db.pragma('page_count', { simple: true })),
      pageBytes: Number(db.pragma('page_size', { simple: true })),
      logBytes: statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0,
      rows,
      deliveries: failed.map((row) => ({ ...row, attributes: undefined })),
      associations: db
        .prepare<[number], Record<string, unknown>>(
          `SELECT association_id AS associationId, peer_address AS peerAddress, calling_ae AS callingAeTitle,
             called_ae AS calledAeTitle, customer, objects, refused_objects AS refusedObjects, bytes,
             started_at AS startedAt, ended_at AS endedAt, outcome, last_error AS lastError, attempts
           FROM association ORDER BY id DESC LIMIT ?`,
        )
        .all(MAX_ASSOCIATIONS),
      reports: db
        .prepare<[], Record<string, unknown>>(
          `SELECT report_id AS reportId, customer, state, attempts, last_error AS lastError FROM report
           WHERE last_error IS NOT NULL ORDER BY id DESC LIMIT 100`,
        )
        .all(),
      patientValues: [...new Set(failed.flatMap(({ attributes }) => valuesOf(attributes)))],
    };
  } finally {
    db.close();
  }
}

/** Of whom a study is: identifiers, dates and texts as a whole, and each part of a name. */
function valuesOf(attributes: string): readonly string[] {
  const found: string[] = [];
  const collect = (keyword: string, value: unknown): void => {
    if (typeof value === 'string') {
      const parts = /Name|Physician/i.test(keyword) ? value.split(/[\^=\\,\s]+/) : [];
      if (/PatientName|PatientID|BirthDate|History|Accession|Physician|Description/.test(keyword))
        for (const part of [value, ...parts]) if (part.length >= MIN_VALUE_LENGTH) found.push(part);
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, one] of Object.entries(value)) collect(Array.isArray(value) ? keyword : name, one);
    }
  };
  try {
    collect('', JSON.parse(attributes));
  } catch {
    // Nothing can be taken from it, and nothing of it goes out.
  }
  return found;
}
