import { rejected } from '../core/ingest/file-outcome.ts';
import type { FileIntake, QuarantineEntry } from '../core/ports/file-intake.ts';
import type { FileDesk, FileJob } from './file-desk.ts';
import type { Quarantine } from './quarantine.ts';
import { errorCode, SourceFile, sourceError } from './source-file.ts';
import type { FileVerdict } from './take-file.ts';

/** Most entries that one request tries; the next one goes on, because what was stored is gone from the list. */
const MAX_ENTRIES = 100_000;

export interface RetryContext {
  readonly desk: FileDesk;
  readonly quarantine: Quarantine;
  readonly signal: AbortSignal;
}

/** Tries quarantined files again, after what was wrong has been put right. See {@link FileIntake.retryQuarantined}. */
export async function retryQuarantined(
  context: RetryContext,
  { id, customer, asIs }: Parameters<FileIntake['retryQuarantined']>[0],
): Promise<{ tried: number; stored: number }> {
  const { quarantine, signal } = context;
  const one = id === undefined ? undefined : await quarantine.find(id);
  const entries =
    id === undefined ? await quarantine.list(MAX_ENTRIES, customer) : one === undefined ? [] : [one];
  const result = { tried: 0, stored: 0 };
  for (const entry of entries) {
    if (signal.aborted) break;
    result.tried += 1;
    if (await retryOne(context, entry, asIs)) result.stored += 1;
  }
  return result;
}

/** @returns whether all that the entry stands for is stored now. */
async function retryOne(
  { desk, quarantine, signal }: RetryContext,
  entry: QuarantineEntry,
  asIs: boolean,
): Promise<boolean> {
  const located = quarantine.locate(entry);
  let file: SourceFile;
  try {
    file = await SourceFile.open(located);
  } catch (error) {
    // Noted where it lay, and gone from there since: the note stays until it is back or somebody removes it.
    const isGone = errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR';
    const reason = isGone ? 'The file is no longer where it was.' : sourceError(error).message;
    await quarantine.update(entry, rejected(entry.code, reason));
    return false;
  }
  const isHeld = entry.file !== undefined;
  const intakeId = `quarantine ${entry.id}`;
  const original = isHeld && entry.member !== undefined ? `${entry.path}!/${entry.member}` : entry.path;
  const job: FileJob = {
    customer: entry.customer,
    source: entry.source,
    intakeId,
    path: original,
    after: { kind: 'keep' },
    asIs,
    signal,
  };
  try {
    const stored = new Set<string>();
    const { verdict } = await desk.take(job, file, ({ name, outcome }) => {
      if (name === entry.member && outcome.kind !== 'rejected') stored.add(name);
    });
    if (!isTaken(verdict)) {
      if (verdict.kind === 'rejected') await quarantine.update(entry, verdict);
      return false;
    }
    if (isHeld) {
      await desk.settleHeld(job, file, located, verdict);
    } else {
      await desk.settle(job, file.stamp, verdict);
      if (entry.member !== undefined && !stored.has(entry.member)) return false;
    }
    await quarantine.release(entry);
    return true;
  } finally {
    await file.close();
    desk.intakeEnded(intakeId);
  }
}

function isTaken(
  verdict: FileVerdict,
): verdict is Extract<FileVerdict, { kind: 'stored' | 'duplicate' | 'conflict' | 'archive' }> {
  return ['stored', 'duplicate', 'conflict', 'archive'].includes(verdict.kind);
}
