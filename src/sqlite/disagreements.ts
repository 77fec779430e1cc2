import type Database from 'better-sqlite3';
import { LRUCache } from 'lru-cache';

import type { StoredInstance } from '../core/ports/study-index.ts';
import type { StudyAttributes, StudyKeyword } from '../core/study/header.ts';
import type { StudyKey } from '../core/study/instance.ts';
import { searchTerms } from '../core/study/search-terms.ts';
import type { Disagreement } from '../core/study/study.ts';
import type { Uid } from '../dicom/uid.ts';

/** What all instances of a study must state alike (PS3.3 C.7.1.1, C.7.2.1), as far as Avara is told of it. */
const COMPARED: readonly StudyKeyword[] = [
  'PatientName',
  'PatientID',
  'IssuerOfPatientID',
  'PatientBirthDate',
  'PatientSex',
  'StudyDate',
  'StudyID',
  'AccessionNumber',
  'StudyDescription',
  'ReferringPhysicianName',
];

/** Distinct other values kept of one study: more tell an operator nothing. */
const MAX_VALUES_PER_STUDY = 50;
/** Studies whose compared values stay in memory. */
const MAX_CACHED = 1024;

/** Notes values that contradict those of a study. Every method must run inside a transaction. */
export class DisagreementWriter {
  readonly #note: Database.Statement;
  readonly #forget: Database.Statement<[number]>;
  /** By study: the attributes as their row holds them, and their compared values as one text. */
  readonly #known = new LRUCache<number, { attributes: string; compared: string }>({ max: MAX_CACHED });

  constructor(db: Database.Database) {
    this.#note = db.prepare(`
      INSERT INTO disagreement (study_id, keyword, value, instances, sop_uid, last_at)
      SELECT @studyId, @keyword, @value, 1, @sopUid, @at
      WHERE (SELECT count(*) FROM disagreement WHERE study_id = @studyId) < ${MAX_VALUES_PER_STUDY}
        OR EXISTS (SELECT 1 FROM disagreement WHERE study_id = @studyId AND keyword = @keyword AND value = @value)
      ON CONFLICT (study_id, keyword, value)
      DO UPDATE SET instances = instances + 1, sop_uid = excluded.sop_uid, last_at = excluded.last_at`);
    this.#forget = db.prepare('DELETE FROM disagreement WHERE study_id = ?');
  }

  /** @param attributes the study's, as its row holds them. */
  note(studyId: number, attributes: string, { header, key, receivedAt }: StoredInstance): void {
    let known = this.#known.get(studyId);
    if (known?.attributes !== attributes) {
      known = { attributes, compared: comparedText(JSON.parse(attributes) as StudyAttributes) };
      this.#known.set(studyId, known);
    }
    // Nearly always so, and it costs no parsing.
    if (known.compared === comparedText(header.study)) return;
    const stated = JSON.parse(attributes) as StudyAttributes;
    for (const keyword of COMPARED) {
      const value = header.study[keyword];
      if (value === undefined || stated[keyword] === undefined || value === stated[keyword]) continue;
      this.#note.run({ studyId, keyword, value, sopUid: key.sopInstanceUid, at: receivedAt });
    }
  }

  /** The study's attributes are other ones now. */
  forget(studyId: number): void {
    this.#forget.run(studyId);
  }
}

/** Reads what was noted, and makes it the study's own. */
export class Disagreements {
  readonly #list: Database.Statement<[string, string], DisagreementRow>;
  readonly #study: Database.Statement<[string, string], { id: number; attributes: string }>;
  readonly #setAttributes: Database.Statement<[string, number]>;
  readonly #dropTerms: Database.Statement<[number]>;
  readonly #addTerm: Database.Statement<[string, number]>;
  readonly #clear: Database.Statement<[number]>;
  readonly #tellAvara: Database.Statement<[{ studyId: number; now: number }]>;

  constructor(db: Database.Database) {
    this.#list = db.prepare(`
      SELECT keyword, value, disagreement.instances, sop_uid, last_at
      FROM disagreement JOIN study ON study.id = disagreement.study_id
      WHERE study.study_uid = ? AND study.customer = ? ORDER BY keyword, last_at DESC, value`);
    this.#study = db.prepare('SELECT id, attributes FROM study WHERE study_uid = ? AND customer = ?');
    this.#setAttributes = db.prepare('UPDATE study SET attributes = ? WHERE id = ?');
    this.#dropTerms = db.prepare('DELETE FROM study_term WHERE study_id = ?');
    this.#addTerm = db.prepare('INSERT OR IGNORE INTO study_term (term, study_id) VALUES (?, ?)');
    this.#clear = db.prepare('DELETE FROM disagreement WHERE study_id = ?');
    this.#tellAvara = db.prepare(`
      UPDATE outbox SET revision = revision + 1, state = 'pending', due_at = @now WHERE study_id = @studyId`);
  }

  list({ studyInstanceUid, customer }: StudyKey): readonly Disagreement[] {
    return this.#list.all(studyInstanceUid, customer).map((row) => ({
      keyword: row.keyword,
      value: row.value,
      instances: row.instances,
      sopInstanceUid: row.sop_uid,
      lastReceivedAt: row.last_at,
    }));
  }

  /** Must run inside a transaction. @returns the keywords that changed. */
  accept(key: StudyKey, now: number): readonly StudyKeyword[] {
    const study = this.#study.get(key.studyInstanceUid, key.customer);
    const latest = new Map<StudyKeyword, string>();
    for (const { keyword, value } of this.list(key)) if (!latest.has(keyword)) latest.set(keyword, value);
    if (study === undefined || latest.size === 0) return [];
    const attributes = {
      ...(JSON.parse(study.attributes) as StudyAttributes),
      ...Object.fromEntries(latest),
    };
    this.#setAttributes.run(JSON.stringify(attributes), study.id);
    this.#dropTerms.run(study.id);
    for (const term of searchTerms(attributes)) this.#addTerm.run(term, study.id);
    this.#clear.run(study.id);
    this.#tellAvara.run({ studyId: study.id, now });
    return [...latest.keys()];
  }
}

interface DisagreementRow {
  readonly keyword: StudyKeyword;
  readonly value: string;
  readonly instances: number;
  readonly sop_uid: Uid;
  readonly last_at: number;
}

function comparedText(attributes: StudyAttributes): string {
  let text = '';
  for (const keyword of COMPARED) text += `${attributes[keyword] ?? ''}\n`;
  return text;
}
