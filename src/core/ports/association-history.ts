import type { CustomerKey } from '../study/instance.ts';

/** How an Association, or the attempt at one, ended. */
export const ASSOCIATION_OUTCOMES = [
  'released',
  'rejected',
  'aborted-by-peer',
  /** Protocol violation of the peer, a timeout of ours, or our own shutdown; `lastError` tells. */
  'aborted-by-us',
  /** The transport connection closed under it. */
  'connection-lost',
  /** The peer fell silent: before its A-ASSOCIATE-RQ was complete (ARTIM), or during the Association (idle). */
  'timed-out',
] as const;
export type AssociationOutcome = (typeof ASSOCIATION_OUTCOMES)[number];

/** An Association that is over, or a rejected attempt at one. No patient data. */
export interface EndedAssociation {
  /** The `associationId` of the log lines. */
  readonly id: string;
  readonly peerAddress: string;
  /** As the request had them; absent where no request was read. */
  readonly callingAeTitle?: string;
  readonly calledAeTitle?: string;
  /** Absent where it was not let in. */
  readonly customer?: CustomerKey;
  /** The accepted Presentation Contexts. */
  readonly contexts: readonly AssociationContextRecord[];
  /** C-STOREs answered with Success. */
  readonly objects: number;
  /** C-STOREs answered with anything else. */
  readonly refusedObjects: number;
  /** Data Set bytes of the objects answered with Success. */
  readonly bytes: number;
  /** Milliseconds since 1970 UTC. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: AssociationOutcome;
  /** One line. */
  readonly lastError?: string;
}

export interface AssociationContextRecord {
  readonly abstractSyntaxUid: string;
  readonly transferSyntaxUid: string;
}

/** A line of the history. */
export interface AssociationRecord extends EndedAssociation {
  /**
   * How many attempts in a row the line stands for: a peer that tries in vain over and over again, in the same way,
   * gets one line per hour; `startedAt` is then of the first and `endedAt` of the last of them.
   */
  readonly attempts: number;
}

export interface AssociationQuery {
  readonly limit: number;
  readonly cursor?: string;
  readonly outcome?: AssociationOutcome;
  readonly callingAeTitle?: string;
  readonly calledAeTitle?: string;
}
export interface AssociationPage {
  readonly associations: readonly AssociationRecord[];
  /** Of the next page, where there is one. */
  readonly cursor?: string;
}

/** What became of past Associations. Kept beside the index, and of no importance to what is stored. */
export interface AssociationHistory {
  /** Resolves when it is committed. */
  add(ended: EndedAssociation): Promise<void>;
  /** Latest first. @throws CursorError */
  list(query: AssociationQuery): AssociationPage;
  /**
   * Removes some of the oldest lines that ended before `before` or are too many.
   * @returns whether there may be more to remove.
   */
  pruneSome(before: number): Promise<boolean>;
}
