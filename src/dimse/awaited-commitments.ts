import { LRUCache } from 'lru-cache';

import type { ReceivedCommitmentEvent } from '../dicom/storage-commitment.ts';

/** What a peer says of one object that it was asked to commit to. */
export type CommitmentVerdict =
  | { readonly kind: 'committed' }
  /** With (0008,1197) Failure Reason. */
  | { readonly kind: 'failed'; readonly reason: number };

/** Objects that peers committed to, remembered for those who ask again. */
const MAX_REMEMBERED = 10_000;

/** Storage commitment that others were asked for: who waits for which report, whatever Association it comes on. */
export interface AwaitedCommitments {
  /** @returns its verdict once it comes, undefined where `signal` is aborted first. */
  wait(
    transactionUid: string,
    sopInstanceUid: string,
    signal: AbortSignal,
  ): Promise<CommitmentVerdict | undefined>;
  /** Takes a report. @returns whether anybody had asked for it. */
  take(event: ReceivedCommitmentEvent): boolean;
  /** Whether a peer committed to the object, perhaps after nobody waited any more. */
  isCommitted(sopInstanceUid: string): boolean;
}

export function createAwaitedCommitments(): AwaitedCommitments {
  /** Of every request of this run that may still be answered: the object, and who waits. */
  const asked = new LRUCache<
    string,
    { readonly sopInstanceUid: string; tell?: (verdict: CommitmentVerdict) => void }
  >({ max: MAX_REMEMBERED });
  const committed = new LRUCache<string, true>({ max: MAX_REMEMBERED });

  return {
    wait(transactionUid, sopInstanceUid, signal) {
      return new Promise((resolve) => {
        const onAbort = (): void => {
          asked.set(transactionUid, { sopInstanceUid });
          resolve(undefined);
        };
        asked.set(transactionUid, {
          sopInstanceUid,
          tell(verdict) {
            signal.removeEventListener('abort', onAbort);
            resolve(verdict);
          },
        });
        signal.addEventListener('abort', onAbort, { once: true });
        if (signal.aborted) onAbort();
      });
    },
    take({ transactionUid, committed: kept, failed }) {
      const request = asked.get(transactionUid);
      if (request === undefined) return false;
      const { sopInstanceUid, tell } = request;
      const reason = failed.get(sopInstanceUid);
      if (reason === undefined && !kept.has(sopInstanceUid)) return false;
      asked.delete(transactionUid);
      if (reason === undefined) committed.set(sopInstanceUid, true);
      tell?.(reason === undefined ? { kind: 'committed' } : { kind: 'failed', reason });
      return true;
    },
    isCommitted: (sopInstanceUid) => committed.has(sopInstanceUid),
  };
}
