import type { DeclaredInstance, InstanceKey, InstanceOrigin } from '../study/instance.ts';

/** Why an instance was not kept. Closed set: every intake translates each to its own protocol. */
export type RefusalCode =
  /** Disk full, below the reserve, or failing: the sender should try again later. */
  | 'out-of-resources'
  /** Affected SOP Class or Instance UID differs from the Data Set's own. */
  | 'identity-mismatch'
  /** Not a Data Set in the declared Transfer Syntax, or without the UIDs that every composite object has. */
  | 'cannot-understand'
  /** A fault of ours. The sender should try again; the log says what happened. */
  | 'processing-failure';

export interface InstanceStored {
  readonly kind: 'stored';
  readonly key: InstanceKey;
}
/** Byte for byte the one already held: nothing was changed. */
export interface InstanceDuplicate {
  readonly kind: 'duplicate';
  readonly key: InstanceKey;
}
/** Same UIDs, other bytes: both are kept, the first is served. */
export interface InstanceConflict {
  readonly kind: 'conflict';
  readonly key: InstanceKey;
}
export interface InstanceRefused {
  readonly kind: 'refused';
  readonly code: RefusalCode;
  /** One line without patient data, at most 64 characters so that it fits (0000,0902) Error Comment. */
  readonly message: string;
  /** Where it was refused for that, see `DeclaredInstance.wholeOnly`. */
  readonly integrity?: 'truncated' | 'malformed';
}
export type IngestOutcome = InstanceStored | InstanceDuplicate | InstanceConflict | InstanceRefused;

/**
 * One instance on its way in. The caller writes the Data Set bytes as received (no File Meta Information), then
 * either finishes or aborts; exactly one of the two.
 */
export interface Reception {
  /**
   * Takes the next bytes; their memory may be used again at once.
   * @returns undefined to go on, or a promise to wait for before the next write (back-pressure from the disk).
   * Never rejects: a failed write is remembered and comes out of {@link finish} as a refusal.
   */
  write(bytes: Buffer): Promise<void> | undefined;
  /** The Data Set is complete. Resolves once the outcome is durable (design invariant 1); never rejects. */
  finish(): Promise<IngestOutcome>;
  /** The sender went away or gave up: what was written is removed. */
  abort(): Promise<void>;
}

/** The one way in for all sources. */
export interface Intake {
  begin(origin: InstanceOrigin, declared: DeclaredInstance): Reception;
  /** Tells that an Association (or request) ended, so that its studies may settle sooner. */
  intakeEnded(intakeId: string): void;
}
