import { createStudyGateway } from '../avara/study-gateway.ts';
import type { Config } from '../config/config.ts';
import { recoverStaged } from '../core/ingest/recover-staged.ts';
import type { Logger } from '../core/ports/logger.ts';
import { createDamageBook } from '../core/proof/damage-book.ts';
import type { Verifier } from '../core/proof/verifier.ts';
import { settleRemovals } from '../core/retention/settle-removals.ts';
import { createSystemClock } from '../platform/clock.ts';
import { VERSION } from '../platform/version.ts';
import { type CommandAudit, openCommandAudit } from './command-audit.ts';
import { createCustomers } from './customers.ts';
import { Lifecycle } from './lifecycle.ts';
import { createProof } from './proof.ts';
import { openAlone } from './open-alone.ts';
import { startErrorOf } from './start-errors.ts';

export interface ProofAlone {
  readonly verifier: Verifier;
  close(): Promise<void>;
}

/**
 * Opens what a verification needs, for when no daemon is running.
 * @param repair first does what a start of the daemon does with what a crash left.
 * @throws StartError, also where a daemon is using the data folder.
 */
export async function openProofAlone({
  config,
  logger,
  repair,
  audited,
}: {
  readonly config: Config;
  readonly logger: Logger;
  readonly repair: boolean;
  /** The command for the audit trail, where it may change something. */
  readonly audited?: string | undefined;
}): Promise<ProofAlone> {
  const { dataDir } = config;
  const clock = createSystemClock();
  const lifecycle = new Lifecycle(logger);
  try {
    const { store, database } = await openAlone(dataDir, lifecycle);
    const { index, proof, removals, damage } = database;
    const customers = createCustomers(config);
    const gateway = lifecycle.opened(
      'Avara',
      createStudyGateway({
        customers: customers.avara,
        version: VERSION,
        timeoutMs: config.avara.requestTimeoutSeconds * 1000,
      }),
      (it) => it.close(),
    );
    if (repair) {
      await settleRemovals({ removals, files: store, logger });
      await recoverStaged({ store, index, logger });
    }
    const parts = createProof({
      dataDir,
      index,
      proof,
      gateway,
      customers,
      clock,
      isKnownDamaged: (file) => damage.has(file),
    });
    lifecycle.opened('proof', parts, (it) => it.close());
    // The daemon knows after its start what was found here.
    const book = createDamageBook({ parts: parts.parts, records: damage, maxBytesPerSecond: 0 });
    const verifier = book.listeningTo(parts.verifier);
    if (audited === undefined) return { verifier, close: () => lifecycle.close() };
    const audit = lifecycle.opened(
      'audit trail',
      await openCommandAudit({ dataDir, logger, command: audited }),
      (it) => it.close(),
    );
    return { verifier: takenDown(verifier, audit), close: () => lifecycle.close() };
  } catch (error) {
    await lifecycle.close();
    throw startErrorOf(error);
  }
}

function takenDown(verifier: Verifier, audit: CommandAudit): Verifier {
  return {
    stop: () => verifier.stop(),
    async verify(request, signal, emit) {
      audit.started();
      try {
        const counts = await verifier.verify(request, signal, emit);
        const end = signal.aborted ? ', stopped' : '';
        audit.ended(`${counts.repaired} repaired, ${counts.errors} exceptions${end}`);
        return counts;
      } catch (error) {
        audit.ended('failed');
        throw error;
      }
    },
  };
}
