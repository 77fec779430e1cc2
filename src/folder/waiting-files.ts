import path from 'node:path';

import PQueue from 'p-queue';

import { rejected, type Rejection } from '../core/ingest/file-outcome.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { Disposal } from './disposal.ts';
import { lookAt } from './disposal.ts';
import { addTally, emptyTally, type FileDesk, type FileJob, type Tally } from './file-desk.ts';
import { type FileStamp, isUntouched } from './file-stamp.ts';
import type { WriterWatch } from './open-for-writing.ts';
import { dueAt, type SettleRules } from './settle.ts';
import { errorCode, SourceFile } from './source-file.ts';
import type { FileVerdict } from './take-file.ts';

/** Files waiting at once; more stay in their folder until there is room. */
const MAX_WAITING = 4000;
/** Files handed to the queue ahead of time; the others wait without costing more than their stamp. */
const MAX_QUEUED = 256;
const SWEEP_INTERVAL_MS = 50;
const OPEN_RECHECK_MS = 1000;
const UNREADABLE_RETRY_MS = 30_000;
const FAILURE_RETRY_MS = 5000;
/** Failures of our own after which a file goes to quarantine, so that it does not keep us busy for ever. */
const MAX_FAILURES = 5;
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 60_000;
const DISPOSAL_RETRY_MS = 60_000;
const SHORT_OF_SPACE = new Set(['ENOSPC', 'EDQUOT']);

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

interface WaitingFile {
  stamp: FileStamp;
  since: number;
  notBefore: number;
  rejection: Rejection | undefined;
  failures: number;
  isInWork: boolean;
  /** Its content is safe already and only its removal failed or was cut short. */
  readonly isTaken: boolean;
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
  #pauseMs = 0;
  #pauseReason: string | undefined;
  #cancelPause: (() => void) | undefined;
  #disposalNotBefore = 0;
  #hasWarnedUnreadable = false;
  lastTakenAt: number | undefined;

  constructor(options: WaitingFilesOptions) {
    this.#options = options;
    this.#queue = new PQueue({ concurrency: options.concurrency });
  }

  get size(): number {
    return this.#files.size;
  }

  get total(): Readonly<Tally> {
    return this.#total;
  }

  /** Why nothing is taken at the moment, if that is so. */
  get pauseReason(): string | undefined {
    return this.#pauseReason;
  }

  /** Whether a file will be looked at anyhow, so that nothing need be told of it before. */
  isAttendedTo(filePath: string): boolean {
    const file = this.#files.get(filePath);
    return file !== undefined && (file.isInWork || file.rejection === undefined);
  }

  get isFull(): boolean {
    return this.#files.size >= MAX_WAITING;
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
      // One that was not whole has changed: it goes on after all.
      if (known.rejection !== undefined && !known.isInWork && !isUntouched(known.stamp, stamp))
        this.#observeAgain(known, stamp);
      return;
    }
    const { customer, desk, clock, jobOf } = this.#options;
    const record = desk.recall(customer, filePath, stamp);
    const now = clock.now();
    // What lies here although it went to quarantine was put back by somebody: that is a request to try again.
    const isTaken = record !== undefined && record.outcome !== 'quarantined';
    if (record?.outcome === 'quarantined' && record.place === 'kept') return;
    if (isTaken && (jobOf(filePath).after.kind === 'keep' || now < this.#disposalNotBefore)) return;
    const file: WaitingFile = {
      stamp,
      since: now,
      notBefore: 0,
      rejection: undefined,
      failures: 0,
      isInWork: false,
      isTaken,
      why: 'waiting until it has not changed for a while',
    };
    this.#files.set(filePath, file);
    this.#sweepNoLaterThan(this.#dueAt(file));
  }

  /** Files of this name that wait, with the reason. */
  find(matches: (filePath: string) => boolean): { path: string; customer: CustomerKey; why: string }[] {
    const { customer } = this.#options;
    return [...this.#files]
      .filter(([filePath]) => matches(filePath))
      .map(([filePath, { why }]) => ({ path: filePath, customer, why: this.#pauseReason ?? why }));
  }

  /** The folder went away: what is not in work is forgotten, and found again when the folder is back. */
  forget(): void {
    for (const [filePath, { isInWork }] of this.#files) if (!isInWork) this.#files.delete(filePath);
    this.#makeRoom();
  }

  /** Lets the files in work come to their end and begins no others. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#cancelSweep?.();
    this.#cancelPause?.();
    this.#queue.clear();
    this.#makeRoom();
    this.#queue.start();
    await this.#queue.onIdle();
    this.#endBatch();
  }

  #dueAt(file: WaitingFile): number {
    const { stamp, since, rejection } = file;
    if (file.isTaken) return file.notBefore;
    const due = dueAt({ stamp, since, isRejected: rejection !== undefined }, this.#options.rules());
    return Math.max(file.notBefore, due);
  }

  #sweepNoLaterThan(at: number): void {
    if (this.#stopping.signal.aborted || this.#sweepAt <= at) return;
    const { clock } = this.#options;
    this.#cancelSweep?.();
    this.#sweepAt = at;
    this.#cancelSweep = clock.after(Math.max(SWEEP_INTERVAL_MS, at - clock.now()), () => {
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
    const { clock, writers } = this.#options;
    const now = clock.now();
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
      if (writers.has(filePath) && !file.isTaken) {
        file.why = 'still open for writing';
        file.notBefore = now + OPEN_RECHECK_MS;
        next = Math.min(next, file.notBefore);
        continue;
      }
      file.isInWork = true;
      this.#queue.add(() => this.#work(filePath, file)).catch((error: unknown) => this.#failed(file, error));
    }
    this.#isSweeping = false;
    if (Number.isFinite(next)) this.#sweepNoLaterThan(next);
  }

  async #work(filePath: string, file: WaitingFile): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const { rejection } = file;
    if (file.isTaken) this.#disposed(filePath, file, await this.#dispose(filePath, file));
    else if (rejection !== undefined) await this.#giveUp(filePath, file, rejection);
    else await this.#take(filePath, file);
  }

  #jobOf(filePath: string): FileJob {
    const { customer, folder, jobOf } = this.#options;
    return {
      customer,
      source: 'folder',
      intakeId: `folder ${folder} ${this.#batchNumber}`,
      path: filePath,
      signal: this.#stopping.signal,
      ...jobOf(filePath),
    };
  }

  async #take(filePath: string, file: WaitingFile): Promise<void> {
    const { desk } = this.#options;
    const job = this.#jobOf(filePath);
    const opened = await this.#open(filePath, file);
    if (opened === undefined) return;
    let verdict: FileVerdict;
    let tally: Tally;
    try {
      if (!isUntouched(opened.stamp, file.stamp)) {
        this.#observeAgain(file, opened.stamp);
        return;
      }
      ({ verdict, tally } = await desk.take(job, opened));
    } finally {
      await opened.close();
    }
    switch (verdict.kind) {
      case 'stored':
      case 'duplicate':
      case 'conflict':
      case 'archive': {
        this.#count(tally);
        let disposal: Disposal;
        try {
          disposal = await desk.settle(job, file.stamp, verdict);
        } catch (error) {
          this.#cannotDispose(filePath, error);
          return;
        }
        this.#disposed(filePath, file, disposal);
        return;
      }
      case 'rejected':
        file.rejection = verdict;
        file.why = `not taken: ${verdict.reason} It goes to quarantine unless it changes.`;
        if (this.#dueAt(file) <= this.#options.clock.now()) await this.#giveUp(filePath, file, verdict);
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
      if (errorCode(error) === 'ENOENT') this.#drop(filePath);
      else this.#unreadable(file, error instanceof Error ? error.message : String(error), errorCode(error));
      return undefined;
    }
  }

  #unreadable(file: WaitingFile, reason: string, code: string): void {
    const { clock, logger, folder } = this.#options;
    file.why = reason;
    this.#wait(file, clock.now() + UNREADABLE_RETRY_MS);
    if (this.#hasWarnedUnreadable) return;
    this.#hasWarnedUnreadable = true;
    logger.warn(
      { folder, code, hint: 'look for waiting files with "avara-ingest status --file"' },
      'a file in a watched folder cannot be read; it is tried again',
    );
  }

  async #postpone(
    filePath: string,
    file: WaitingFile,
    { code, reason }: Extract<FileVerdict, { kind: 'postponed' }>,
  ): Promise<void> {
    const { clock } = this.#options;
    if (this.#stopping.signal.aborted) return;
    switch (code) {
      case 'out-of-resources':
        this.#pause(reason);
        this.#wait(file);
        return;
      case 'unreadable':
        this.#unreadable(file, reason, code);
        return;
      case 'processing-failure':
        file.failures += 1;
        file.why = reason;
        if (file.failures < MAX_FAILURES) this.#wait(file, clock.now() + FAILURE_RETRY_MS * file.failures);
        else
          await this.#giveUp(
            filePath,
            file,
            rejected('internal-error', 'Storing it failed here; the log says why.'),
          );
    }
  }

  async #giveUp(filePath: string, file: WaitingFile, rejection: Rejection): Promise<void> {
    const { desk, logger, folder, clock } = this.#options;
    const now = await lookAt(filePath);
    if (now === undefined || !isUntouched(now, file.stamp)) {
      await this.#lookAgain(filePath, file);
      return;
    }
    const disposal = await desk.giveUp(this.#jobOf(filePath), file.stamp, rejection);
    if (disposal === 'changed') {
      await this.#lookAgain(filePath, file);
      return;
    }
    if (disposal === 'done') {
      this.#count({ ...emptyTally(), quarantined: 1 });
      this.lastTakenAt = clock.now();
      logger.debug({ folder, code: rejection.code, bytes: file.stamp.bytes }, 'a file went to quarantine');
    }
    this.#drop(filePath);
  }

  async #dispose(filePath: string, file: WaitingFile): Promise<Disposal> {
    try {
      return await this.#options.desk.dispose(this.#jobOf(filePath), file.stamp);
    } catch (error) {
      this.#cannotDispose(filePath, error);
      return 'done';
    }
  }

  #disposed(filePath: string, file: WaitingFile, disposal: Disposal): void {
    if (!file.isTaken) this.#recovered();
    this.lastTakenAt = this.#options.clock.now();
    this.#drop(filePath);
    // Another file has the name by now: it is seen as a new one.
    if (disposal === 'changed') void this.#offerAgain(filePath);
  }

  #cannotDispose(filePath: string, error: unknown): void {
    const { clock, logger, folder } = this.#options;
    const now = clock.now();
    if (now >= this.#disposalNotBefore) {
      logger.error(
        {
          folder,
          code: errorCode(error),
          hint: 'let the daemon’s user write to the folder, or set afterImport to "keep"',
        },
        'files are stored but cannot be removed from the watched folder',
      );
    }
    this.#disposalNotBefore = now + DISPOSAL_RETRY_MS;
    this.#drop(filePath);
  }

  #failed(file: WaitingFile, error: unknown): void {
    const code = errorCode(error);
    if (SHORT_OF_SPACE.has(code)) {
      this.#pause(`no space left (${code})`);
      this.#wait(file);
      return;
    }
    const { clock, logger, folder } = this.#options;
    file.failures += 1;
    file.why = `it could not be handled (${code})`;
    logger.error(
      { err: error, folder, attempts: file.failures },
      'a file in a watched folder could not be handled yet',
    );
    this.#wait(file, clock.now() + Math.min(MAX_PAUSE_MS, FAILURE_RETRY_MS * file.failures));
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
    file.rejection = undefined;
    file.why = 'waiting until it has not changed for a while';
    this.#wait(file);
  }

  #wait(file: WaitingFile, notBefore = 0): void {
    file.isInWork = false;
    file.notBefore = notBefore;
    this.#sweepNoLaterThan(this.#dueAt(file));
  }

  #drop(filePath: string): void {
    this.#files.delete(filePath);
    this.#makeRoom();
    if (this.#files.size === 0) this.#endBatch();
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

  #pause(reason: string): void {
    if (this.#cancelPause !== undefined) return;
    const { clock, logger, folder } = this.#options;
    if (this.#pauseMs === 0)
      logger.error({ folder, reason }, 'watched folder pauses until there is space again');
    this.#pauseMs = Math.min(MAX_PAUSE_MS, this.#pauseMs === 0 ? FIRST_PAUSE_MS : this.#pauseMs * 2);
    this.#pauseReason = `paused: ${reason}`;
    this.#queue.pause();
    this.#cancelPause = clock.after(this.#pauseMs, () => {
      this.#cancelPause = undefined;
      this.#queue.start();
    });
  }

  #recovered(): void {
    if (this.#pauseReason === undefined || this.#cancelPause !== undefined) return;
    this.#pauseReason = undefined;
    this.#pauseMs = 0;
    const { logger, folder } = this.#options;
    logger.info({ folder }, 'watched folder goes on: there is space again');
  }
}

/** Whether a path is the one that is asked for: the whole path, or its last component or the beginning of that. */
export function isAskedFor(filePath: string, asked: string): boolean {
  if (/[/\\]/.test(asked)) return filePath === asked;
  return path.basename(filePath).toLowerCase().startsWith(asked.toLowerCase());
}
