import type { FileStamp } from './file-stamp.ts';

export interface SettleRules {
  /** How long a file must not have changed before it is read. */
  readonly settleMs: number;
  /** How long a file that is not whole, or not DICOM, must not have changed before it is given up. */
  readonly patienceMs: number;
  /** Whether the files' times come from this machine's clock; those of a share come from its server's. */
  readonly isLocal: boolean;
}

/** What is known of a file that is waiting. Times in milliseconds since 1970, by this machine's clock. */
export interface FileObservation {
  readonly stamp: FileStamp;
  /** When it was first seen with this stamp. */
  readonly since: number;
  /** It was read with this stamp and could not be stored. */
  readonly isRejected: boolean;
}

/**
 * When a file may be taken, or given up, if it does not change until then.
 *
 * What was renamed into place is whole: its attributes changed after its content, which no writer in place leaves
 * behind before its end. That it really is whole is still read off its content.
 */
export function dueAt({ stamp, since, isRejected }: FileObservation, rules: SettleRules): number {
  const waitMs = isRejected ? rules.patienceMs : rules.settleMs;
  // A time ahead of our own observation is no evidence: the clock was set, or the stamp comes from elsewhere.
  if (!rules.isLocal || stamp.ctimeMs > since) return since + waitMs;
  const isFinished = stamp.ctimeMs > stamp.mtimeMs;
  return isFinished && !isRejected ? stamp.ctimeMs : stamp.ctimeMs + waitMs;
}
