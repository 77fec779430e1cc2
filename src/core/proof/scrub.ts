import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { ScrubRecords, ScrubRound } from '../ports/scrub-records.ts';
import { checkConflict } from './check-conflicts.ts';
import { checkFile } from './check-study.ts';
import { type DamageBook, READ_ALL } from './damage-book.ts';
import type { ProofEvent } from './finding.ts';
import { type ProofParts, ProofRun } from './proof-run.ts';

/** Objects between two times that the position is kept. */
const BATCH = 50;
/** While images come in, a check waits for so long at most; then it works for a slice of time all the same. */
const MAX_HELD_BACK_MS = 5 * 60_000;
const SLICE_MS = 15_000;
const BUSY_WAIT_MS = 1000;
/** Not slower than this, bytes a second: a small archive need not take a month. */
const MIN_PACE = 1_000_000;
/** A round is to be through after this part of its period, so that a stop or a busy week does not make it late. */
const AIM = 0.8;
/** How often known damage is looked at again, and whether a round is due. */
const LOOK_AGAIN_MS = 3_600_000;
const AFTER_FAILURE_MS = 10 * 60_000;

export interface ScrubOptions {
  readonly parts: ProofParts;
  readonly records: ScrubRecords;
  readonly damage: DamageBook;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Every object is read once in so long, milliseconds; undefined: no round is ever begun. */
  readonly periodMs: number | undefined;
  readonly maxBytesPerSecond: number;
  /** Whether images are coming in. */
  readonly isBusy: () => boolean;
  /** Bytes of all objects. */
  readonly totalBytes: () => number;
  readonly onChecked?: (isWhole: boolean, bytes: number) => void;
}

export interface ScrubStatus {
  /** False: it is switched off. */
  readonly isActive: boolean;
  readonly round?: ScrubRound;
  /** The round under way has lasted for twice its period. */
  readonly isBehind: boolean;
  readonly oldestCheckAt?: number;
}

/** Reads stored objects again from end to end, slowly and for ever, and compares them with what was acknowledged. */
export interface Scrub {
  start(): void;
  /** Resolves when nothing is under way; the position is kept. */
  stop(): Promise<void>;
  status(): ScrubStatus;
}

export function createScrub(options: ScrubOptions): Scrub {
  const { parts, records, damage, clock, logger, periodMs, isBusy } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let working: Promise<void> = Promise.resolve();
  let wake: (() => void) | undefined;
  let workUntil = 0;
  const isStopped = (): boolean => signal.aborted;

  function sleep(ms: number): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = clock.after(ms, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });
  }

  async function untilQuiet(): Promise<void> {
    const since = clock.now();
    while (!signal.aborted && isBusy() && clock.now() >= workUntil) {
      if (clock.now() - since >= MAX_HELD_BACK_MS) workUntil = clock.now() + SLICE_MS;
      else await sleep(BUSY_WAIT_MS);
    }
  }

  /** Bytes a second with which what is left of the round takes the time that is left for it. */
  function pace(round: ScrubRound, period: number): number {
    const left = Math.max(0, options.totalBytes() - round.bytes);
    const seconds = (round.startedAt + AIM * period - clock.now()) / 1000;
    const needed = seconds > 0 ? left / seconds : Number.POSITIVE_INFINITY;
    return Math.min(options.maxBytesPerSecond, Math.max(MIN_PACE, Math.ceil(needed)));
  }

  async function take(event: ProofEvent): Promise<void> {
    if (event.event !== 'finding') return;
    const { customer, studyInstanceUid, seriesInstanceUid, sopInstanceUid, path, kind } = event;
    logger.error(
      { customer, studyInstanceUid, seriesInstanceUid, sopInstanceUid, path, kind },
      'the background check found a damaged object',
    );
    await damage.note(event);
  }

  /** Looks at the next objects. @returns the round after that. */
  async function step(round: ScrubRound, period: number): Promise<ScrubRound> {
    const run = new ProofRun(parts, { ...READ_ALL, maxBytesPerSecond: pace(round, period) }, signal, take);
    let { afterId, objects, bytes } = round;
    const handle = async (id: number, fileBytes: number, check: () => Promise<boolean>): Promise<void> => {
      await untilQuiet();
      signal.throwIfAborted();
      const isWhole = await check();
      signal.throwIfAborted();
      afterId = id;
      objects += 1;
      bytes += fileBytes;
      options.onChecked?.(isWhole, fileBytes);
    };
    let count: number;
    try {
      if (round.area === 'objects') {
        const ids = parts.proof.instanceIds(afterId, BATCH);
        count = ids.length;
        for (const id of ids) {
          const key = parts.proof.keyOf(id);
          const record = key && parts.index.findInstance(key);
          if (record === undefined) afterId = id;
          else await handle(id, record.fileBytes, () => checkFile(run, record));
        }
      } else {
        const conflicts = parts.proof.conflicts({}, afterId, BATCH);
        count = conflicts.length;
        for (const conflict of conflicts)
          await handle(conflict.id, conflict.fileBytes, () => checkConflict(run, conflict));
      }
    } finally {
      // What was read before a stop counts.
      await records.save({ ...round, afterId, objects, bytes }, clock.now());
    }
    if (count === BATCH) return { ...round, afterId, objects, bytes };
    const next: ScrubRound =
      round.area === 'objects'
        ? { ...round, area: 'conflicts', afterId: 0, objects, bytes }
        : { ...round, afterId, objects, bytes, finishedAt: clock.now() };
    await records.save(next, clock.now());
    return next;
  }

  async function runRound(period: number): Promise<void> {
    const last = records.round();
    const isDue = last?.finishedAt === undefined || clock.now() >= last.startedAt + period;
    if (!isDue) return;
    let round: ScrubRound =
      last !== undefined && last.finishedAt === undefined
        ? last
        : { startedAt: clock.now(), area: 'objects', afterId: 0, objects: 0, bytes: 0 };
    while (round.finishedAt === undefined) {
      round = await step(round, period);
      signal.throwIfAborted();
    }
    const { objects, bytes } = round;
    if (objects > 0) logger.info({ objects, bytes }, 'the background check has read every object');
  }

  async function loop(): Promise<void> {
    while (!isStopped()) {
      let pause = Math.min(LOOK_AGAIN_MS, periodMs ?? LOOK_AGAIN_MS);
      try {
        await damage.lookAgain(signal);
        if (periodMs !== undefined) await runRound(periodMs);
      } catch (error) {
        if (isStopped()) return;
        logger.error({ err: error }, 'the background check failed and will be tried again');
        pause = AFTER_FAILURE_MS;
      }
      await sleep(pause);
    }
  }

  return {
    start() {
      working = loop();
    },
    async stop() {
      stopping.abort();
      wake?.();
      await working;
    },
    status() {
      const round = records.round();
      const oldestCheckAt = records.oldestCheckAt();
      return {
        isActive: periodMs !== undefined,
        ...(round && { round }),
        isBehind:
          periodMs !== undefined &&
          round !== undefined &&
          round.finishedAt === undefined &&
          clock.now() - round.startedAt > 2 * periodMs,
        ...(oldestCheckAt !== undefined && { oldestCheckAt }),
      };
    },
  };
}
