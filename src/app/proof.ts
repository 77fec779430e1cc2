import type { StudyGateway } from '../core/ports/study-gateway.ts';
import type { ProofIndex } from '../core/ports/proof-index.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import type { Clock } from '../core/ports/clock.ts';
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
  readonly onObjectRead?: ProofParts['onObjectRead'];
}

export interface Proof {
  readonly verifier: Verifier;
  close(): Promise<void>;
}

/** Files read at once: more threads than that only make a disk seek. */
const THREADS = 2;

/** What proves the data folder: its files, read in threads of their own, against its index. */
export function createProof(options: ProofOptions): Proof {
  const { dataDir, customers, ...parts } = options;
  const worker = createFileWorker({ threads: THREADS });
  const files = createProofFiles({ dataDir, read: (path, how) => worker.read(path, how) });
  const verifier = createVerifier({
    ...parts,
    files,
    productsOf: (customer) => customers.productsOf(customer),
  });
  return {
    verifier,
    async close() {
      await verifier.stop();
      await worker.close();
      await files.close();
    },
  };
}
