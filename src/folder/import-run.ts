import fs from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import PQueue from 'p-queue';

import { createDryIntake } from '../core/ingest/dry-intake.ts';
import { rejected, type Rejection } from '../core/ingest/file-outcome.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { ImportCounts, ImportEvent, ImportRequest } from '../core/ports/file-intake.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import { lookAt } from './disposal.ts';
import { addTally, emptyTally, type FileDesk, type FileJob, noProgress, type Tally } from './file-desk.ts';
import { type FileStamp, isUntouched } from './file-stamp.ts';
import { failureText, isShortOfSpace } from './intake-pause.ts';
import { findReferencedFiles } from './media-directory.ts';
import type { Quarantine } from './quarantine.ts';
import { errorCode, SourceFile } from './source-file.ts';
import { type FileVerdict, takeFile, type TakenMember } from './take-file.ts';
import { walk } from './walk.ts';

const CONCURRENCY = 4;
/** Files handed to the queue ahead of time. */
const MAX_QUEUED = 256;
const PROGRESS_INTERVAL_MS = 250;
/** Events that wait for a slow listener before the work waits with them. */
const MAX_EVENTS = 1000;
const SPACE_RETRY_MS = 2000;
const CHANGED_RETRY_MS = 1000;
const MAX_TRIES = 5;

export interface ImportContext {
  readonly desk: FileDesk;
  readonly quarantine: Quarantine;
  readonly index: Pick<StudyIndex, 'findInstance'>;
  readonly clock: Clock;
  readonly dataDir: string;
  readonly intakeId: string;
}

/**
 * Takes files and folders in, which stay as they are. What an earlier run took and has not changed is not read again, so
 * a run that was interrupted goes on where it ended. See {@link ImportEvent} for what it yields.
 */
export async function* runImport(
  context: ImportContext,
  request: ImportRequest,
  signal: AbortSignal,
): AsyncGenerator<ImportEvent, void, undefined> {
  const run = new ImportRun(context, request, signal);
  try {
    yield* run.events();
  } finally {
    await run.stop();
  }
}

class ImportRun {
  readonly #context: ImportContext;
  readonly #request: ImportRequest;
  readonly #signal: AbortSignal;
  readonly #ownStop = new AbortController();
  readonly #queue = new PQueue({ concurrency: CONCURRENCY });
  readonly #tally = emptyTally();
  readonly #dryIntake;
  #files = 0;
  #bytes = 0;
  #totalFiles = 0;
  #totalBytes = 0;
  #isListed = false;
  #isOver = false;
  #alreadyDone = 0;
  #leftAlone = 0;
  #events: ImportEvent[] = [];
  #isWaitingForSpace = false;
  #failure: string | undefined;
  #wakeListener = (): void => undefined;
  #wakeWork: (() => void)[] = [];

  constructor(context: ImportContext, request: ImportRequest, signal: AbortSignal) {
    this.#context = context;
    this.#request = request;
    this.#signal = AbortSignal.any([signal, this.#ownStop.signal]);
    this.#dryIntake = request.dryRun ? createDryIntake(context.index) : undefined;
  }

  async *events(): AsyncGenerator<ImportEvent, void, undefined> {
    const listing = this.#countAll();
    const work = this.#takeAll()
      .catch((error: unknown) => {
        this.#failure = error instanceof Error ? error.message : String(error);
      })
      .finally(() => {
        this.#isOver = true;
        this.#wakeListener();
      });
    let nextProgress = 0;
    for (;;) {
      const events = this.#events;
      this.#events = [];
      this.#wakeAll();
      yield* events;
      // What was said while these were handed over comes first.
      if (this.#isOver && this.#events.length === 0) break;
      const now = this.#context.clock.now();
      if (now >= nextProgress) {
        yield { event: 'progress', counts: this.#counts() };
        nextProgress = now + PROGRESS_INTERVAL_MS;
      }
      if (this.#events.length === 0 && !this.#isOver) await this.#nextEvent();
    }
    await work;
    await listing;
    const isStopped = this.#isStopping() || this.#failure !== undefined;
    const reason = this.#failure ?? (isStopped ? 'stopped before its end' : undefined);
    yield {
      event: 'end',
      counts: this.#counts(),
      result: isStopped ? 'stopped' : 'done',
      ...(reason !== undefined && { reason }),
    };
  }

  /** Lets the files in work come to their end. */
  async stop(): Promise<void> {
    this.#ownStop.abort();
    this.#wakeAll();
    this.#queue.clear();
    await this.#queue.onIdle();
  }

  #counts(): ImportCounts {
    return {
      files: this.#files,
      bytes: this.#bytes,
      // The count of all may lag behind the work.
      totalFiles: Math.max(this.#totalFiles, this.#files),
      totalBytes: Math.max(this.#totalBytes, this.#bytes),
      isListed: this.#isListed,
      ...this.#tally,
      alreadyDone: this.#alreadyDone,
      leftAlone: this.#leftAlone,
    };
  }

  async #nextEvent(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PROGRESS_INTERVAL_MS);
      this.#wakeListener = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #say(event: ImportEvent): Promise<void> {
    while (this.#events.length >= MAX_EVENTS && !this.#signal.aborted)
      await new Promise<void>((resolve) => this.#wakeWork.push(resolve));
    this.#events.push(event);
    this.#wakeListener();
  }

  #wakeAll(): void {
    const waiting = this.#wakeWork;
    this.#wakeWork = [];
    for (const resolve of waiting) resolve();
  }

  /** Counts what there is, ahead of the work, so that the time left can be told. */
  async #countAll(): Promise<void> {
    for (const named of this.#request.paths) {
      for await (const { path: filePath, kind } of this.#filesOf(await whatIs(named))) {
        if (this.#signal.aborted) return;
        if (kind === 'other') continue;
        const stamp = await lookAt(filePath).catch(() => undefined);
        if (stamp === undefined) continue;
        this.#totalFiles += 1;
        this.#totalBytes += stamp.bytes;
      }
    }
    this.#isListed = true;
  }

  async #takeAll(): Promise<void> {
    for (const named of this.#request.paths) {
      const root = await whatIs(named);
      if (root.kind === 'other') await this.#reject(named, rejected('unreadable', root.reason));
      const onTrouble = (folder: string, error: unknown): void => {
        void this.#reject(
          folder,
          rejected('unreadable', `The folder cannot be listed (${errorCode(error)}).`),
        );
      };
      for await (const { kind, path: filePath } of this.#filesOf(root, onTrouble)) {
        if (this.#signal.aborted) break;
        if (kind === 'other') {
          this.#leftAlone += 1;
          continue;
        }
        const isNamed = root.kind === 'file';
        await this.#queue.onSizeLessThan(MAX_QUEUED);
        this.#enqueue(filePath, isNamed);
      }
    }
    await this.#queue.onIdle();
  }

  async *#filesOf(
    { path: root, kind: rootKind }: NamedPath,
    onTrouble: (folder: string, error: unknown) => void = () => undefined,
  ): AsyncGenerator<{ kind: 'file' | 'other'; path: string }, void, undefined> {
    const { dataDir } = this.#context;
    if (rootKind === 'file') yield { kind: 'file', path: root };
    if (rootKind !== 'folder') return;
    for await (const { kind, path: at } of walk(root, {
      onTrouble,
      isExcluded: (folder) => folder === dataDir,
    }))
      if (kind !== 'folder') yield { kind, path: at };
  }

  #enqueue(filePath: string, isNamed: boolean): void {
    this.#queue
      .add(() => this.#takeOne(filePath, isNamed))
      .catch((error: unknown) => {
        // Whatever it is, the rest would meet it too: a full disk below the quarantine, an index that fails.
        if (!this.#signal.aborted) this.#failure ??= error instanceof Error ? error.message : String(error);
        this.#ownStop.abort();
      });
  }

  /** @param isNamed whether the path itself was asked for, rather than a folder above it. */
  async #takeOne(filePath: string, isNamed: boolean): Promise<void> {
    if (this.#isStopping()) return;
    const { desk } = this.#context;
    const { customer } = this.#request;
    let job = this.#jobOf(filePath);
    let stampBefore: FileStamp | undefined;
    for (let tries = 1; ; tries += 1) {
      let file: SourceFile;
      try {
        file = await SourceFile.open(filePath);
      } catch (error) {
        this.#handled(0);
        await this.#reject(
          filePath,
          rejected('unreadable', error instanceof Error ? error.message : String(error)),
        );
        return;
      }
      try {
        const { stamp } = file;
        if (stampBefore !== undefined && !isUntouched(stamp, stampBefore)) job = this.#jobOf(filePath);
        stampBefore = stamp;
        const before = desk.recall(customer, filePath, stamp, false);
        if (before !== undefined && before.outcome !== 'quarantined') {
          this.#alreadyDone += 1;
          this.#handled(stamp.bytes);
          return;
        }
        const taken = await this.#read(job, file);
        if (taken === undefined) continue;
        const { verdict, tally } = taken;
        if (verdict.kind === 'postponed' && this.#isStopping()) return;
        const isFinal = await this.#judge(filePath, file, isNamed, verdict, tally, tries);
        if (!isFinal) continue;
        this.#handled(stamp.bytes);
        return;
      } finally {
        await file.close();
      }
    }
  }

  /** @returns undefined where there was no space to write down what became of a member: to be gone on with. */
  async #read(job: FileJob, file: SourceFile): Promise<{ verdict: FileVerdict; tally: Tally } | undefined> {
    const { quarantine } = this.#context;
    const rejections: { name: string; rejection: Rejection }[] = [];
    const dryTally = emptyTally();
    const taken =
      this.#dryIntake === undefined
        ? await this.#take(job, file, ({ name, outcome }) => {
            if (outcome.kind === 'rejected') rejections.push({ name, rejection: outcome });
          })
        : {
            tally: dryTally,
            verdict: await takeFile({
              intake: this.#dryIntake,
              origin: { source: 'import', customer: job.customer },
              file,
              scratchFolder: quarantine.scratchFolder,
              signal: this.#signal,
              onMember: ({ name, outcome }) => {
                if (outcome.kind === 'rejected') rejections.push({ name, rejection: outcome });
                if (outcome.kind !== 'rejected' || outcome.code !== 'media-directory')
                  countOutcome(dryTally, outcome.kind);
                return Promise.resolve();
              },
            }),
          };
    if (this.#dryIntake !== undefined && taken !== undefined) countOutcome(dryTally, taken.verdict.kind);
    for (const { name, rejection } of rejections) {
      const { code, reason } = rejection;
      if (code === 'media-directory') {
        this.#leftAlone += 1;
        continue;
      }
      await this.#say({ event: 'rejected', path: `${job.path}!/${name}`, code, reason });
    }
    return taken;
  }

  async #take(
    job: FileJob,
    file: SourceFile,
    onMember: (member: TakenMember) => void,
  ): Promise<{ verdict: FileVerdict; tally: Tally } | undefined> {
    try {
      return await this.#context.desk.take(job, file, onMember);
    } catch (error) {
      if (!isShortOfSpace(error)) throw error;
      await this.#waitForSpace(failureText(error));
      return undefined;
    }
  }

  /** @returns false where the file is to be read once more. */
  async #judge(
    filePath: string,
    file: SourceFile,
    isNamed: boolean,
    verdict: FileVerdict,
    tally: Tally,
    tries: number,
  ): Promise<boolean> {
    const { desk } = this.#context;
    switch (verdict.kind) {
      case 'stored':
      case 'duplicate':
      case 'conflict':
      case 'archive':
        addTally(this.#tally, tally);
        if (!this.#request.dryRun)
          await this.#onceThereIsSpace(() => desk.settle(this.#jobOf(filePath), file.stamp, verdict));
        return true;
      case 'rejected':
        // Its own rejection is counted where it is told of; those of its members count as they are.
        addTally(this.#tally, { ...tally, quarantined: tally.quarantined - 1 });
        if (verdict.code === 'media-directory') await this.#takeReferenced(filePath, file, isNamed);
        else await this.#giveUp(filePath, file.stamp, verdict);
        return true;
      case 'changed':
        if (tries < MAX_TRIES) {
          await this.#pause(CHANGED_RETRY_MS);
          return false;
        }
        await this.#giveUp(filePath, file.stamp, rejected('truncated', 'It is still being written.'));
        return true;
      case 'postponed':
        if (verdict.code === 'out-of-resources') {
          await this.#waitForSpace(verdict.reason);
          return false;
        }
        if (tries < MAX_TRIES) {
          await this.#pause(CHANGED_RETRY_MS);
          return false;
        }
        await this.#giveUp(
          filePath,
          file.stamp,
          rejected(verdict.code === 'unreadable' ? 'unreadable' : 'internal-error', verdict.reason),
        );
        return true;
    }
  }

  /** A DICOMDIR that was named stands for the files it lists; in a folder, those are found anyway. */
  async #takeReferenced(filePath: string, file: SourceFile, isNamed: boolean): Promise<void> {
    this.#leftAlone += 1;
    const { found, missing } = await findReferencedFiles(file);
    if (missing > 0) {
      const total = found.length + missing;
      await this.#reject(
        filePath,
        rejected('media-directory', `It lists ${total} files; ${missing} of them are not there.`),
      );
    }
    if (!isNamed) return;
    for (const referenced of found) {
      const stamp = await lookAt(referenced).catch(() => undefined);
      this.#totalFiles += 1;
      this.#totalBytes += stamp?.bytes ?? 0;
      this.#enqueue(referenced, false);
    }
  }

  #jobOf(filePath: string): FileJob {
    const { intakeId } = this.#context;
    const { customer } = this.#request;
    return {
      customer,
      source: 'import',
      intakeId,
      path: filePath,
      after: { kind: 'keep' },
      progress: noProgress(),
      signal: this.#signal,
    };
  }

  async #giveUp(filePath: string, stamp: FileStamp, rejection: Rejection): Promise<void> {
    if (!this.#request.dryRun)
      await this.#onceThereIsSpace(() => this.#context.desk.giveUp(this.#jobOf(filePath), stamp, rejection));
    await this.#reject(filePath, rejection);
  }

  async #reject(filePath: string, { code, reason }: Rejection): Promise<void> {
    this.#tally.quarantined += 1;
    await this.#say({ event: 'rejected', path: filePath, code, reason });
  }

  #handled(bytes: number): void {
    this.#files += 1;
    this.#bytes += bytes;
    this.#isWaitingForSpace = false;
  }

  /** What was read must not be read again only because the disk is full when that is written down. */
  async #onceThereIsSpace(write: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await write();
        return;
      } catch (error) {
        if (!isShortOfSpace(error)) throw error;
        await this.#waitForSpace(failureText(error));
      }
    }
  }

  async #waitForSpace(reason: string): Promise<void> {
    if (!this.#isWaitingForSpace) {
      this.#isWaitingForSpace = true;
      await this.#say({ event: 'waiting', reason });
    }
    await this.#pause(SPACE_RETRY_MS);
  }

  #isStopping(): boolean {
    return this.#signal.aborted;
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#signal }).catch(() => undefined);
    // Between stopping and a retry the loop would spin.
    if (this.#signal.aborted) throw new Error('stopped before its end');
  }
}

function countOutcome(tally: Tally, kind: FileVerdict['kind']): void {
  if (kind === 'stored') tally.stored += 1;
  else if (kind === 'duplicate') tally.duplicates += 1;
  else if (kind === 'conflict') tally.conflicts += 1;
  else if (kind === 'rejected') tally.quarantined += 1;
}

/** A path that was asked for. */
type NamedPath =
  | { readonly kind: 'file' | 'folder'; readonly path: string }
  | { readonly kind: 'other'; readonly path: string; readonly reason: string };

/** A symbolic link stands for what it leads to where it was named itself; those found in folders are not followed. */
async function whatIs(named: string): Promise<NamedPath> {
  try {
    const filePath = (await fs.lstat(named)).isSymbolicLink() ? await fs.realpath(named) : named;
    const stats = await fs.stat(filePath);
    if (stats.isDirectory()) return { kind: 'folder', path: filePath };
    if (stats.isFile()) return { kind: 'file', path: filePath };
    return { kind: 'other', path: named, reason: 'It is neither a file nor a folder.' };
  } catch (error) {
    const code = errorCode(error);
    const reason =
      code === 'ENOENT' || code === 'ENOTDIR'
        ? 'There is no such file or folder.'
        : `It cannot be looked at (${code}).`;
    return { kind: 'other', path: named, reason };
  }
}
