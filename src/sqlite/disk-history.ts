import type Database from 'better-sqlite3';

import type { DiskHistory } from '../core/ports/disk-history.ts';
import type { WriteQueue } from './write-queue.ts';

const HOUR_MS = 3_600_000;

interface DiskRow {
  readonly hour: number;
  readonly free_bytes: number;
  readonly total_bytes: number;
}

/** Hourly samples of free space, in the index database. */
export function createDiskHistory(db: Database.Database, queue: WriteQueue): DiskHistory {
  const put = db.prepare<[number, number, number]>('INSERT OR REPLACE INTO disk_hour VALUES (?, ?, ?)');
  const since = db.prepare<[number], DiskRow>('SELECT * FROM disk_hour WHERE hour >= ? ORDER BY hour');
  const prune = db.prepare<[number]>('DELETE FROM disk_hour WHERE hour < ?');
  return {
    add: ({ at, freeBytes, totalBytes }) =>
      queue.write(() => void put.run(Math.floor(at / HOUR_MS), freeBytes, totalBytes)),
    since: (at) =>
      since.all(Math.ceil(at / HOUR_MS)).map((row) => ({
        at: row.hour * HOUR_MS,
        freeBytes: row.free_bytes,
        totalBytes: row.total_bytes,
      })),
    prune: (before) => queue.write(() => void prune.run(Math.floor(before / HOUR_MS))),
  };
}
