import fs from 'node:fs';
import path from 'node:path';

import type Database from 'better-sqlite3';

import type { AlertRecords, ServiceRuns } from '../core/ports/alert-records.ts';
import type { AssociationHistory } from '../core/ports/association-history.ts';
import type { CommitmentRequests } from '../core/ports/commitment-requests.ts';
import type { CountHistory } from '../core/ports/count-history.ts';
import type { DiskHistory } from '../core/ports/disk-history.ts';
import type { FileRecords } from '../core/ports/file-records.ts';
import type { Outbox } from '../core/ports/outbox.ts';
import type { RefusedSenders } from '../core/ports/refused-senders.ts';
import type { Removals } from '../core/ports/removals.ts';
import type { ProofIndex } from '../core/ports/proof-index.ts';
import type { ReportRecords } from '../core/ports/report-records.ts';
import type { Retrievals } from '../core/ports/retrievals.ts';
import type { DamageRecords, ScrubRecords } from '../core/ports/scrub-records.ts';
import type { SenderActivity } from '../core/ports/sender-activity.ts';
import type { StudyEvents } from '../core/ports/study-events.ts';
import type { StudyMoves } from '../core/ports/study-moves.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import type { StudySearch } from '../core/ports/study-search.ts';
import { createAlertRecords, createQuarantineHistory, createServiceRuns } from './alert-records.ts';
import { createAssociationHistory } from './association-history.ts';
import { createCheckpointer } from './checkpointer.ts';
import { createCommitmentRequests } from './commitment-requests.ts';
import { createDiskHistory } from './disk-history.ts';
import { createFileRecords } from './file-records.ts';
import { Disagreements } from './disagreements.ts';
import { guardStatements } from './guard-statements.ts';
import { InstanceReader } from './instance-reader.ts';
import { InstanceWriter } from './instance-writer.ts';
import { openDatabase } from './open.ts';
import { createOutbox } from './outbox.ts';
import { createRefusedSenders } from './refused-senders.ts';
import { createRemovals } from './removals.ts';
import { createProofIndex } from './proof-index.ts';
import { createReportRecords } from './report-records.ts';
import { createRetrievals } from './retrievals.ts';
import { createDamageRecords, createScrubRecords } from './scrub-records.ts';
import { createSenderActivity } from './sender-activity.ts';
import { createStudyMoves } from './study-moves.ts';
import { createStudyEvents } from './study-events.ts';
import { StudyReader } from './study-reader.ts';
import { createStudySearch } from './study-search.ts';
import { TextValues } from './text-values.ts';
import { WriteQueue } from './write-queue.ts';

export interface SqliteIndexOptions {
  /** Absolute path of the database file; made if missing. Its folder must exist. */
  readonly filePath: string;
}

/** What shares one database, so that it commits together. */
export interface SqliteIndex {
  readonly index: StudyIndex;
  readonly outbox: Outbox;
  readonly commitmentRequests: CommitmentRequests;
  readonly files: FileRecords;
  readonly associationHistory: AssociationHistory;
  readonly reports: ReportRecords;
  readonly retrievals: Retrievals;
  readonly search: StudySearch;
  readonly studyEvents: StudyEvents;
  readonly senderActivity: SenderActivity;
  readonly refusedSenders: RefusedSenders;
  readonly diskHistory: DiskHistory;
  readonly removals: Removals;
  readonly moves: StudyMoves;
  readonly alerts: AlertRecords;
  readonly serviceRuns: ServiceRuns;
  readonly quarantineHistory: CountHistory;
  /** Resolves once the write queue has come round; a write that is refused, on a full disk, is a sign of life as well. */
  pulse(): Promise<void>;
  readonly proof: ProofIndex;
  readonly scrub: ScrubRecords;
  readonly damage: DamageRecords;
}

/**
 * Opens the index, and with it the outbox, the storage commitment requests and the records of files.
 * @throws IndexOpenError
 */
export function openSqliteIndex(options: SqliteIndexOptions): SqliteIndex {
  const db = openDatabase(options.filePath);
  const queue = new WriteQueue(
    db,
    () => {
      texts.forget();
      writer.forget();
    },
    () => {
      texts.keep();
      writer.keep();
      checkpointer.committed();
    },
  );
  guardStatements(db, () => queue.giveWay());
  const texts = new TextValues(db);
  const checkpointer = createCheckpointer({ db, filePath: options.filePath });
  const writer = new InstanceWriter(db, texts);
  const reader = new StudyReader(db);
  const instances = new InstanceReader(db, texts);
  const disagreements = new Disagreements(db);
  const settle = settleStatements(db);
  const wal = walSync(options.filePath, db);

  const removals = createRemovals({ db, queue, sync: () => index.sync() });

  const index: StudyIndex = {
    findInstance: (key) => instances.findInstance(key),
    findInstancesBySopUid: (customer, sopInstanceUid) =>
      instances.findInstancesBySopUid(customer, sopInstanceUid),
    addInstance: (instance) => queue.write(() => writer.addInstance(instance)),
    prepareInstance: (instance) => queue.prepare(() => writer.addInstance(instance)),
    addConflict: (conflict) => queue.write(() => void writer.addConflict(conflict)),
    conflicts: (limit) => reader.conflicts(limit),
    findStudy: (key) => reader.findStudy(key),
    findStudiesByUid: (studyInstanceUid) => reader.findStudiesByUid(studyInstanceUid),
    findStudyByAvaraId: (avaraStudyId) => reader.findStudyByAvaraId(avaraStudyId),
    findRemovals: (studyInstanceUid) => removals.findByUid(studyInstanceUid),
    findRemovalByAvaraId: (avaraStudyId) => removals.findByAvaraId(avaraStudyId),
    listStudies: (query) => reader.listStudies(query),
    listSeries: (key) => instances.listSeries(key),
    listInstances: (key, seriesInstanceUid) => instances.listInstances(key, seriesInstanceUid),
    listContents: (key) => instances.listContents(key),
    describeStudy: (key) => instances.describeStudy(key),
    totals: () => reader.totals(),
    customerTotals: () => reader.customerTotals(),
    receivingStudies: () => reader.receivingStudies(),
    disagreements: (key) => disagreements.list(key),
    acceptDisagreements: (key, now) => queue.write(() => disagreements.accept(key, now)),
    settle: (key, lastReceivedAt, products, now) =>
      queue.write(() => {
        const row = settle.makeStable.get(key.studyInstanceUid, key.customer, lastReceivedAt);
        if (!row) return false;
        for (const product of products) {
          settle.addEntry.run(row.id, product, now, now, now);
          settle.noteNews.run({ studyId: row.id, product, now });
        }
        return true;
      }),
    async sync() {
      queue.flush();
      await wal.sync();
    },
    close() {
      queue.flush();
      queue.giveWay();
      checkpointer.close();
      wal.close();
      db.close();
    },
  };
  const expectOpen = (error: unknown): void => {
    if (!db.open) throw error;
  };
  return {
    index,
    outbox: createOutbox({ db, queue, reader }),
    commitmentRequests: createCommitmentRequests({ db, queue, sync: () => index.sync() }),
    files: createFileRecords(db, queue),
    associationHistory: createAssociationHistory({ db, queue }),
    reports: createReportRecords({ db, queue, sync: () => index.sync() }),
    retrievals: createRetrievals(db, queue),
    search: createStudySearch({ db, texts }),
    studyEvents: createStudyEvents(db, queue),
    senderActivity: createSenderActivity(db, queue),
    refusedSenders: createRefusedSenders(db, queue),
    diskHistory: createDiskHistory(db, queue),
    removals,
    moves: createStudyMoves({ db, queue, sync: () => index.sync() }),
    alerts: createAlertRecords(db, queue),
    serviceRuns: createServiceRuns(db, queue),
    quarantineHistory: createQuarantineHistory(db, queue),
    pulse: () => queue.write(() => undefined).catch(expectOpen),
    proof: createProofIndex({ db, queue, writer }),
    scrub: createScrubRecords(db, queue),
    damage: createDamageRecords(db, queue),
  };
}

function settleStatements(db: Database.Database) {
  return {
    makeStable: db.prepare<[string, string, number], { id: number }>(`
      UPDATE study SET state = 'stable'
      WHERE study_uid = ? AND customer = ? AND state = 'receiving' AND last_received_at <= ? RETURNING id`),
    addEntry: db.prepare<[number, string, number, number, number]>(`
      INSERT INTO outbox (study_id, product, state, attempts, due_at, created_at, updated_at)
      VALUES (?, ?, 'pending', 0, ?, ?, ?) ON CONFLICT (study_id, product) DO NOTHING`),
    // What came may be news to Avara. An entry in attention waits for its operator, who then sends everything.
    noteNews: db.prepare<[{ studyId: number; product: string; now: number }]>(`
      UPDATE outbox SET revision = revision + 1,
        due_at = CASE state WHEN 'created' THEN @now ELSE due_at END,
        state = CASE state WHEN 'created' THEN 'pending' ELSE state END
      WHERE study_id = @studyId AND product = @product`),
  };
}

/**
 * Syncs the write-ahead log off the event loop: what was committed before is then on stable storage. A checkpoint that
 * empties the log has synced the database file first, so nothing committed is ever in neither.
 */
function walSync(filePath: string, db: Database.Database): { sync(): Promise<void>; close(): void } {
  // The log file comes into being with the first read and stays until the database is closed.
  db.pragma('user_version');
  const walPath = `${path.resolve(filePath)}-wal`;
  const fd = fs.openSync(walPath, 'r');
  return {
    sync: () =>
      new Promise((resolve, reject) => {
        fs.fdatasync(fd, (error) => {
          if (error) reject(error);
          else resolve();
        });
      }),
    close: () => fs.closeSync(fd),
  };
}
