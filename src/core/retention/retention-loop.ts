import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Removals, RetentionCursor, RetentionFacts } from '../ports/removals.ts';
import { protectionsOf } from './protections.ts';
import { RetentionPlan } from './retention-plan.ts';
import type { SpaceState, Verdict } from './retention-plan.ts';
import { hasRules } from './rules.ts';
import type { RetentionRules } from './rules.ts';
import type { StudyRemover } from './study-remover.ts';

/** Studies looked at in one turn of the event loop. */
const PAGE_SIZE = 50;
/** Files deleted before others get a turn. */
const FILES_PER_STEP = 20;
/** How often it is looked whether the disk is short, milliseconds. */
const LOOK_INTERVAL_MS = 30_000;
/** While images come in, deletion waits, but not for ever: a site may never be quiet. */
const BUSY_WAIT_MS = 500;
const MAX_BUSY_WAITS = 20;

export interface RetentionLoopOptions {
  readonly removals: Removals;
  readonly remover: StudyRemover;
  readonly clock: Clock;
  readonly logger: Logger;
  /** As configured now. */
  readonly rules: () => RetentionRules;
  /** Free space of the data folder's file system, bytes. */
  readonly freeBytes: () => Promise<number>;
  /** Whether images are coming in. */
  readonly isBusy: () => boolean;
  readonly intervalMs: number;
  readonly filesPerSecond: number;
  readonly onFailure?: () => void;
}

export interface RetentionRun {
  /** ISO 8601. */
  readonly at: string;
  readonly studies: number;
  readonly instances: number;
  readonly bytes: number;
  /** Studies that were due and are protected. */
  readonly protected: number;
}

export interface RetentionStatus {
  readonly isActive: boolean;
  readonly lastRun?: RetentionRun;
  /** Of the last attempt, where it failed. */
  readonly lastError?: string;
  readonly removals: number;
  /** Removed studies with files still to be deleted. */
  readonly unfinished: number;
}

/** A study in a preview, with what would become of it. */
export interface JudgedStudy {
  readonly facts: RetentionFacts;
  readonly verdict: Verdict;
}

export interface RetentionLoop {
  start(): void;
  /** Resolves when nothing is under way; what is left is done after the next start. */
  stop(): Promise<void>;
  /** Runs now, or after the run under way. @returns what it removed. */
  run(): Promise<RetentionRun>;
  /** What a run now would do with each study that is due, the oldest first. Changes nothing. */
  preview(): AsyncIterable<JudgedStudy>;
  status(): RetentionStatus;
}

/** Removes what the rules say, from time to time and at a bounded pace. */
export function createRetentionLoop(options: RetentionLoopOptions): RetentionLoop {
  const { removals, remover, clock, logger, rules, freeBytes, isBusy, intervalMs, filesPerSecond } = options;
  let isStopped = true;
  let cancelTimer: (() => void) | undefined;
  let running: Promise<RetentionRun> | undefined;
  let wakeSleeper: (() => void) | undefined;
  let lastRun: RetentionRun | undefined;
  let lastRunAt = 0;
  let wasShort = false;
  let lastError: string | undefined;

  const space = async (): Promise<SpaceState> => ({
    usage: removals.usage(),
    freeBytes: await freeBytes(),
  });

  /** Each study up to where nothing can be due any more. */
  async function* judged(): AsyncGenerator<JudgedStudy> {
    const now = clock.now();
    const current = rules();
    if (!hasRules(current)) return;
    const plan = new RetentionPlan(current, await space(), now);
    let after: RetentionCursor | undefined;
    do {
      const page = removals.oldest(PAGE_SIZE, after, now);
      for (const facts of page.facts) {
        if (plan.isThrough(facts.lastReceivedAt)) return;
        yield { facts, verdict: plan.judge(facts) };
      }
      after = page.next;
      await nextTurn();
    } while (after !== undefined);
  }

  async function removeDue(): Promise<RetentionRun> {
    const counts = { studies: 0, instances: 0, bytes: 0, protected: 0 };
    lastRunAt = clock.now();
    await deleteAll();
    for await (const { facts, verdict } of judged()) {
      if (isStopped) break;
      if (verdict.kind === 'protected') counts.protected += 1;
      if (verdict.kind !== 'remove') continue;
      const removed = await remover.remove(
        facts.key,
        verdict.why,
        (then) =>
          then.lastReceivedAt === facts.lastReceivedAt &&
          then.instances === facts.instances &&
          protectionsOf(then, rules(), clock.now()).length === 0,
      );
      if (removed === undefined) continue;
      counts.studies += 1;
      counts.instances += removed.instances;
      counts.bytes += removed.bytes;
      await deleteAll();
    }
    return { at: new Date(clock.now()).toISOString(), ...counts };
  }

  /** Deletes the files of removed studies, at the pace that is set. */
  async function deleteAll(): Promise<void> {
    await remover.settle();
    for (;;) {
      for (let waits = 0; isBusy() && waits < MAX_BUSY_WAITS && !isStopped; waits += 1)
        await sleep(BUSY_WAIT_MS);
      if (isStopped) return;
      const { files, isDone } = await remover.deleteSome(FILES_PER_STEP);
      if (files > 0) await sleep((files / filesPerSecond) * 1000);
      if (isDone) return;
    }
  }

  function sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.after(ms, resolve);
      wakeSleeper = () => {
        cancel();
        resolve();
      };
    });
  }

  function run(): Promise<RetentionRun> {
    const before = running ?? Promise.resolve();
    const next = before.then(removeDue, removeDue);
    running = next;
    next.then(
      (result) => {
        lastRun = result;
        lastError = undefined;
        if (result.studies > 0) logger.info({ ...result }, 'retention removed studies');
      },
      (error: unknown) => {
        lastError = 'retention failed; see the log';
        options.onFailure?.();
        logger.error({ err: error }, 'retention failed and will be tried again');
      },
    );
    return next;
  }

  function schedule(): void {
    if (isStopped) return;
    cancelTimer = clock.after(Math.min(intervalMs, LOOK_INTERVAL_MS), () => {
      void isTime().then((isDue) => (isDue ? run().then(schedule, schedule) : schedule()));
    });
  }

  /** Whether a run is due, by the clock or for want of space; where one was of no help, the next waits its time. */
  async function isTime(): Promise<boolean> {
    if (clock.now() - lastRunAt >= intervalMs) return true;
    const lowBytes = rules().freeSpace?.lowBytes;
    if (lowBytes === undefined || (wasShort && lastRun?.studies === 0)) return false;
    wasShort = await freeBytes().then(
      (bytes) => bytes < lowBytes,
      () => false,
    );
    return wasShort;
  }

  return {
    start() {
      isStopped = false;
      // What a crash left is deleted soon after the start; the rest has time.
      void run().then(schedule, schedule);
    },
    async stop() {
      isStopped = true;
      cancelTimer?.();
      wakeSleeper?.();
      await running?.catch(() => undefined);
    },
    run,
    preview: () => judged(),
    status: () => ({
      isActive: hasRules(rules()),
      ...(lastRun && { lastRun }),
      ...(lastError !== undefined && { lastError }),
      ...removals.totals(),
    }),
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
