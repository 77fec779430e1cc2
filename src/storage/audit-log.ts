import path from 'node:path';
import type { AuditEntry, AuditTrail } from '../core/ports/audit-trail.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import { AuditFolder } from './audit-file.ts';
import { FILES_REMOVED, hashOfLine, removalDetail } from './audit-line.ts';
import { errnoOf } from './file-calls.ts';

const DEFAULT_FLUSH_AFTER_MS = 1000;
const DEFAULT_BATCH_ENTRIES = 256;
/** About 20 MB of lines: days of ordinary use, and an hour of heavy use with a full disk. */
const DEFAULT_MAX_QUEUED_ENTRIES = 65_536;
const DAY_MS = 86_400_000;
const RETRY_AFTER_FAILURE_MS = 5000;
const ATTEMPTS_AT_CLOSE = 3;
/** One write at most; a long queue after an outage goes out in several. */
const MAX_ENTRIES_PER_WRITE = 4096;

export interface AuditLogOptions {
  /** Absolute path of the folder, made if missing (mode 0700). */
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Longest time that an entry waits for others. Default 1 s. */
  readonly flushAfterMs?: number;
  /** Entries that are written at once without further waiting. Default 256. */
  readonly batchEntries?: number;
  /** Entries kept while writing fails; more are counted and given up. Default 65,536. */
  readonly maxQueuedEntries?: number;
  /** Files of days longer ago are removed, with a record of where the chain goes on. Default: none. */
  readonly keepDays?: number | undefined;
  /** Called with each entry, once it is queued. Must not fail. */
  readonly onEntry?: (record: { readonly seq: number; readonly at: string } & AuditEntry) => void;
  /** Called for each failed write. */
  readonly onWriteFailure?: () => void;
  /** Called for each entry given up. */
  readonly onEntryLost?: () => void;
}

export interface AuditLog extends AuditTrail {
  /** Writes what is queued to stable storage. Never rejects: a failure is reported and tried again later. */
  flush(): Promise<void>;
  /** Flushes, with a few retries, and closes the file. */
  close(): Promise<void>;
}

interface QueuedLine {
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  readonly text: string;
}

/**
 * Opens the audit trail: files `audit-YYYY-MM-DD.jsonl` (UTC days), appended to and never changed. Each line is a JSON
 * object with `seq` (rising by one, across files and restarts: a gap is a loss), `at` (ISO 8601, UTC), the entry, and
 * `prev`, the SHA-256 of the line before: nothing can be changed or taken out later without a trace.
 * @throws where the folder cannot be made or read.
 */
export async function openAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  const { clock, logger } = options;
  const flushAfterMs = options.flushAfterMs ?? DEFAULT_FLUSH_AFTER_MS;
  const batchEntries = options.batchEntries ?? DEFAULT_BATCH_ENTRIES;
  const maxQueued = options.maxQueuedEntries ?? DEFAULT_MAX_QUEUED_ENTRIES;
  const folder = new AuditFolder(path.resolve(options.folder));
  let { seq, hash } = await folder.open();

  const { keepDays } = options;
  let queue: QueuedLine[] = [];
  /** How many of these the flush under way still has to write. What comes meanwhile waits for others again. */
  let due = 0;
  /** Files whose removal is on record, or about to be. */
  let announced: readonly string[] | undefined;
  let cleanedOn = '';
  let lost = 0;
  let isFailing = false;
  let isClosed = false;
  let flushing: Promise<void> | undefined;
  let cancelTimer: (() => void) | undefined;

  const lineOf = (entry: AuditEntry): QueuedLine => {
    seq += 1;
    const at = new Date(clock.now()).toISOString();
    const record = { seq, at, ...entry };
    const line = `${JSON.stringify(record).slice(0, -1)},"prev":"${hash}"}`;
    hash = hashOfLine(line);
    options.onEntry?.(record);
    return { day: at.slice(0, 10), text: `${line}\n` };
  };
  const flushAfter = (delayMs: number): void => {
    if (isClosed) return;
    cancelTimer ??= clock.after(delayMs, () => {
      cancelTimer = undefined;
      void flush();
    });
  };
  const flush = (): Promise<void> => {
    due = queue.length;
    flushing ??= writeQueue().finally(() => {
      flushing = undefined;
      // Recorded during the writing, or what could not be written.
      if (queue.length > 0) flushSoon();
    });
    return flushing;
  };
  const flushSoon = (): void => {
    if (isFailing) flushAfter(RETRY_AFTER_FAILURE_MS);
    else if (queue.length >= batchEntries) void flush();
    else flushAfter(flushAfterMs);
  };
  const writeQueue = async (): Promise<void> => {
    cancelTimer?.();
    cancelTimer = undefined;
    while (due > 0) {
      const batch = sameDay(queue.slice(0, due));
      try {
        await folder.append(batch.day, batch.lines);
      } catch (error) {
        reportFailure(error);
        return;
      }
      queue = queue.slice(batch.lines.length);
      due -= batch.lines.length;
      reportRecovery();
      if (due === 0) await removeOldFiles(batch.day);
    }
  };
  /**
   * Looks once a day. The record of it is written first, so that the chain of what is left is provable whatever
   * becomes of the files.
   */
  const removeOldFiles = async (day: string): Promise<void> => {
    try {
      if (announced !== undefined) await folder.remove(announced);
      announced = undefined;
      if (keepDays === undefined || cleanedOn === day) return;
      cleanedOn = day;
      const old = await folder.before(
        new Date(Date.parse(day) - keepDays * DAY_MS).toISOString().slice(0, 10),
      );
      if (old === undefined) return;
      queue.push(lineOf({ event: FILES_REMOVED, detail: removalDetail(old.head, old.files.length) }));
      due = queue.length;
      announced = old.files;
    } catch (error) {
      logger.error({ err: error }, 'old files of the audit trail could not be removed');
    }
  };
  const reportFailure = (error: unknown): void => {
    options.onWriteFailure?.();
    // Once per outage: retries of a full disk would fill the log as well.
    if (!isFailing)
      logger.error(
        { errno: errnoOf(error), err: error, queued: queue.length },
        'audit trail cannot be written; entries are kept in memory and writing is tried again',
      );
    isFailing = true;
  };
  const reportRecovery = (): void => {
    if (isFailing) logger.info({ lost }, 'audit trail is written again');
    isFailing = false;
    if (lost === 0) return;
    const detail = `${lost} entries were given up while writing failed`;
    lost = 0;
    queue.push(lineOf({ event: 'audit.entries_lost', detail }));
    due = queue.length;
  };
  const giveUp = (): void => {
    // Its number is used up all the same, so that the gap shows in the file.
    seq += 1;
    lost += 1;
    options.onEntryLost?.();
    if (lost === 1)
      logger.error({ queued: queue.length }, 'audit trail queue is full; entries are being lost');
  };

  return {
    record(entry) {
      if (isClosed || queue.length >= maxQueued) {
        giveUp();
        return;
      }
      queue.push(lineOf(entry));
      if (flushing === undefined) flushSoon();
    },
    flush,
    async close() {
      isClosed = true;
      for (let attempt = 1; queue.length > 0 && attempt <= ATTEMPTS_AT_CLOSE; attempt += 1) await flush();
      if (queue.length > 0) logger.error({ lost: queue.length }, 'audit trail closed with entries unwritten');
      await folder.close();
    },
  };
}

/** The first lines of the queue that go to one file. */
function sameDay(queue: readonly QueuedLine[]): { day: string; lines: readonly string[] } {
  const day = queue[0]?.day ?? '';
  const end = queue.findIndex((line) => line.day !== day);
  const count = Math.min(end === -1 ? queue.length : end, MAX_ENTRIES_PER_WRITE);
  return { day, lines: queue.slice(0, count).map((line) => line.text) };
}
