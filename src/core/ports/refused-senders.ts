/** What a requestor proposed in its A-ASSOCIATE-RQ (PS3.8 9.3.2). Its user identity is a secret and not part of it. */
export interface AssociationProposal {
  readonly implementationClassUid?: string;
  readonly implementationVersionName?: string;
  /** Bytes; 0: no limit. */
  readonly maxPduLengthBytes?: number;
  readonly contexts: readonly {
    readonly abstractSyntaxUid: string;
    readonly transferSyntaxUids: readonly string[];
  }[];
  /** Contexts proposed beyond those listed. */
  readonly contextsLeftOut: number;
  /** Of a valid TLS certificate. */
  readonly certificateSubject?: string;
}

/** A request for an Association that was rejected. No patient data. */
export interface SenderRefusal {
  /** As in the request, without padding; may be anything that fits 16 characters. */
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
  readonly peerAddress: string;
  /** Reason of the A-ASSOCIATE-RJ, by name. */
  readonly reason: string;
  /** One line for people. */
  readonly explanation: string;
  readonly proposal: AssociationProposal;
  readonly at: number;
}

/** All refusals of one sender for one reason. */
export interface RefusedSender extends Omit<SenderRefusal, 'at'> {
  readonly id: number;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly attempts: number;
}

/** Refusals of one sender since the last time that they were written. */
export interface SenderRefusals extends Omit<SenderRefusal, 'at'> {
  readonly firstAt: number;
  readonly lastAt: number;
  readonly attempts: number;
}

/** Senders that were not let in. Bounded: the longest silent ones make way. */
export interface RefusedSenders {
  /** Resolves on commit. */
  add(refusals: readonly SenderRefusals[]): Promise<void>;
  /** Latest first. */
  list(limit: number): readonly RefusedSender[];
  /** @returns whether there was such a line. */
  forget(id: number): Promise<boolean>;
  /** Removes those that were last refused before `before`. */
  prune(before: number): Promise<void>;
}
