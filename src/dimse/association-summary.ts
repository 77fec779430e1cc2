import type { AssociationOutcome } from '../core/ports/association-history.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { AcceptedPresentationContext } from './negotiation.ts';
import type { UpperLayerState } from './state-machine.ts';

/** One Association as it stands. */
export interface AssociationInfo {
  /** Identifies the Association within this process; also the `intakeId` of its instances. */
  readonly id: string;
  readonly peerAddress: string;
  /** Absent until a request was read. */
  readonly callingAeTitle?: string;
  readonly calledAeTitle?: string;
  /** Absent until it was let in. */
  readonly customer?: CustomerKey;
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
