import type { Uid } from '../../dicom/uid.ts';
import type { CustomerKey, StudyKey } from '../study/instance.ts';
import type { DeliveryState, Product, StudyState } from '../study/study.ts';

/** Why a study's images are no longer here. */
export type RemovalReason = 'age' | 'size' | 'free-space' | 'moved';

/** A study whose images were here once. No patient data. Times are milliseconds since 1970 UTC. */
export interface RemovalRecord {
  readonly id: number;
  readonly key: StudyKey;
  readonly why: RemovalReason;
  /** Where `why` is `moved`: the customer that has it now. */
  readonly movedTo?: CustomerKey;
  readonly instances: number;
  readonly bytes: number;
  readonly firstReceivedAt: number;
  readonly lastReceivedAt: number;
  readonly removedAt: number;
  /**
   * `in-place`: still below `objects/`, unknown to the index; `apart`: below `removed/`, being deleted; `removed`: none
   * left.
   */
  readonly files: 'in-place' | 'apart' | 'removed';
  /** Where it was at Avara. */
  readonly deliveries: readonly {
    readonly product: Product;
    readonly studyId: string;
    readonly isCancelled: boolean;
  }[];
}

/** Everything that decides whether a study may be removed. */
export interface RetentionFacts {
  readonly key: StudyKey;
  readonly state: StudyState;
  readonly instances: number;
  readonly bytes: number;
  readonly lastReceivedAt: number;
  readonly deliveries: readonly {
    readonly product: Product;
    /** As the outbox has it: `pending` also where Avara has the study and is to be told something new. */
    readonly state: DeliveryState;
    readonly isAtAvara: boolean;
    /** When Avara last confirmed it. */
    readonly confirmedAt: number;
  }[];
  /** Objects kept apart from this study. */
  readonly conflicts: number;
  /** Reports that are still to be fetched, or to be handed on. */
  readonly undeliveredReports: number;
  /** Whether a retrieval id that is still good names it. */
  readonly isInOpenSession: boolean;
  /** Until when object or upload URLs are good that were handed out. */
  readonly handedOutUntil?: number;
  /** When storage commitment was last given for instances of it. */
  readonly committedAt?: number;
  /** Whether its customer has a storage commitment request that is not verified yet. */
  readonly hasUnverifiedCommitment: boolean;
}

/** Where a walk over the studies, oldest first, goes on. */
export interface RetentionCursor {
  readonly lastReceivedAt: number;
  readonly id: number;
}

export interface RetentionPage {
  readonly facts: readonly RetentionFacts[];
  /** Absent at the end. */
  readonly next?: RetentionCursor;
}

/**
 * The record of removed studies, in the database of the index: what it says of a study and what the index says commit
 * together. Reads are synchronous; writes resolve on commit.
 */
export interface Removals {
  /** Studies with their facts, the one that received nothing for longest first. */
  oldest(limit: number, after: RetentionCursor | undefined, now: number): RetentionPage;
  factsOf(key: StudyKey, now: number): RetentionFacts | undefined;
  /** Bytes held, by customer. */
  usage(): ReadonlyMap<CustomerKey, number>;
  /**
   * Takes a study out of the index and records its removal, in one transaction that is on stable storage when this
   * resolves. Its files are then `in-place`.
   * @param mayRemove asked inside the transaction, with the facts as they then are.
   * @returns undefined where there is no such study, or it may not be removed: nothing was changed.
   */
  remove(
    key: StudyKey,
    why: Exclude<RemovalReason, 'moved'>,
    now: number,
    mayRemove: (facts: RetentionFacts) => boolean,
  ): Promise<RemovalRecord | undefined>;
  /** Removals with files left, oldest first. */
  unfinished(): readonly RemovalRecord[];
  setFiles(id: number, files: 'apart' | 'removed'): Promise<void>;
  /** The latest first. @param before an `id`: only older ones. */
  list(limit: number, before?: number, customer?: CustomerKey): readonly RemovalRecord[];
  /** The latest removal of a study that is not here. */
  find(key: StudyKey): RemovalRecord | undefined;
  /** The latest removal for each customer that had a study of this UID and has it no more. */
  findByUid(studyInstanceUid: Uid): readonly RemovalRecord[];
  /** The latest removal of a study that was this one at Avara, and is not here. */
  findByAvaraId(avaraStudyId: string): RemovalRecord | undefined;
  /** URLs were handed out for a study. @param until when the last of them ends. */
  noteHandOut(key: StudyKey, until: number): Promise<void>;
  totals(): { readonly removals: number; readonly unfinished: number };
}
