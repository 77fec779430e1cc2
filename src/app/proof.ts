import type { StudyGateway } from '../core/ports/study-gateway.ts';
import type { ProofIndex } from '../core/ports/proof-index.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { ProofEvent } from '../core/proof/finding.ts';
import type { ProofParts } from '../core/proof/proof-run.ts';
import { createVerifier, type Verifier } from '../core/proof/verifier.ts';
import { createFileWorker } from '../platform/file-worker.ts';
import { createProofFiles } from '../storage/proof-files.ts';
import type { Customers } from './customers.ts';

export interface ProofOptions {
  readonly dataDir: string;
  readonly index: StudyIndex;
  readonly proof: ProofIndex;
  readonly gateway: StudyGateway;
  readonly customers: Customers;
  readonly clock: Clock;
  /** Whether the file at this path was damaged when it was last read. */
  readonly isKnownDamaged?: (path: string) => boolean;
  /** Told of each exception that is not repaired; default: nobody. */
  readonly logger?: Logger;
}

export interface Proof {
  readonly verifier: Verifier;
  readonly parts: ProofParts;
  close(): Promise<void>;
}

/** Files read at once: more threads than that only make a disk seek. */
const THREADS = 2;

/** What proves the data folder: its files, read in threads of their own, against its index. */
export function createProof(options: ProofOptions): Proof {
  const { dataDir, customers, logger, ...parts } = options;
  const worker = createFileWorker({ threads: THREADS });
  const files = createProofFiles({ dataDir, read: (path, how) => worker.read(path, how) });
  const proofParts: ProofParts = {
    ...parts,
    files,
    productsOf: (customer) => customers.productsOf(customer),
  };
  const verifier = createVerifier(proofParts);
  /** So that whoever watches the log learns of it, too, and not only who asked. */
  const note = (event: ProofEvent): void => {
    if (event.event !== 'finding' || event.severity !== 'error' || event.repaired !== undefined) return;
    const { customer, studyInstanceUid, seriesInstanceUid, sopInstanceUid, product, path, kind } = event;
    logger?.error(
      { customer, studyInstanceUid, seriesInstanceUid, sopInstanceUid, product, path, kind },
      'a verification found an exception',
    );
  };
  return {
    parts: proofParts,
    verifier: {
      stop: () => verifier.stop(),
      verify: (request, signal, emit) =>
        verifier.verify(request, signal, (event) => {
          note(event);
          return emit(event);
        }),
    },
    async close() {
      await verifier.stop();
      await worker.close();
      await files.close();
    },
  };
}
