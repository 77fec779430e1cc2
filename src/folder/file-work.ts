import { rejected, type Rejection } from '../core/ingest/file-outcome.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { Disposal } from './disposal.ts';
import { lookAt } from './disposal.ts';
import type { FileDesk, FileJob } from './file-desk.ts';
import { type FileStamp, isUntouched } from './file-stamp.ts';
import type { IntakeBatches } from './intake-batches.ts';
import { failureText, type IntakePause } from './intake-pause.ts';
import { errorCode, SourceFile } from './source-file.ts';
import { steadyNow } from './steady-now.ts';
import type { FileVerdict } from './take-file.ts';
import type { TroubleKind } from './troubles.ts';
import { isSettled, type WaitingFile } from './waiting-file.ts';

const FAILURE_RETRY_MS = 5000;
/** Failures of our own after which a file goes to quarantine, so that it does not keep us busy for ever. */
const MAX_FAILURES = 5;

/** What becomes of a file after work on it. */
export interface Waiting {
  /** It is no concern of ours any more. */
  drop(filePath: string): void;
  /** It was taken, or is in quarantine. */
  done(filePath: string): void;
  /** It is looked at again, by its rules, and not before this steady time. */
  wait(file: WaitingFile, notBefore?: number): void;
  isDue(file: WaitingFile): boolean;
  /** It has changed. */
  observeAgain(file: WaitingFile, stamp: FileStamp): void;
  /** Its name stands for something else, or nothing, by now. */
  lookAgain(filePath: string, file: WaitingFile): Promise<void>;
  offerAgain(filePath: string): Promise<void>;
  /** Something is wrong that may be put right any time. */
  inTrouble(filePath: string, file: WaitingFile, kind: TroubleKind, why: string, code: string): void;
  failed(filePath: string, file: WaitingFile, error: unknown): void;
}

export interface FileWorkOptions {
  readonly customer: CustomerKey;
  /** Root of the folder; its name in the log. */
  readonly folder: string;
  readonly jobOf: (filePath: string) => Pick<FileJob, 'after'>;
  readonly desk: FileDesk;
  readonly waiting: Waiting;
  readonly batches: IntakeBatches;
  readonly pause: IntakePause;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** What is done to one file that is due: read and store, then record, then remove; or quarantine. */
export class FileWork {
  readonly #options: FileWorkOptions;

  constructor(options: FileWorkOptions) {
    this.#options = options;
  }

  /** Does what is next: takes it, gives it up, or goes on with one whose content is safe. */
  async work(filePath: string, file: WaitingFile): Promise<void> {
    if (this.#options.signal.aborted) return;
    const { rejection } = file;
    if (isSettled(file)) await this.#settle(filePath, file);
    else if (rejection !== undefined) await this.#giveUp(filePath, file, rejection);
    else await this.#take(filePath, file);
  }

  #jobOf(filePath: string, { progress }: WaitingFile): FileJob {
    const { customer, jobOf } = this.#options;
    return {
      customer,
      source: 'folder',
      intakeId: this.#options.batches.id,
      path: filePath,
      progress,
      signal: this.#options.signal,
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
        this.#options.waiting.observeAgain(file, opened.stamp);
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
        if (this.#options.waiting.isDue(file)) await this.#giveUp(filePath, file, verdict);
        else this.#options.waiting.wait(file);
        return;
      case 'changed':
        await this.#options.waiting.lookAgain(filePath, file);
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
      if (errorCode(error) === 'ENOENT') this.#options.waiting.drop(filePath);
      else this.#options.waiting.inTrouble(filePath, file, 'unreadable', reason, errorCode(error));
      return undefined;
    }
  }

  async #postpone(
    filePath: string,
    file: WaitingFile,
    { code, reason }: Extract<FileVerdict, { kind: 'postponed' }>,
  ): Promise<void> {
    if (this.#options.signal.aborted) return;
    switch (code) {
      case 'out-of-resources':
        this.#options.pause.begin(reason);
        file.why = reason;
        this.#options.waiting.wait(file);
        return;
      case 'unreadable':
        this.#options.waiting.inTrouble(filePath, file, 'unreadable', reason, code);
        return;
      case 'processing-failure':
        file.failures += 1;
        file.why = reason;
        if (file.failures < MAX_FAILURES) {
          this.#options.waiting.wait(file, steadyNow() + FAILURE_RETRY_MS * file.failures);
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
      await this.#options.waiting.lookAgain(filePath, file);
      return;
    }
    let entry: Awaited<ReturnType<FileDesk['quarantine']>>;
    try {
      entry = await desk.quarantine(this.#jobOf(filePath, file), file.stamp, rejection);
    } catch (error) {
      const why = `${rejection.reason} It cannot be put into quarantine (${failureText(error)}).`;
      this.#options.waiting.inTrouble(filePath, file, 'not-quarantined', why, errorCode(error));
      return;
    }
    if (entry === 'changed') {
      await this.#options.waiting.lookAgain(filePath, file);
    } else if (entry === 'gone') {
      this.#options.waiting.drop(filePath);
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
        this.#options.waiting.failed(filePath, file, error);
        return;
      }
      file.isRecorded = true;
      this.#options.pause.recovered();
      this.#options.batches.count(file.progress.tally);
      if (entry !== undefined)
        logger.debug({ folder, code: entry.code, bytes: stamp.bytes }, 'a file went to quarantine');
    }
    if (entry !== undefined) {
      this.#options.waiting.done(filePath);
      return;
    }
    let disposal: Disposal;
    try {
      disposal = await desk.dispose(job, stamp);
    } catch (error) {
      const why = `stored, but it cannot be removed from here (${failureText(error)})`;
      this.#options.waiting.inTrouble(filePath, file, 'not-removed', why, errorCode(error));
      return;
    }
    this.#options.waiting.done(filePath);
    // Another file has the name by now: it is seen as a new one.
    if (disposal === 'changed') void this.#options.waiting.offerAgain(filePath);
  }
}
