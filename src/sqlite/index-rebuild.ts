import fs from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';

import type { ReportDescription } from '../core/ports/report-records.ts';
import { Database } from './driver.mjs';
import { MIGRATIONS } from './migrations.ts';

/** Tables of facts that no file tells; they do not point at rows of studies. */
const WHOLE_TABLES = [
  'commitment_request',
  'file',
  'report',
  'report_output',
  'retrieval',
  'association',
  'refused_sender',
  'sender',
  'sender_hour',
  'disk_hour',
  'removal',
  'removal_delivery',
  'alert',
  'service_run',
  'damaged_object',
  'quarantine_sample',
] as const;

const SAME_STUDY = 'was.study_uid = study.study_uid AND was.customer = study.customer';

/** In this order, each by itself: what cannot be read of a damaged database is left out. */
const TAKEOVERS: readonly (readonly [what: string, sql: string])[] = [
  [
    'times and origins of instances',
    `INSERT OR IGNORE INTO origin (source, calling_ae, called_ae, peer_address)
       SELECT source, calling_ae, called_ae, peer_address FROM old.origin;
     CREATE TEMP TABLE known AS
       SELECT instance.id AS id, one.received_at AS received_at, origin.id AS origin_id
       FROM instance JOIN series ON series.id = instance.series_id JOIN study ON study.id = series.study_id
       JOIN old.study AS was ON ${SAME_STUDY}
       JOIN old.series AS part ON part.study_id = was.id AND part.series_uid = series.series_uid
       JOIN old.instance AS one ON one.series_id = part.id AND one.sop_uid = instance.sop_uid
         AND one.sha256 = instance.sha256
       JOIN old.origin AS came ON came.id = one.origin_id
       JOIN origin ON origin.source = came.source AND origin.calling_ae = came.calling_ae
         AND origin.called_ae = came.called_ae AND origin.peer_address = came.peer_address;
     UPDATE instance SET received_at = known.received_at, origin_id = known.origin_id
       FROM known WHERE known.id = instance.id;
     UPDATE ledger SET at = known.received_at FROM known WHERE known.id = ledger.subject_id AND outcome = 'stored';
     DROP TABLE known;
     UPDATE study SET (first_received_at, last_received_at) = (SELECT min(received_at), max(received_at)
       FROM instance JOIN series ON series.id = instance.series_id WHERE series.study_id = study.id);`,
  ],
  [
    'states of studies',
    `UPDATE study SET state = was.state, attributes = was.attributes, attributes_rank = was.attributes_rank,
       origin_id = coalesce((SELECT origin.id FROM old.origin AS came JOIN origin ON origin.source = came.source
         AND origin.calling_ae = came.calling_ae AND origin.called_ae = came.called_ae
         AND origin.peer_address = came.peer_address WHERE came.id = was.origin_id), study.origin_id)
     FROM old.study AS was WHERE ${SAME_STUDY} AND was.instances = study.instances;
     INSERT OR IGNORE INTO study_term (term, study_id)
       SELECT study_term.term, study.id FROM old.study_term JOIN old.study AS was ON was.id = study_term.study_id
       JOIN main.study ON ${SAME_STUDY};`,
  ],
  [
    // Of a study that was moved to another customer the row alone is left, until Avara has cancelled it.
    'studies that were moved away',
    `INSERT OR IGNORE INTO study (customer, study_uid, state, instances, bytes, first_received_at, last_received_at,
       modalities, origin_id, attributes_rank, attributes)
     SELECT was.customer, was.study_uid, was.state, 0, 0, was.first_received_at, was.last_received_at, '',
       coalesce((SELECT origin.id FROM old.origin AS came JOIN origin ON origin.source = came.source
         AND origin.calling_ae = came.calling_ae AND origin.called_ae = came.called_ae
         AND origin.peer_address = came.peer_address WHERE came.id = was.origin_id), (SELECT min(id) FROM origin)),
       was.attributes_rank, '{}'
     FROM old.study AS was
     WHERE was.instances = 0 AND was.id IN (SELECT study_id FROM old.outbox WHERE is_moved_away = 1);`,
  ],
  [
    'corrections',
    `DELETE FROM disagreement WHERE study_id IN (SELECT study.id FROM old.study AS was JOIN main.study ON ${SAME_STUDY}
       WHERE was.instances = study.instances);
     INSERT INTO disagreement (study_id, keyword, value, instances, sop_uid, last_at)
     SELECT study.id, gone.keyword, gone.value, gone.instances, gone.sop_uid, gone.last_at
     FROM old.disagreement AS gone JOIN old.study AS was ON was.id = gone.study_id
       JOIN main.study ON ${SAME_STUDY} AND was.instances = study.instances;`,
  ],
  [
    'deliveries',
    `INSERT INTO outbox (study_id, product, state, attempts, due_at, avara_study_id, last_error, created_at, updated_at,
       sent, wish, is_cancelled, revision, is_moved_away)
     SELECT study.id, gone.product, gone.state, gone.attempts, gone.due_at, gone.avara_study_id, gone.last_error,
       gone.created_at, gone.updated_at, gone.sent, gone.wish, gone.is_cancelled, gone.revision, gone.is_moved_away
     FROM old.outbox AS gone JOIN old.study AS was ON was.id = gone.study_id JOIN main.study ON ${SAME_STUDY};
     UPDATE outbox SET after_entry = before.new_id FROM (
       SELECT waits.study_id AS old_study, waits.product AS product, one.id AS new_id
       FROM old.outbox AS waits JOIN old.outbox AS first ON first.id = waits.after_entry
         JOIN old.study AS was ON was.id = first.study_id JOIN main.study ON ${SAME_STUDY}
         JOIN main.outbox AS one ON one.study_id = study.id AND one.product = first.product) AS before
     WHERE outbox.product = before.product AND outbox.study_id = (
       SELECT study.id FROM old.study AS was JOIN main.study ON ${SAME_STUDY} WHERE was.id = before.old_study);
     UPDATE study SET is_announced = coalesce(
       (SELECT min(outbox.state = 'created') FROM outbox WHERE outbox.study_id = study.id), 0);`,
  ],
  [
    // What the triggers wrote down while the index was built did not happen now.
    'timelines',
    `DELETE FROM study_event;
     INSERT INTO study_event (study_id, event, actor, slot, first_at, last_at, count, detail, peer_address)
     SELECT study.id, gone.event, gone.actor, gone.slot, gone.first_at, gone.last_at, gone.count, gone.detail,
       gone.peer_address
     FROM old.study_event AS gone JOIN old.study AS was ON was.id = gone.study_id JOIN main.study ON ${SAME_STUDY};`,
  ],
  [
    'what keeps studies from being removed',
    `INSERT INTO study_commitment (study_id, committed_at)
     SELECT study.id, gone.committed_at
     FROM old.study_commitment AS gone JOIN old.study AS was ON was.id = gone.study_id JOIN main.study ON ${SAME_STUDY};
     INSERT INTO study_hand_out (study_id, until)
     SELECT study.id, gone.until
     FROM old.study_hand_out AS gone JOIN old.study AS was ON was.id = gone.study_id JOIN main.study ON ${SAME_STUDY};`,
  ],
  ...WHOLE_TABLES.map((table) => [table, `INSERT INTO main.${table} SELECT * FROM old.${table};`] as const),
];

/**
 * Takes what no file tells from the database of before into one that was rebuilt from the files.
 * @returns what could not be taken over; `undefined` where nothing could be read of it at all.
 */
export function takeOver(newFile: string, oldFile: string): readonly string[] | undefined {
  const db = new Database(newFile);
  try {
    db.pragma('foreign_keys = OFF');
    try {
      db.prepare('ATTACH ? AS old').run(oldFile);
      if (Number(db.pragma('old.user_version', { simple: true })) !== MIGRATIONS.length) return undefined;
    } catch {
      return undefined;
    }
    const missed: string[] = [];
    for (const [what, sql] of TAKEOVERS) {
      try {
        db.exec('BEGIN IMMEDIATE');
        db.exec(sql);
        db.exec('COMMIT');
      } catch {
        if (db.inTransaction) db.exec('ROLLBACK');
        missed.push(what);
      }
    }
    return missed;
  } finally {
    db.close();
  }
}

/** Adds reports that lie in the data folder, as sent on to wherever they were to go. @returns how many were not known. */
export function addReports(newFile: string, reports: readonly ReportDescription[]): number {
  const db = new Database(newFile);
  try {
    const add = db.prepare(`
      INSERT INTO report (event_id, report_id, avara_study_id, signers, customer, study_uid, is_critical, presigned_url,
        received_at, state, version, sha256, attempts, due_at, plain_text)
      SELECT @eventId, @reportId, @avaraStudyId, json_array(@customer), @customer, @studyInstanceUid, @isCritical, '',
        @receivedAt, 'stored', @version, @sha256, 0, 0, @plainText
      WHERE NOT EXISTS (SELECT 1 FROM report WHERE report_id = @reportId AND version = @version)
      ON CONFLICT (event_id) DO NOTHING`);
    const addAll = db.transaction(() => {
      let added = 0;
      for (const report of reports) {
        added += add.run({
          ...report,
          isCritical: report.isCritical ? 1 : 0,
          receivedAt: Date.parse(report.receivedAt) || 0,
          plainText: report.plainText ?? null,
        }).changes;
      }
      return added;
    });
    return addAll();
  } finally {
    db.close();
  }
}

/** What is wrong with a rebuilt database; empty: nothing. Leaves it in one file, its log emptied. */
export function checkRebuilt(
  newFile: string,
  expected: { instances: number; conflicts: number },
): readonly string[] {
  const db = new Database(newFile);
  try {
    const problems: string[] = [];
    const quick = db.pragma('quick_check', { simple: true });
    if (quick !== 'ok') problems.push(`the new database is damaged: ${String(quick)}`);
    if ((db.pragma('foreign_key_check') as unknown[]).length > 0)
      problems.push('the new database has rows that point nowhere');
    for (const [table, count] of [
      ['instance', expected.instances],
      ['conflict', expected.conflicts],
    ] as const) {
      const found = db.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get();
      if (found !== count)
        problems.push(`the new database has ${found ?? 0} rows of ${table} instead of ${count}`);
    }
    db.pragma('wal_checkpoint(TRUNCATE)');
    return problems;
  } finally {
    db.close();
  }
}

/**
 * Puts a rebuilt database in the place of the one of before, which is kept under another name.
 * @param stamp for that name. @returns its path; undefined where there was none.
 */
export async function swapIn(newFile: string, liveFile: string, stamp: string): Promise<string | undefined> {
  await syncFile(newFile);
  let kept: string | undefined;
  if (fs.existsSync(liveFile)) {
    emptyLog(liveFile);
    kept = `${liveFile}.before-${stamp}`;
    fs.linkSync(liveFile, kept);
    for (const suffix of ['-wal', '-shm'])
      if (fs.existsSync(liveFile + suffix)) fs.renameSync(liveFile + suffix, kept + suffix);
  } else {
    // Of a database that somebody removed: a log without its file must not meet the new one.
    for (const suffix of ['-wal', '-shm'])
      if (fs.existsSync(liveFile + suffix))
        fs.renameSync(liveFile + suffix, `${liveFile}.before-${stamp}${suffix}`);
  }
  fs.renameSync(newFile, liveFile);
  await syncFile(path.dirname(liveFile));
  return kept;
}

/** Removes what an earlier rebuild left unfinished. */
export function dropRebuilt(newFile: string): void {
  for (const suffix of ['', '-wal', '-shm']) fs.rmSync(newFile + suffix, { force: true });
}

/** So that the kept file is whole without its log; a database that is damaged keeps both. */
function emptyLog(file: string): void {
  try {
    const db = new Database(file, { timeout: 0 });
    try {
      db.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      db.close();
    }
  } catch {
    // Nothing can be done with it; it is kept as it is.
  }
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
