import type { AcceptedPresentationContext } from './negotiation.ts';
import type { UpperLayerState } from './state-machine.ts';

/** How an Association, or the attempt at one, ended. */
export type AssociationOutcome =
  | 'released'
  | 'rejected'
  | 'aborted-by-peer'
  /** Protocol violation of the peer, or our own shutdown; `lastError` tells. */
  | 'aborted-by-us'
  /** The transport connection closed under it. */
  | 'connection-lost'
  /** The peer fell silent: before its A-ASSOCIATE-RQ was complete (ARTIM), or during the Association (idle). */
  | 'timed-out';

/** One Association as it stands. */
export interface AssociationInfo {
  /** Identifies the Association within this process; also the `intakeId` of its instances. */
  readonly id: string;
  readonly peerAddress: string;
  /** Absent until a request was read. */
  readonly callingAeTitle?: string;
  readonly calledAeTitle?: string;
  readonly state: UpperLayerState;
  /** Milliseconds since 1970-01-01 UTC: when the connection was accepted. */
  readonly startedAt: number;
  readonly contexts: readonly AcceptedPresentationContext[];
  /** C-STOREs answered with Success. */
  readonly objects: number;
  /** C-STOREs answered with anything else. */
  readonly refusedObjects: number;
  /** Data Set bytes of the objects that were answered with Success. */
  readonly bytes: number;
}

/** One Association when it is over. */
export interface AssociationSummary extends AssociationInfo {
  readonly endedAt: number;
  readonly outcome: AssociationOutcome;
  /** One line without patient data. */
  readonly lastError?: string;
}
