import path from 'node:path';

import PQueue from 'p-queue';

import type { Clock } from '../core/ports/clock.ts';
import { StoreError } from '../core/ports/instance-store.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import { lookAt } from './disposal.ts';
import type { FileDesk, FileJob, Tally } from './file-desk.ts';
import { type FileStamp, isUntouched } from './file-stamp.ts';
import { FileWork } from './file-work.ts';
import { IntakeBatches } from './intake-batches.ts';
import { failureText, IntakePause } from './intake-pause.ts';
import type { WriterWatch } from './open-for-writing.ts';
import type { SettleRules } from './settle.ts';
import { errorCode } from './source-file.ts';
import { steadyNow } from './steady-now.ts';
import { shownPath } from './system-path.ts';
import { type TroubleKind, Troubles } from './troubles.ts';
import { beginAnew, isSettled, newWaitingFile, nextLookAt, type WaitingFile } from './waiting-file.ts';

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

/** The files of one folder between being seen and being stored or given up. */
export class WaitingFiles {
  readonly #options: WaitingFilesOptions;
  readonly #queue: PQueue;
  readonly #files = new Map<string, WaitingFile>();
  readonly #stopping = new AbortController();
  readonly #batches: IntakeBatches;
  readonly #work: FileWork;
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
    this.#batches = new IntakeBatches({ folder, desk: options.desk, logger });
    this.#work = new FileWork({
      ...options,
      waiting: {
        drop: (filePath) => this.#drop(filePath),
        done: (filePath) => this.#done(filePath),
        wait: (file, notBefore) => this.#wait(file, notBefore),
        isDue: (file) => this.#dueAt(file) <= steadyNow(),
        observeAgain: (file, stamp) => this.#observeAgain(file, stamp),
        lookAgain: (filePath, file) => this.#lookAgain(filePath, file),
        offerAgain: (filePath) => this.#offerAgain(filePath),
        inTrouble: (...trouble) => this.#inTrouble(...trouble),
        failed: (filePath, file, error) => this.#failed(filePath, file, error),
      },
      batches: this.#batches,
      pause: this.#pause,
      signal: this.#stopping.signal,
    });
  }

  get size(): number {
    return this.#files.size;
  }

  get total(): Readonly<Tally> {
    return this.#batches.total;
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
      if (known.isInWork) known.newer = stamp;
      else if (!isUntouched(known.stamp, stamp)) this.#observeAgain(known, stamp);
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
    const file = newWaitingFile(stamp, clock.now(), isRecorded);
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
    this.#batches.end();
  }

  #dueAt(file: WaitingFile): number {
    return nextLookAt(file, this.#options.rules());
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
        .add(() => this.#work.work(filePath, file))
        .catch((error: unknown) => this.#failed(filePath, file, error));
    }
    this.#isSweeping = false;
    if (Number.isFinite(next)) this.#sweepNoLaterThan(next);
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
    beginAnew(file, stamp, this.#options.clock.now());
    this.#outOfTrouble(file);
    this.#wait(file);
  }

  #wait(file: WaitingFile, notBefore = 0): void {
    file.isInWork = false;
    const { newer } = file;
    file.newer = undefined;
    if (newer !== undefined && !isUntouched(file.stamp, newer)) {
      // It changed while it was read, maybe behind the reader: nobody tells of that again.
      this.#observeAgain(file, newer);
      return;
    }
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
    this.#batches.end();
    this.#pause.nothingWaits();
  }

  #makeRoom(): void {
    if (this.isFull && !this.#stopping.signal.aborted) return;
    const waiting = this.#waitingForRoom;
    this.#waitingForRoom = [];
    for (const resolve of waiting) resolve();
  }
}

/** Whether a path is the one that is asked for: the whole path, or its last component or the beginning of that. */
export function isAskedFor(filePath: string, asked: string): boolean {
  const shown = shownPath(filePath);
  if (/[/\\]/.test(asked)) return shown === asked;
  return path.basename(shown).toLowerCase().startsWith(asked.toLowerCase());
}
