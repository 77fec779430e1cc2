import type {
  CommitmentRequest,
  CommitmentRequests,
  NewCommitmentRequest,
  ReferenceFailure,
} from '../../src/core/ports/commitment-requests.ts';

interface Entry {
  readonly request: CommitmentRequest;
  readonly references: NewCommitmentRequest['references'];
  state: 'open' | 'reported' | 'given-up';
  failedAttempts: number;
  verdict?: readonly ReferenceFailure[];
}

/** Storage commitment requests in memory, without bounds and memory of settled ones. */
export interface MemoryCommitmentRequests extends CommitmentRequests {
  /** State by Transaction UID. */
  states(): Readonly<Record<string, Entry['state']>>;
}

export function createMemoryCommitmentRequests(): MemoryCommitmentRequests {
  const entries = new Map<number, Entry>();
  const change = (id: number, apply: (entry: Entry) => void): Promise<void> => {
    const entry = entries.get(id);
    if (entry) apply(entry);
    return Promise.resolve();
  };
  return {
    accept({ references, ...rest }, now) {
      const id = entries.size + 1;
      const request = { ...rest, id, acceptedAt: now, failedAttempts: 0 };
      entries.set(id, { request, references, state: 'open', failedAttempts: 0 });
      return Promise.resolve('accepted');
    },
    open(limit, exceptPeers, exceptIds) {
      const peers = new Set(exceptPeers);
      const found: CommitmentRequest[] = [];
      for (const { request, state, failedAttempts } of entries.values()) {
        if (state !== 'open' || peers.has(request.callingAeTitle) || exceptIds.has(request.id)) continue;
        peers.add(request.callingAeTitle);
        found.push({ ...request, failedAttempts });
      }
      return found.slice(0, limit);
    },
    references: (id) => entries.get(id)?.references ?? [],
    verdict: (id) => entries.get(id)?.verdict,
    saveVerdict: (id, failures) => change(id, (entry) => (entry.verdict = failures)),
    noteFailure: (id) => change(id, (entry) => (entry.failedAttempts += 1)),
    settle: (id, as) => change(id, (entry) => (entry.state = as)),
    prune: () => Promise.resolve(),
    states: () =>
      Object.fromEntries([...entries.values()].map(({ request, state }) => [request.transactionUid, state])),
  };
}
