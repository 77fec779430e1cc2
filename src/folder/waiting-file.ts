import type { Rejection } from '../core/ingest/file-outcome.ts';
import type { QuarantineEntry } from '../core/ports/file-intake.ts';
import { noProgress, type TakenVerdict, type TakeProgress } from './file-desk.ts';
import type { FileStamp } from './file-stamp.ts';
import { dueAt, type SettleRules } from './settle.ts';
import { steadyNow } from './steady-now.ts';
import type { TroubleKind } from './troubles.ts';

const SETTLING = 'waiting until it has not changed for a while';

/** A file between being seen and being stored or given up. Times are steady ones unless they say otherwise. */
export interface WaitingFile {
  stamp: FileStamp;
  /** When it was first seen with this stamp, by the wall clock, which the times of files are held against. */
  since: number;
  seenAt: number;
  notBefore: number;
  /** It cannot be stored, and goes to quarantine unless it changes. */
  rejection: Rejection | undefined;
  failures: number;
  isInWork: boolean;
  /** What it was seen to have become while in work. */
  newer: FileStamp | undefined;
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

/** @param now by the wall clock */
export function newWaitingFile(stamp: FileStamp, now: number, isRecorded: boolean): WaitingFile {
  return {
    stamp,
    since: now,
    seenAt: steadyNow(),
    notBefore: 0,
    rejection: undefined,
    failures: 0,
    isInWork: false,
    newer: undefined,
    taken: undefined,
    entry: undefined,
    isRecorded,
    trouble: undefined,
    progress: noProgress(),
    why: SETTLING,
  };
}

/** It has changed: what is recorded of it, or still to be, is of the content that it had. @param now by the wall clock */
export function beginAnew(file: WaitingFile, stamp: FileStamp, now: number): void {
  file.stamp = stamp;
  file.newer = undefined;
  file.since = now;
  file.seenAt = steadyNow();
  file.rejection = undefined;
  file.taken = undefined;
  file.isRecorded = false;
  file.progress = noProgress();
  file.why = SETTLING;
}

/** Whether its content is safe, or in quarantine, and only what comes after that is still to be done. */
export function isSettled({ taken, entry, isRecorded }: WaitingFile): boolean {
  return isRecorded || taken !== undefined || entry !== undefined;
}

/** When something is to be done with it next. */
export function nextLookAt(file: WaitingFile, rules: SettleRules): number {
  const { stamp, since, seenAt, rejection } = file;
  if (isSettled(file)) return file.notBefore;
  const due = dueAt({ stamp, since, isRejected: rejection !== undefined }, rules);
  return Math.max(file.notBefore, seenAt + due - since);
}
