import type { SopInstanceReference, FailureReason } from '../../dicom/storage-commitment.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { CustomerKey } from '../study/instance.ts';

/** A storage commitment request as it came in. */
export interface NewCommitmentRequest {
  /** Of the Association: nothing outside of this customer is ever looked at for it. */
  readonly customer: CustomerKey;
  /** The requestor, which the report goes to. */
  readonly callingAeTitle: string;
  /** How the requestor calls us. */
  readonly calledAeTitle: string;
  /** Unique per requestor and customer. */
  readonly transactionUid: Uid;
  /** At least one. */
  readonly references: readonly SopInstanceReference[];
}

/** A request that has been accepted and whose report is still owed. */
export interface CommitmentRequest extends Omit<NewCommitmentRequest, 'references'> {
  readonly id: number;
  /** Milliseconds since 1970 UTC. */
  readonly acceptedAt: number;
  /** Attempts to report that failed so far. */
  readonly failedAttempts: number;
}

/** A reference that cannot be committed, by its place in the request. */
export interface ReferenceFailure {
  readonly position: number;
  readonly reason: FailureReason;
}

/**
 * - `accepted`: kept; a report is owed. A request that was reported before is owed a new report.
 * - `pending`: the same request is kept already and its report is still owed; nothing was changed.
 * - `transaction-uid-in-use`: the requestor used this Transaction UID for other references; nothing was kept.
 * - `full`: more is owed already than the bound allows; nothing was kept.
 */
export type CommitmentAcceptance = 'accepted' | 'pending' | 'transaction-uid-in-use' | 'full';

/** Durable storage commitment requests. Reads are synchronous; writes resolve when committed. */
export interface CommitmentRequests {
  /** Resolves when the request is on stable storage: only then may the requestor be told. */
  accept(request: NewCommitmentRequest, now: number): Promise<CommitmentAcceptance>;
  /**
   * Requests whose report is owed, oldest first, at most one per requestor.
   * @param exceptPeers calling AE titles left out.
   * @param exceptIds requests left out.
   */
  open(
    limit: number,
    exceptPeers: ReadonlySet<string>,
    exceptIds: ReadonlySet<number>,
  ): readonly CommitmentRequest[];
  references(id: number): readonly SopInstanceReference[];
  /** What verification found, so that it is not repeated; undefined: not verified yet. */
  verdict(id: number): readonly ReferenceFailure[] | undefined;
  /** Also notes of the studies that what is committed belongs to when that was. @param now ms since 1970. */
  saveVerdict(id: number, failures: readonly ReferenceFailure[], now: number): Promise<void>;
  /** Counts an attempt to report. @param error one line without patient data. */
  noteFailure(id: number, error: string): Promise<void>;
  /** Ends a request: its requestor has the report, or will not get it any more. */
  settle(id: number, as: 'reported' | 'given-up', now: number): Promise<void>;
  /** Forgets requests that were settled before `settledBefore`. */
  prune(settledBefore: number): Promise<void>;
}
