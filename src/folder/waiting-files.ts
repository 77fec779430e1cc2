import path from 'node:path';

import PQueue from 'p-queue';

import { rejected, type Rejection } from '../core/ingest/file-outcome.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { QuarantineEntry } from '../core/ports/file-intake.ts';
import { StoreError } from '../core/ports/instance-store.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { Disposal } from './disposal.ts';
import { lookAt } from './disposal.ts';
import {
  addTally,
  emptyTally,
  type FileDesk,
  type FileJob,
  noProgress,
  type TakenVerdict,
  type TakeProgress,
  type Tally,
} from './file-desk.ts';
import { type FileStamp, isUntouched } from './file-stamp.ts';
import { failureText, IntakePause } from './intake-pause.ts';
import type { WriterWatch } from './open-for-writing.ts';
import { dueAt, type SettleRules } from './settle.ts';
import { errorCode, SourceFile } from './source-file.ts';
import { steadyNow } from './steady-now.ts';
import { shownPath } from './system-path.ts';
import type { FileVerdict } from './take-file.ts';
import { type TroubleKind, Troubles } from './troubles.ts';

/** Files waiting at once; more stay in their folder until there is room. */
const MAX_WAITING = 4000;
/** On top of these, files in trouble, which must not keep others out. More are found again by the next listing. */
const MAX_IN_TROUBLE = 10_000;
/** Files handed to the queue ahead of time; the others wait without costing more than their stamp. */
const MAX_QUEUED = 256;
const SWEEP_INTERVAL_MS = 50;
const OPEN_RECHECK_MS = 1000;
const FIRST_TROUBLE_RETRY_MS = 1000;
const MAX_TROUBLE_RETRY_MS = 60_000;
const FAILURE_RETRY_MS = 5000;
/** Failures of our own after which a file goes to quarantine, so that it does not keep us busy for ever. */
const MAX_FAILURES = 5;

export interface WaitingFilesOptions {
  readonly customer: CustomerKey;
  /** Root of the folder; its name in the log. */
  readonly folder: string;
  readonly concurrency: number;
  readonly rules: () => SettleRules;
  readonly jobOf: (filePath: string) => Pick<FileJob, 'after'>;
  readonly desk: FileDesk;
  readonly writers: WriterWatch;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Times are steady ones unless they say otherwise. */
interface WaitingFile {
  stamp: FileStamp;
  /** When it was first seen with this stamp, by the wall clock, which the times of files are held against. */
  since: number;
  seenAt: number;
  notBefore: number;
  /** It cannot be stored, and goes to quarantine unless it changes. */
  rejection: Rejection | undefined;
  failures: number;
  isInWork: boolean;
  /** Its content is safe already, and this is to be recorded. */
  taken: TakenVerdict | undefined;
  /** It is in quarantine already, and this is to be recorded. */
  entry: QuarantineEntry | undefined;
  /** That it is safe is recorded; only its removal failed or was cut short. */
  isRecorded: boolean;
  trouble: TroubleKind | undefined;
  progress: TakeProgress;
  why: string;
}

/** The files of one folder between being seen and being stored or given up. */
export class WaitingFiles {
  readonly #options: WaitingFilesOptions;
  readonly #queue: PQueue;
  readonly #files = new Map<string, WaitingFile>();
  readonly #stopping = new AbortController();
  readonly #total = emptyTally();
  #batch = emptyTally();
  #batchNumber = 0;
  #cancelSweep: (() => void) | undefined;
  #sweepAt = Number.POSITIVE_INFINITY;
  #isSweeping = false;
  #waitingForRoom: (() => void)[] = [];
  readonly #pause: IntakePause;
  readonly #troubles: Troubles;
  lastTakenAt: number | undefined;

  constructor(options: WaitingFilesOptions) {
    this.#options = options;
    const { folder, clock, logger, concurrency } = options;
    this.#queue = new PQueue({ concurrency });
    this.#pause = new IntakePause({ queue: this.#queue, folder, clock, logger });
    this.#troubles = new Troubles(logger, folder, steadyNow);
  }

  get size(): number {
    return this.#files.size;
  }

  get total(): Readonly<Tally> {
    return this.#total;
  }

  /** Why nothing is taken at the moment, if that is so. */
  get pauseReason(): string | undefined {
    return this.#pause.reason;
  }

  /** Files that wait because something is wrong with them or with the folder, and that in words. */
  get trouble(): { readonly files: number; readonly summary: string | undefined } {
    return { files: this.#troubles.count, summary: this.#troubles.summary };
  }

  /** Whether a file will be looked at anyhow, so that nothing need be told of it before. */
  isAttendedTo(filePath: string): boolean {
    const file = this.#files.get(filePath);
    if (file === undefined) return false;
    return file.isInWork || (file.rejection === undefined && file.trouble === undefined);
  }

  get isFull(): boolean {
    return this.#files.size - this.#troubles.count >= MAX_WAITING;
  }

  /** Resolves when there is room for another file, or all is stopped. */
  async room(): Promise<void> {
    while (this.isFull && !this.#stopping.signal.aborted)
      await new Promise<void>((resolve) => this.#waitingForRoom.push(resolve));
  }

  /** A file was seen. Files that were taken before and have not changed are left alone. */
  offer(filePath: string, stamp: FileStamp): void {
    if (this.#stopping.signal.aborted) return;
    const known = this.#files.get(filePath);
    if (known !== undefined) {
      // Something was done to one that was not whole, or in trouble: it is looked at anew.
      if (!known.isInWork && !isUntouched(known.stamp, stamp)) this.#observeAgain(known, stamp);
      return;
    }
    const { customer, desk, clock, jobOf } = this.#options;
    const isKept = jobOf(filePath).after.kind === 'keep';
    const record = desk.recall(customer, filePath, stamp, !isKept);
    if (isKept && record !== undefined && (record.outcome !== 'quarantined' || record.place === 'kept'))
      return;
    // What lies here although it went to quarantine was put back by somebody: that is a request to try again.
    const isRecorded = record !== undefined && record.outcome !== 'quarantined';
    if (isRecorded && this.#troubles.count >= MAX_IN_TROUBLE) return;
    const file: WaitingFile = {
      stamp,
      since: clock.now(),
      seenAt: steadyNow(),
      notBefore: 0,
      rejection: undefined,
      failures: 0,
      isInWork: false,
      taken: undefined,
      entry: undefined,
      isRecorded,
      trouble: undefined,
      progress: noProgress(),
      why: SETTLING,
    };
    this.#files.set(filePath, file);
    this.#sweepNoLaterThan(this.#dueAt(file));
  }

  /** Files of this name that wait, with the reason. */
  find(matches: (filePath: string) => boolean): { path: string; customer: CustomerKey; why: string }[] {
    const { customer } = this.#options;
    return [...this.#files]
      .filter(([filePath]) => matches(filePath))
      .map(([filePath, file]) => ({
        path: shownPath(filePath),
        customer,
        why: isSettled(file) || file.trouble !== undefined ? file.why : (this.#pause.reason ?? file.why),
      }));
  }

  /** The folder went away: what is not in work is forgotten, and found again when the folder is back. */
  forget(): void {
    for (const [filePath, { isInWork }] of this.#files) if (!isInWork) this.#drop(filePath);
  }

  /** Lets the files in work come to their end and begins no others. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#cancelSweep?.();
    this.#pause.stop();
    this.#queue.clear();
    this.#makeRoom();
    this.#queue.start();
    await this.#queue.onIdle();
    this.#endBatch();
  }

  #dueAt(file: WaitingFile): number {
    const { stamp, since, seenAt, rejection } = file;
    if (isSettled(file)) return file.notBefore;
    const due = dueAt({ stamp, since, isRejected: rejection !== undefined }, this.#options.rules());
    return Math.max(file.notBefore, seenAt + due - since);
  }

  #sweepNoLaterThan(at: number): void {
    if (this.#stopping.signal.aborted || this.#sweepAt <= at) return;
    const { clock } = this.#options;
    this.#cancelSweep?.();
    this.#sweepAt = at;
    this.#cancelSweep = clock.after(Math.max(SWEEP_INTERVAL_MS, at - steadyNow()), () => {
      this.#sweepAt = Number.POSITIVE_INFINITY;
      void this.#sweep();
    });
  }

  /** Puts every file that is due into work. */
  async #sweep(): Promise<void> {
    if (this.#isSweeping) {
      this.#sweepNoLaterThan(0);
      return;
    }
    this.#isSweeping = true;
    const { writers } = this.#options;
    const now = steadyNow();
    const due: [string, WaitingFile][] = [];
    const room = MAX_QUEUED - this.#queue.size;
    let next = Number.POSITIVE_INFINITY;
    for (const [filePath, file] of this.#files) {
      if (file.isInWork) continue;
      const at = this.#dueAt(file);
      if (at <= now && due.length < room) due.push([filePath, file]);
      else next = Math.min(next, at);
    }
    if (due.length > 0) await writers.refresh();
    for (const [filePath, file] of due) {
      if (writers.has(filePath) && !isSettled(file)) {
        file.why = 'still open for writing';
        file.notBefore = now + OPEN_RECHECK_MS;
        next = Math.min(next, file.notBefore);
        continue;
      }
      file.isInWork = true;
      this.#queue
        .add(() => this.#work(filePath, file))
        .catch((error: unknown) => this.#failed(filePath, file, error));
    }
    this.#isSweeping = false;
    if (Number.isFinite(next)) this.#sweepNoLaterThan(next);
  }

  async #work(filePath: string, file: WaitingFile): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const { rejection } = file;
    if (isSettled(file)) await this.#settle(filePath, file);
    else if (rejection !== undefined) await this.#giveUp(filePath, file, rejection);
    else await this.#take(filePath, file);
  }

  #jobOf(filePath: string, { progress }: WaitingFile): FileJob {
    const { customer, folder, jobOf } = this.#options;
    return {
      customer,
      source: 'folder',
      intakeId: `folder ${folder} ${this.#batchNumber}`,
      path: filePath,
      progress,
      signal: this.#stopping.signal,
      ...jobOf(filePath),
    };
  }

  async #take(filePath: string, file: WaitingFile): Promise<void> {
    const { desk } = this.#options;
    const job = this.#jobOf(filePath, file);
    const opened = await this.#open(filePath, file);
    if (opened === undefined) return;
    let verdict: FileVerdict;
    try {
      if (!isUntouched(opened.stamp, file.stamp)) {
        this.#observeAgain(file, opened.stamp);
        return;
      }
      ({ verdict } = await desk.take(job, opened));
    } finally {
      await opened.close();
    }
    switch (verdict.kind) {
      case 'stored':
      case 'duplicate':
      case 'conflict':
      case 'archive':
        file.taken = verdict;
        await this.#settle(filePath, file);
        return;
      case 'rejected':
        file.rejection = verdict;
        file.why = `not taken: ${verdict.reason} It goes to quarantine unless it changes.`;
        if (this.#dueAt(file) <= steadyNow()) await this.#giveUp(filePath, file, verdict);
        else this.#wait(file);
        return;
      case 'changed':
        await this.#lookAgain(filePath, file);
        return;
      case 'postponed':
        await this.#postpone(filePath, file, verdict);
        return;
    }
  }

  /** @returns undefined where the file cannot be opened, which was seen to. */
  async #open(filePath: string, file: WaitingFile): Promise<SourceFile | undefined> {
    try {
      return await SourceFile.open(filePath);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (errorCode(error) === 'ENOENT') this.#drop(filePath);
      else this.#inTrouble(filePath, file, 'unreadable', reason, errorCode(error));
      return undefined;
    }
  }

  async #postpone(
    filePath: string,
    file: WaitingFile,
    { code, reason }: Extract<FileVerdict, { kind: 'postponed' }>,
  ): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    switch (code) {
      case 'out-of-resources':
        this.#pause.begin(reason);
        file.why = reason;
        this.#wait(file);
        return;
      case 'unreadable':
        this.#inTrouble(filePath, file, 'unreadable', reason, code);
        return;
      case 'processing-failure':
        file.failures += 1;
        file.why = reason;
        if (file.failures < MAX_FAILURES) {
          this.#wait(file, steadyNow() + FAILURE_RETRY_MS * file.failures);
          return;
        }
        file.rejection = rejected('internal-error', 'Storing it failed here; the log says why.');
        file.progress.tally.quarantined += 1;
        await this.#giveUp(filePath, file, file.rejection);
    }
  }

  async #giveUp(filePath: string, file: WaitingFile, rejection: Rejection): Promise<void> {
    const { desk } = this.#options;
    const now = await lookAt(filePath);
    if (now === undefined || !isUntouched(now, file.stamp)) {
      await this.#lookAgain(filePath, file);
      return;
    }
    let entry: Awaited<ReturnType<FileDesk['quarantine']>>;
    try {
      entry = await desk.quarantine(this.#jobOf(filePath, file), file.stamp, rejection);
    } catch (error) {
      const why = `${rejection.reason} It cannot be put into quarantine (${failureText(error)}).`;
      this.#inTrouble(filePath, file, 'not-quarantined', why, errorCode(error));
      return;
    }
    if (entry === 'changed') {
      await this.#lookAgain(filePath, file);
    } else if (entry === 'gone') {
      this.#drop(filePath);
    } else {
      file.entry = entry;
      await this.#settle(filePath, file);
    }
  }

  /** Goes on with a file whose content is safe, or in quarantine: that is recorded, then the file removed. */
  async #settle(filePath: string, file: WaitingFile): Promise<void> {
    const { desk, folder, logger } = this.#options;
    const { taken, entry, stamp } = file;
    const job = this.#jobOf(filePath, file);
    if (!file.isRecorded) {
      try {
        if (taken !== undefined) await desk.recordTaken(job, stamp, taken);
        else if (entry !== undefined) await desk.recordQuarantined(job, stamp, entry);
      } catch (error) {
        file.why = `${taken === undefined ? 'in quarantine' : 'stored'}, but that could not be recorded yet (${failureText(error)})`;
        this.#failed(filePath, file, error);
        return;
      }
      file.isRecorded = true;
      this.#pause.recovered();
      this.#count(file.progress.tally);
      if (entry !== undefined)
        logger.debug({ folder, code: entry.code, bytes: stamp.bytes }, 'a file went to quarantine');
    }
    if (entry !== undefined) {
      this.#done(filePath);
      return;
    }
    let disposal: Disposal;
    try {
      disposal = await desk.dispose(job, stamp);
    } catch (error) {
      const why = `stored, but it cannot be removed from here (${failureText(error)})`;
      this.#inTrouble(filePath, file, 'not-removed', why, errorCode(error));
      return;
    }
    this.#done(filePath);
    // Another file has the name by now: it is seen as a new one.
    if (disposal === 'changed') void this.#offerAgain(filePath);
  }

  #done(filePath: string): void {
    this.lastTakenAt = this.#options.clock.now();
    this.#drop(filePath);
  }

  /** Something is wrong that may be put right any time: tried again at growing intervals, without an end. */
  #inTrouble(
    filePath: string,
    file: WaitingFile,
    kind: TroubleKind,
    why: string,
    code: string,
    error?: unknown,
  ): void {
    file.failures += 1;
    file.why = why;
    this.#outOfTrouble(file);
    this.#troubles.add(kind, code, error);
    file.trouble = kind;
    if (this.#troubles.count > MAX_IN_TROUBLE) {
      this.#drop(filePath);
      return;
    }
    const backOffMs = FIRST_TROUBLE_RETRY_MS * 2 ** Math.min(file.failures - 1, 10);
    this.#wait(file, steadyNow() + Math.min(MAX_TROUBLE_RETRY_MS, backOffMs));
    this.#afterLeaving();
  }

  #outOfTrouble(file: WaitingFile): void {
    if (file.trouble !== undefined) this.#troubles.remove(file.trouble);
    file.trouble = undefined;
  }

  #failed(filePath: string, file: WaitingFile, error: unknown): void {
    // The index concerns every file. What else is full, such as a disk of its own for quarantine, concerns this one.
    if (error instanceof StoreError && error.code === 'out-of-resources') {
      this.#pause.begin(failureText(error));
      this.#wait(file);
      return;
    }
    const why = isSettled(file) ? file.why : `it could not be handled (${failureText(error)})`;
    this.#inTrouble(filePath, file, 'failing', why, errorCode(error), error);
  }

  async #lookAgain(filePath: string, file: WaitingFile): Promise<void> {
    const stamp = await lookAt(filePath);
    if (stamp === undefined) this.#drop(filePath);
    else this.#observeAgain(file, stamp);
  }

  async #offerAgain(filePath: string): Promise<void> {
    const stamp = await lookAt(filePath).catch(() => undefined);
    if (stamp !== undefined) this.offer(filePath, stamp);
  }

  #observeAgain(file: WaitingFile, stamp: FileStamp): void {
    file.stamp = stamp;
    file.since = this.#options.clock.now();
    file.seenAt = steadyNow();
    file.rejection = undefined;
    // What is recorded of it, or still to be, is of the content that it had.
    file.taken = undefined;
    file.isRecorded = false;
    file.progress = noProgress();
    file.why = SETTLING;
    this.#outOfTrouble(file);
    this.#wait(file);
  }

  #wait(file: WaitingFile, notBefore = 0): void {
    file.isInWork = false;
    file.notBefore = notBefore;
    this.#sweepNoLaterThan(this.#dueAt(file));
  }

  #drop(filePath: string): void {
    const file = this.#files.get(filePath);
    if (file === undefined) return;
    this.#outOfTrouble(file);
    this.#files.delete(filePath);
    this.#afterLeaving();
  }

  /** A file takes no room any more among those that come in. */
  #afterLeaving(): void {
    this.#makeRoom();
    if (this.#files.size > this.#troubles.count) return;
    this.#endBatch();
    this.#pause.nothingWaits();
  }

  #makeRoom(): void {
    if (this.isFull && !this.#stopping.signal.aborted) return;
    const waiting = this.#waitingForRoom;
    this.#waitingForRoom = [];
    for (const resolve of waiting) resolve();
  }

  #count(tally: Tally): void {
    addTally(this.#total, tally);
    addTally(this.#batch, tally);
  }

  /** All that was there is taken: the studies may settle, and one line tells of it rather than one for each file. */
  #endBatch(): void {
    const { desk, logger, folder } = this.#options;
    const batch = this.#batch;
    desk.intakeEnded(`folder ${folder} ${this.#batchNumber}`);
    this.#batch = emptyTally();
    this.#batchNumber += 1;
    if (Object.values(batch).some((count: number) => count > 0))
      logger.info({ folder, ...batch }, 'files taken in');
  }
}

const SETTLING = 'waiting until it has not changed for a while';

/** Whether its content is safe, or in quarantine, and only what comes after that is still to be done. */
function isSettled({ taken, entry, isRecorded }: WaitingFile): boolean {
  return isRecorded || taken !== undefined || entry !== undefined;
}

/** Whether a path is the one that is asked for: the whole path, or its last component or the beginning of that. */
export function isAskedFor(filePath: string, asked: string): boolean {
  const shown = shownPath(filePath);
  if (/[/\\]/.test(asked)) return shown === asked;
  return path.basename(shown).toLowerCase().startsWith(asked.toLowerCase());
}
