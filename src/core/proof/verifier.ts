import type { ProofCounts } from './finding.ts';
import type { EmitProof, ProofParts, ProofRequest } from './proof-run.ts';
import { verify } from './verify.ts';

/** A verification is under way already. */
export class VerificationBusyError extends Error {
  override readonly name = 'VerificationBusyError';
}

/** Runs verifications, one at a time: two would only slow each other down, and repair the same things twice. */
export interface Verifier {
  /** @throws VerificationBusyError */
  verify(request: ProofRequest, signal: AbortSignal, emit: EmitProof): Promise<ProofCounts>;
  /** Ends the one under way. */
  stop(): Promise<void>;
}

export function createVerifier(parts: ProofParts): Verifier {
  let running: { readonly done: Promise<unknown>; readonly stop: AbortController } | undefined;
  return {
    async verify(request, signal, emit) {
      if (running !== undefined) throw new VerificationBusyError('a verification is under way already');
      const stop = new AbortController();
      const work = verify(parts, request, AbortSignal.any([signal, stop.signal]), emit);
      running = { done: work.catch(() => undefined), stop };
      try {
        return await work;
      } finally {
        running = undefined;
      }
    },
    async stop() {
      running?.stop.abort();
      await running?.done;
    },
  };
}
