import type Database from 'better-sqlite3';

import type { AlertEntry } from '../core/alerts/alert.ts';
import type { AlertRecords, ServiceRuns } from '../core/ports/alert-records.ts';
import type { CountHistory, CountSample } from '../core/ports/count-history.ts';
import type { WriteQueue } from './write-queue.ts';

/** Runs are kept for so long, milliseconds. */
const KEEP_RUNS_MS = 30 * 86_400_000;

/** Alerts in the index database: what is wrong, who was told. */
export function createAlertRecords(db: Database.Database, queue: WriteQueue): AlertRecords {
  const list = db.prepare<[], { entry: string }>('SELECT entry FROM alert ORDER BY since, key');
  const clear = db.prepare('DELETE FROM alert');
  const insert = db.prepare<[string, number, string]>(
    'INSERT INTO alert (key, since, entry) VALUES (?, ?, ?)',
  );
  return {
    list: () => list.all().map(({ entry }) => JSON.parse(entry) as AlertEntry),
    replace: (entries) =>
      queue.write(() => {
        clear.run();
        for (const entry of entries) insert.run(entry.key, entry.since, JSON.stringify(entry));
      }),
  };
}

/** When the daemon ran, in the index database. */
export function createServiceRuns(db: Database.Database, queue: WriteQueue): ServiceRuns {
  const insert = db.prepare<[number]>('INSERT INTO service_run (started_at) VALUES (?)');
  const prune = db.prepare<[number]>('DELETE FROM service_run WHERE started_at < ?');
  const end = db.prepare<[number]>(`
    UPDATE service_run SET ended_at = ? WHERE id = (SELECT max(id) FROM service_run)`);
  const unclean = db.prepare<[number], { total: number }>(`
    SELECT count(*) AS total FROM service_run AS run WHERE started_at >= ?
      AND (SELECT before.ended_at IS NULL FROM service_run AS before
           WHERE before.id < run.id ORDER BY before.id DESC LIMIT 1)`);
  return {
    began: (now) =>
      queue.write(() => {
        prune.run(now - KEEP_RUNS_MS);
        insert.run(now);
      }),
    ended: (now) => queue.write(() => void end.run(now)),
    uncleanStarts: (since) => unclean.get(since)?.total ?? 0,
  };
}

/** How many files were in quarantine, in the index database. */
export function createQuarantineHistory(db: Database.Database, queue: WriteQueue): CountHistory {
  const list = db.prepare<[], CountSample>('SELECT at, lowest FROM quarantine_sample ORDER BY at');
  const put = db.prepare<[number, number]>('INSERT OR REPLACE INTO quarantine_sample VALUES (?, ?)');
  const prune = db.prepare<[number]>('DELETE FROM quarantine_sample WHERE at < ?');
  return {
    list: () => list.all(),
    put: ({ at, lowest }, since) =>
      queue.write(() => {
        put.run(at, lowest);
        prune.run(since);
      }),
  };
}
