import type { NewCommitmentRequest } from '../core/ports/commitment-requests.ts';
import type { Uid } from '../dicom/uid.ts';
import type { ServedAssociation } from './services/service.ts';

/** Which storage commitment request an Association waits on. */
export type CommitmentKey = Pick<NewCommitmentRequest, 'customer' | 'callingAeTitle' | 'transactionUid'>;

/** An Association on which a request was accepted, and which may be there still. */
export interface WaitingAssociation {
  readonly presentationContextId: number;
  readonly transferSyntaxUid: Uid;
  readonly association: Omit<ServedAssociation, 'origin'>;
  /** When the request was answered, milliseconds since 1970 UTC. */
  readonly answeredAt: number;
}

/** Where requestors may be waiting for the report on the Association that they asked on. */
export interface WaitingAssociations {
  add(key: CommitmentKey, waiting: WaitingAssociation): void;
  /** Undefined once the Association is over. */
  find(key: CommitmentKey): WaitingAssociation | undefined;
  remove(key: CommitmentKey): void;
}

export function createWaitingAssociations(): WaitingAssociations {
  const byKey = new Map<string, WaitingAssociation>();
  const text = ({ customer, callingAeTitle, transactionUid }: CommitmentKey): string =>
    JSON.stringify([customer, callingAeTitle, transactionUid]);

  return {
    add(key, waiting) {
      const id = text(key);
      byKey.set(id, waiting);
      void waiting.association.over.then(() => {
        if (byKey.get(id) === waiting) byKey.delete(id);
      });
    },
    find: (key) => byKey.get(text(key)),
    remove: (key) => void byKey.delete(text(key)),
  };
}
