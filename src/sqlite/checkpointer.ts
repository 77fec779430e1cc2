import { Worker } from 'node:worker_threads';

import type Database from 'better-sqlite3';

/** Pages of 4 kB in the log that are not in the database file yet, from which on a checkpoint is worth its syncs. */
const DEFAULT_WORTHWHILE = 4000;
/**
 * Once the log is this many times as long, what is left of it is copied by whoever writes, so that it is written from its
 * beginning again. Mostly that happens before, of itself: as soon as nothing comes in while the thread copies.
 */
const LONG_FACTOR = 4;
/** More than this part of a worthwhile checkpoint is left to the thread once more, */
const FEW_PART = 8;
/** until the log is this many times as long. */
const TOO_LONG_FACTOR = 5;
/**
 * As long as the log may get before SQLite does a checkpoint within a commit, whoever waits for it: where the thread
 * fails, or cannot keep up.
 */
const LOG_LIMIT = 24_000;
/** Commits between two looks at the log. */
const LOOK_EVERY = 16;
/** A checkpoint takes less than a second; a disk that hangs must not keep the process from ending. */
const CLOSE_TIMEOUT_MS = 10_000;

const [AT_REST, AT_WORK, CLOSED] = [0, 1, 2] as const;

export interface CheckpointerOptions {
  readonly db: Database.Database;
  readonly filePath: string;
  /** Pages from which on a checkpoint is made. */
  readonly worthwhile?: number;
}

/** Keeps the write-ahead log short without holding up the event loop. */
export interface Checkpointer {
  /** To be called after each commit. */
  committed(): void;
  /** Waits for a checkpoint under way; afterwards nobody but the owner has the database open. */
  close(): void;
}

interface LogState {
  /** Pages in the log. */
  readonly log: number;
  /** Of them in the database file already. */
  readonly checkpointed: number;
}

const NOTHING: LogState = { log: 0, checkpointed: 0 };

/**
 * Checkpoints in a thread of its own, which starts when the log is long for the first time. Such a checkpoint holds up
 * no writer, so pages come in meanwhile. To copy the last of them means two syncs, during which the event loop stands
 * still, however few they are: it is done seldom, and only while writers leave no gap.
 */
export function createCheckpointer({
  db,
  filePath,
  worthwhile = DEFAULT_WORTHWHILE,
}: CheckpointerOptions): Checkpointer {
  const state = new Int32Array(new SharedArrayBuffer(4));
  const look = db.prepare<[], LogState>('PRAGMA wal_checkpoint(NOOP)');
  const finish = db.prepare<[], LogState>('PRAGMA wal_checkpoint(PASSIVE)');
  const ask = (statement: typeof look): LogState => {
    try {
      return statement.get() ?? NOTHING;
    } catch {
      // Somebody reads just now, or the disk fails: the log holds everything, and the next commit tells of the disk.
      return NOTHING;
    }
  };
  let worker: Worker | undefined;
  let isUnderWay = false;
  let commits = 0;
  db.pragma(`wal_autocheckpoint = ${LOG_LIMIT}`);

  function ended(): void {
    isUnderWay = false;
    if (!db.open) return;
    const { log, checkpointed } = ask(look);
    if (log < LONG_FACTOR * worthwhile) return;
    const few = log < TOO_LONG_FACTOR * worthwhile ? worthwhile / FEW_PART : worthwhile;
    if (log - checkpointed < few) ask(finish);
    else begin();
  }

  function begin(): void {
    isUnderWay = true;
    worker ??= started();
    worker.postMessage('checkpoint');
  }

  function started(): Worker {
    const thread = new Worker(new URL('./checkpoint-worker.mjs', import.meta.url), {
      workerData: { filePath, state },
    });
    thread.on('message', ended);
    thread.on('error', () => {
      worker = undefined;
      isUnderWay = false;
    });
    thread.unref();
    return thread;
  }

  return {
    committed() {
      commits += 1;
      if (commits < LOOK_EVERY || isUnderWay) return;
      commits = 0;
      const { log, checkpointed } = ask(look);
      if (log - checkpointed >= worthwhile) begin();
    },
    close() {
      if (Atomics.compareExchange(state, 0, AT_REST, CLOSED) === AT_WORK) {
        Atomics.wait(state, 0, AT_WORK, CLOSE_TIMEOUT_MS);
        Atomics.store(state, 0, CLOSED);
      }
      void worker?.terminate();
    },
  };
}
