import type Database from 'better-sqlite3';

import type { MoveFacts, StudyMoves, UnfinishedMove } from '../core/ports/study-moves.ts';
import type { CustomerKey, StudyKey } from '../core/study/instance.ts';
import type { Product } from '../core/study/study.ts';
import type { Uid } from '../dicom/uid.ts';
import { StudyRemover } from './study-remover.ts';
import type { WriteQueue } from './write-queue.ts';

interface StudyIds {
  readonly source: number;
  readonly target: number | undefined;
}

export interface SqliteStudyMovesOptions {
  readonly db: Database.Database;
  readonly queue: WriteQueue;
  /** Brings what was committed to stable storage. */
  readonly sync: () => Promise<void>;
}

/** Moves of studies between customers, in the database of the index. */
export function createStudyMoves({ db, queue, sync }: SqliteStudyMovesOptions): StudyMoves {
  const remover = new StudyRemover(db);
  const idOf = db
    .prepare<[string, string], number>('SELECT id FROM study WHERE study_uid = ? AND customer = ?')
    .pluck();
  const common = (test: string): string => `
    SELECT count(*) FROM series JOIN instance ON instance.series_id = series.id
    JOIN series AS there ON there.study_id = @target AND there.series_uid = series.series_uid
    JOIN instance AS twin ON twin.series_id = there.id AND twin.sop_uid = instance.sop_uid
    WHERE series.study_id = @source AND twin.sha256 ${test} instance.sha256`;
  const identical = db.prepare<{ source: number; target: number }, number>(common('=')).pluck();
  const different = db.prepare<{ source: number; target: number }, number>(common('<>')).pluck();
  const conflicts = db.prepare<[string, string], { path: string }>(
    'SELECT path FROM conflict WHERE study_uid = ? AND customer = ?',
  );
  const begin = db.prepare(
    'INSERT INTO study_move (from_customer, to_customer, study_uid, started_at) VALUES (?, ?, ?, ?)',
  );
  const end = db.prepare('DELETE FROM study_move WHERE id = ?');
  const unfinished = db.prepare<
    [],
    { id: number; from_customer: CustomerKey; to_customer: CustomerKey; study_uid: Uid }
  >('SELECT id, from_customer, to_customer, study_uid FROM study_move ORDER BY id');
  const switchStatements = prepareSwitch(db);
  const tidy = prepareTidy(db);

  const idsOf = (from: StudyKey, to: CustomerKey): StudyIds | undefined => {
    const source = idOf.get(from.studyInstanceUid, from.customer);
    return source === undefined ? undefined : { source, target: idOf.get(from.studyInstanceUid, to) };
  };

  return {
    facts(from, to): MoveFacts | undefined {
      const ids = idsOf(from, to);
      if (ids === undefined) return undefined;
      const { source, target } = ids;
      return {
        identical: target === undefined ? 0 : (identical.get({ source, target }) ?? 0),
        different: target === undefined ? 0 : (different.get({ source, target }) ?? 0),
        conflictPaths: conflicts.all(from.studyInstanceUid, from.customer).map(({ path }) => path),
      };
    },
    async begin(from, to, now) {
      const added = await queue.write(() => begin.run(from.customer, to, from.studyInstanceUid, now));
      await sync();
      return Number(added.lastInsertRowid);
    },
    abandon: (id) => queue.write(() => void end.run(id)),
    unfinished: () =>
      unfinished.all().map((row): UnfinishedMove => ({
        id: row.id,
        from: { customer: row.from_customer, studyInstanceUid: row.study_uid },
        to: row.to_customer,
      })),
    async complete(id, { from, to, products, now, instances }) {
      const isDone = await queue.write(() => {
        const ids = idsOf(from, to);
        if (ids === undefined || switchStatements.countOf(ids.source) !== instances) return false;
        switchStatements.run(ids, { from, to, products, now, remover });
        end.run(id);
        return true;
      });
      if (isDone) await sync();
      return isDone;
    },
    tidy: () => queue.write(() => tidy()),
  };
}

interface SwitchOptions {
  readonly from: StudyKey;
  readonly to: CustomerKey;
  readonly products: readonly Product[];
  readonly now: number;
  readonly remover: StudyRemover;
}

/** The one transaction that makes the study the other customer's. */
function prepareSwitch(db: Database.Database) {
  const countOf = db.prepare<[number], number>('SELECT instances FROM study WHERE id = ?').pluck();
  const give = db.prepare('UPDATE study SET customer = ?, is_announced = 0 WHERE id = ?');
  const dropHandOut = db.prepare('DELETE FROM study_hand_out WHERE study_id = ?');
  // What is left under the wrong customer carries what is still to be done at Avara. No attributes: it has no images.
  const addRest = db.prepare(`
    INSERT INTO study (customer, study_uid, state, instances, bytes, first_received_at, last_received_at, modalities,
      origin_id, attributes_rank, attributes)
    SELECT @customer, study_uid, 'stable', 0, 0, first_received_at, last_received_at, '', origin_id, attributes_rank, '{}'
    FROM study WHERE id = @source`);
  const entries = db.prepare<[number], { id: number; product: Product }>(
    'SELECT id, product FROM outbox WHERE study_id = ?',
  );
  const cancel = db.prepare(`
    UPDATE outbox SET study_id = @rest, is_moved_away = 1, updated_at = @now, revision = revision + 1,
      wish = CASE WHEN is_cancelled = 1 AND state = 'created' THEN 'none' ELSE 'cancel' END,
      due_at = @now,
      state = CASE WHEN is_cancelled = 1 AND state = 'created' THEN 'created' ELSE 'pending' END
    WHERE study_id = @source`);
  const addEntry = db.prepare(`
    INSERT INTO outbox (study_id, product, state, attempts, due_at, created_at, updated_at, after_entry)
    VALUES (@study, @product, 'pending', 0, @now, @now, @now, @after) ON CONFLICT (study_id, product) DO UPDATE SET
      revision = revision + 1, due_at = CASE state WHEN 'created' THEN @now ELSE due_at END,
      state = CASE state WHEN 'created' THEN 'pending' ELSE state END`);
  const moveConflicts = db.prepare(`
    UPDATE conflict SET customer = @to, path = replace(path, @oldFolder, @newFolder)
    WHERE study_uid = @studyUid AND customer = @from`);
  const dropStudy = db.prepare('DELETE FROM study WHERE id = ?');
  const merge = prepareMerge(db);

  return {
    countOf: (studyId: number) => countOf.get(studyId),
    /** Must run inside a transaction. */
    run({ source, target }: StudyIds, { from, to, products, now, remover }: SwitchOptions): void {
      const { customer, studyInstanceUid } = from;
      const removalId = remover.record(source, { why: 'moved', now, movedTo: to });
      const before = entries.all(source);
      dropHandOut.run(source);
      const keeper = target ?? source;
      if (target !== undefined) {
        remover.tie(removalId, merge(source, target));
        cancel.run({ rest: source, source, now });
        if (before.length === 0) dropStudy.run(source);
      } else {
        give.run(to, source);
        if (before.length > 0) {
          const rest = Number(addRest.run({ customer, source }).lastInsertRowid);
          cancel.run({ rest, source, now });
        }
      }
      for (const product of products) {
        const after = before.find((entry) => entry.product === product)?.id ?? null;
        addEntry.run({ study: keeper, product, now, after });
      }
      const folderOf = (name: string): string => `conflicts/${name}/${studyInstanceUid}/`;
      moveConflicts.run({
        to,
        from: customer,
        studyUid: studyInstanceUid,
        oldFolder: folderOf(customer),
        newFolder: folderOf(to),
      });
    },
  };
}

/** Brings the instances of one study into another, which has the same UID. */
function prepareMerge(db: Database.Database): (source: number, target: number) => readonly number[] {
  const twins = `
    SELECT instance.id FROM series JOIN instance ON instance.series_id = series.id
    JOIN series AS there ON there.study_id = @target AND there.series_uid = series.series_uid
    JOIN instance AS twin ON twin.series_id = there.id AND twin.sop_uid = instance.sop_uid
    WHERE series.study_id = @source`;
  const twinLedger = db
    .prepare<{ source: number; target: number }, number>(
      `SELECT (SELECT max(ledger.id) FROM ledger WHERE ledger.outcome = 'stored' AND ledger.subject_id = gone.id) AS entry
      FROM instance AS gone WHERE gone.id IN (${twins}) AND entry IS NOT NULL ORDER BY entry`,
    )
    .pluck();
  const steps = [
    `DELETE FROM instance WHERE id IN (${twins})`,
    `UPDATE instance SET series_id = (SELECT there.id FROM series AS here
      JOIN series AS there ON there.study_id = @target AND there.series_uid = here.series_uid
      WHERE here.id = instance.series_id)
    WHERE series_id IN (SELECT here.id FROM series AS here
      JOIN series AS there ON there.study_id = @target AND there.series_uid = here.series_uid
      WHERE here.study_id = @source)`,
    `UPDATE series SET study_id = @target WHERE study_id = @source
      AND series_uid NOT IN (SELECT series_uid FROM series WHERE study_id = @target)`,
    `DELETE FROM series WHERE study_id = @source`,
    `UPDATE series SET instances = (SELECT count(*) FROM instance WHERE instance.series_id = series.id),
      sop_classes = coalesce(
        (SELECT group_concat(DISTINCT sop_class_id) FROM instance WHERE instance.series_id = series.id), '')
    WHERE study_id = @target`,
    `UPDATE study SET
      instances = (SELECT count(*) FROM series JOIN instance ON instance.series_id = series.id
        WHERE series.study_id = @target),
      bytes = (SELECT coalesce(sum(file_bytes), 0) FROM series JOIN instance ON instance.series_id = series.id
        WHERE series.study_id = @target),
      first_received_at = min(first_received_at, (SELECT first_received_at FROM study WHERE id = @source)),
      last_received_at = max(last_received_at, (SELECT last_received_at FROM study WHERE id = @source)),
      modalities = coalesce((SELECT group_concat(modality, char(92)) FROM (
        SELECT DISTINCT attributes ->> '$.Modality' AS modality FROM series WHERE study_id = @target
          AND modality IS NOT NULL ORDER BY modality)), '')
    WHERE id = @target`,
    `INSERT INTO study_commitment SELECT @target, committed_at FROM study_commitment WHERE study_id = @source
    ON CONFLICT (study_id) DO UPDATE SET committed_at = max(committed_at, excluded.committed_at)`,
    'DELETE FROM study_term WHERE study_id = @source',
    'DELETE FROM disagreement WHERE study_id = @source',
    `UPDATE study SET instances = 0, bytes = 0, modalities = '', attributes = '{}', is_announced = 0 WHERE id = @source`,
  ].map((sql) => db.prepare(sql));
  return (source, target) => {
    const gone = twinLedger.all({ source, target });
    for (const step of steps) step.run({ source, target });
    return gone;
  };
}

/** Forgets what is left of moved studies under their old customer, once nothing is to be done at Avara any more. */
function prepareTidy(db: Database.Database): () => number {
  const done = db
    .prepare<[], number>(
      `SELECT DISTINCT study.id FROM outbox JOIN study ON study.id = outbox.study_id
      WHERE outbox.is_moved_away = 1 AND study.instances = 0
        AND NOT EXISTS (SELECT 1 FROM outbox AS open WHERE open.study_id = study.id
          AND (open.state <> 'created' OR open.is_cancelled = 0))
        AND NOT EXISTS (SELECT 1 FROM outbox AS mine JOIN outbox AS next ON next.after_entry = mine.id
          WHERE mine.study_id = study.id AND next.avara_study_id IS NULL)
      UNION
      SELECT study.id FROM study JOIN removal ON removal.study_uid = study.study_uid AND removal.customer = study.customer
      WHERE study.instances = 0 AND removal.why = 'moved'
        AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.study_id = study.id)`,
    )
    .pluck();
  const keep = db.prepare(`
    INSERT OR REPLACE INTO removal_delivery (removal_id, product, avara_study_id, is_cancelled)
    SELECT (SELECT max(removal.id) FROM removal JOIN study ON study.study_uid = removal.study_uid
        AND study.customer = removal.customer WHERE study.id = @id), product, avara_study_id, is_cancelled
    FROM outbox WHERE study_id = @id AND avara_study_id IS NOT NULL`);
  const drop = [
    db.prepare('DELETE FROM outbox WHERE study_id = @id'),
    db.prepare('DELETE FROM study WHERE id = @id'),
  ];
  return () => {
    const ids = done.all();
    for (const id of ids) {
      keep.run({ id });
      for (const statement of drop) statement.run({ id });
    }
    return ids.length;
  };
}
