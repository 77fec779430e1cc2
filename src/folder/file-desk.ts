import fs from 'node:fs/promises';
import path from 'node:path';

import type { ObjectOutcome, Rejection } from '../core/ingest/file-outcome.ts';
import type { FileRecord, FileRecords } from '../core/ports/file-records.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Intake } from '../core/ports/intake.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { QuarantineEntry } from '../core/ports/file-intake.ts';
import { type Disposal, lookAt, moveFile, removeFile } from './disposal.ts';
import { contentStamp, type FileStamp, isRemembered, isUntouched, rememberedStamp } from './file-stamp.ts';
import type { Quarantine } from './quarantine.ts';
import type { SourceFile } from './source-file.ts';
import { shownPath, systemPath } from './system-path.ts';
import { type FileVerdict, takeFile, type TakenMember } from './take-file.ts';

export interface FileDeskOptions {
  readonly intake: Intake;
  readonly records: FileRecords;
  readonly quarantine: Quarantine;
  readonly clock: Clock;
}

/** What is to be done with a file once its content is safe. */
export type AfterImport =
  { readonly kind: 'delete' | 'keep' } | { readonly kind: 'move'; readonly target: string };

/** One file to be taken in. */
export interface FileJob {
  readonly customer: CustomerKey;
  readonly source: 'folder' | 'import';
  readonly intakeId: string;
  /** Absolute. */
  readonly path: string;
  readonly after: AfterImport;
  readonly asIs?: boolean;
  /** How far an archive was taken before, where it is taken again unchanged. */
  readonly progress?: TakeProgress;
  readonly signal?: AbortSignal;
}

/** Goes with a file from one try to the next, so that nothing in it is work, or counted, twice. */
export interface TakeProgress {
  members: number;
  readonly tally: Tally;
}

export function noProgress(): TakeProgress {
  return { members: 0, tally: emptyTally() };
}

/** Objects of one file. */
export interface Tally {
  stored: number;
  duplicates: number;
  conflicts: number;
  quarantined: number;
}

export function emptyTally(): Tally {
  return { stored: 0, duplicates: 0, conflicts: 0, quarantined: 0 };
}

export type TakenVerdict = Extract<FileVerdict, { kind: 'stored' | 'duplicate' | 'conflict' | 'archive' }>;

/** The steps that every file goes through, whoever found it. Order: stored durably, recorded, then removed. */
export class FileDesk {
  readonly #options: FileDeskOptions;

  constructor(options: FileDeskOptions) {
    this.#options = options;
  }

  /** Nothing more comes in under this id for now, so that studies may settle. */
  intakeEnded(intakeId: string): void {
    this.#options.intake.intakeEnded(intakeId);
  }

  /**
   * What an earlier look at the same file came to; undefined where it is a new one.
   * @param isToGo it will be removed on the strength of the record, so it must not even have got other attributes since.
   */
  recall(customer: CustomerKey, filePath: string, stamp: FileStamp, isToGo: boolean): FileRecord | undefined {
    const record = this.#options.records.find(customer, shownPath(filePath));
    return record !== undefined && isRemembered(record.stamp, stamp, isToGo) ? record : undefined;
  }

  /**
   * Reads the file and stores its objects. Rejected members of archives are quarantined and recorded here; the file
   * itself is the caller's to {@link settle} or {@link giveUp}, or step by step to {@link recordTaken} and {@link dispose},
   * or {@link quarantine} and {@link recordQuarantined}.
   * @param onMember told of each member after that.
   */
  async take(
    job: FileJob,
    file: SourceFile,
    onMember: (member: TakenMember) => void = () => undefined,
  ): Promise<{ readonly verdict: FileVerdict; readonly tally: Tally }> {
    const { intake, quarantine } = this.#options;
    const { customer, source, intakeId } = job;
    const { progress = noProgress() } = job;
    const { tally } = progress;
    const verdict = await takeFile({
      intake,
      origin: { source, customer, intakeId },
      file,
      scratchFolder: quarantine.scratchFolder,
      ...(job.asIs === true && { asIs: true }),
      ...(job.signal && { signal: job.signal }),
      progress,
      onMember: async (member) => {
        const { outcome } = member;
        // What lists the files of a medium is no loss where the archive stays: nobody needs to see to it.
        const isIndex = outcome.kind === 'rejected' && outcome.code === 'media-directory';
        if (!isIndex || job.after.kind !== 'keep') {
          await this.#settleMember(job, file, member);
          addTo(tally, outcome);
        }
        onMember(member);
      },
    });
    addTo(tally, verdict);
    return { verdict, tally };
  }

  /** Records that a file is safe, then does with it what is to be done after import. @throws the system's error. */
  async settle(job: FileJob, stamp: FileStamp, verdict: TakenVerdict): Promise<Disposal> {
    await this.recordTaken(job, stamp, verdict);
    return this.dispose(job, stamp);
  }

  /** Records that a file is safe. May be done twice. @throws StoreError `out-of-resources`, the system's error. */
  async recordTaken(job: FileJob, stamp: FileStamp, verdict: TakenVerdict): Promise<void> {
    const { records, quarantine } = this.#options;
    const earlier = records.find(job.customer, shownPath(job.path));
    await records.record({
      ...this.#recordOf(job, job.path, stamp),
      outcome: verdict.kind,
      ...('key' in verdict && { key: verdict.key }),
      place: PLACES[job.after.kind],
    });
    if (earlier?.outcome === 'quarantined' && earlier.place === 'kept')
      await quarantine.dropNote(job.customer, job.path);
  }

  /** Records that a file which was held in quarantine is safe, then removes it from there. @throws the system's error. */
  async settleHeld(job: FileJob, file: SourceFile, heldAt: string, verdict: TakenVerdict): Promise<void> {
    await this.#options.records.record({
      ...this.#recordOf(job, job.path, file.stamp),
      outcome: verdict.kind,
      ...('key' in verdict && { key: verdict.key }),
      place: 'removed',
    });
    await removeFile(heldAt, file.stamp);
  }

  /** Removes or moves a file whose content is known to be safe. @throws the system's error. */
  async dispose({ path: filePath, after }: FileJob, stamp: FileStamp): Promise<Disposal> {
    switch (after.kind) {
      case 'keep': {
        // Whether it can be looked at now is nothing to fail at: it is safe.
        const now = await lookAt(filePath).catch(() => stamp);
        if (now === undefined) return 'gone';
        return isUntouched(now, stamp) ? 'done' : 'changed';
      }
      case 'delete':
        return removeFile(filePath, stamp);
      case 'move': {
        await fs.mkdir(systemPath(path.dirname(after.target)), { recursive: true });
        const moved = await moveFile(filePath, stamp, after.target);
        return typeof moved === 'string' ? moved : 'done';
      }
    }
  }

  /** Puts a file that cannot be stored into quarantine, and records it. @throws the system's error. */
  async giveUp(job: FileJob, stamp: FileStamp, rejection: Rejection): Promise<Disposal> {
    const entry = await this.quarantine(job, stamp, rejection);
    if (typeof entry === 'string') return entry;
    await this.recordQuarantined(job, stamp, entry);
    return 'done';
  }

  /** Puts a file that cannot be stored into quarantine, or notes it there where files stay. @throws the system's error. */
  async quarantine(
    job: FileJob,
    stamp: FileStamp,
    rejection: Rejection,
  ): Promise<QuarantineEntry | Exclude<Disposal, 'done'>> {
    const { quarantine, clock } = this.#options;
    const { customer, source, path: filePath } = job;
    const details = { customer, source, path: filePath, bytes: stamp.bytes, rejection, at: clock.now() };
    return job.after.kind === 'keep' ? quarantine.note(details) : quarantine.hold(details, stamp);
  }

  /** Records that a file is in quarantine. May be done twice. @throws StoreError `out-of-resources`. */
  async recordQuarantined(job: FileJob, stamp: FileStamp, entry: QuarantineEntry): Promise<void> {
    await this.#options.records.record({
      ...this.#recordOf(job, job.path, stamp),
      outcome: 'quarantined',
      code: entry.code,
      reason: entry.reason,
      quarantineId: entry.id,
      place: entry.file === undefined ? 'kept' : 'quarantine',
    });
  }

  async #settleMember(job: FileJob, file: SourceFile, member: TakenMember): Promise<void> {
    const { records, quarantine, clock } = this.#options;
    const { customer, source, path: filePath } = job;
    const { name, bytes, outcome } = member;
    const base = { ...this.#recordOf(job, `${filePath}!/${name}`, file.stamp), bytes };
    if ('key' in outcome) {
      return records.record({
        ...base,
        outcome: outcome.kind,
        key: outcome.key,
        place: PLACES[job.after.kind],
      });
    }
    const details = {
      customer,
      source,
      path: filePath,
      member: name,
      bytes,
      rejection: outcome,
      at: clock.now(),
    };
    const isKept = job.after.kind === 'keep';
    const entry = isKept
      ? await quarantine.note(details)
      : await quarantine.holdBytes(details, member.source, contentStamp(file.stamp));
    await records.record({
      ...base,
      outcome: 'quarantined',
      code: outcome.code,
      reason: outcome.reason,
      quarantineId: entry.id,
      place: isKept ? 'kept' : 'quarantine',
    });
  }

  #recordOf(
    { customer, source }: FileJob,
    filePath: string,
    stamp: FileStamp,
  ): Pick<FileRecord, 'customer' | 'source' | 'path' | 'stamp' | 'bytes' | 'at'> {
    const at = this.#options.clock.now();
    return {
      customer,
      source,
      path: shownPath(filePath),
      stamp: rememberedStamp(stamp),
      bytes: stamp.bytes,
      at,
    };
  }
}

const PLACES = { delete: 'removed', keep: 'kept', move: 'moved' } as const;

function addTo(tally: Tally, outcome: ObjectOutcome | FileVerdict): void {
  if (outcome.kind === 'stored') tally.stored += 1;
  else if (outcome.kind === 'duplicate') tally.duplicates += 1;
  else if (outcome.kind === 'conflict') tally.conflicts += 1;
  else if (outcome.kind === 'rejected') tally.quarantined += 1;
}

export function addTally(to: Tally, { stored, duplicates, conflicts, quarantined }: Readonly<Tally>): void {
  to.stored += stored;
  to.duplicates += duplicates;
  to.conflicts += conflicts;
  to.quarantined += quarantined;
}
