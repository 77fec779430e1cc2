import type { Config } from '../config/config.ts';
import { createCommitmentLoop } from '../core/commitment/commitment-loop.ts';
import type { CommitmentLoop } from '../core/commitment/commitment-loop.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { CommitmentRequests } from '../core/ports/commitment-requests.ts';
import type { InstanceStore } from '../core/ports/instance-store.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import { createCommitmentReporter } from '../dimse/scu/commitment-reporter.ts';
import type { ReportPeer } from '../dimse/scu/commitment-reporter.ts';
import type { DimseService } from '../dimse/services/service.ts';
import { createStorageCommitmentService } from '../dimse/services/storage-commitment.ts';
import { createWaitingAssociations } from '../dimse/waiting-associations.ts';

const DAY_MS = 86_400_000;

export interface StorageCommitmentOptions {
  readonly config: Config['dimse'];
  readonly requests: CommitmentRequests;
  readonly index: StudyIndex;
  readonly store: InstanceStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface StorageCommitment extends Pick<CommitmentLoop, 'start' | 'stop'> {
  /** For the DIMSE server. */
  readonly service: DimseService;
  /** Takes over changed peers, and tries at once what could not be reported before. */
  replacePeers(peers: Config['dimse']['peers']): void;
}

/** Puts storage commitment together: taking requests, verifying them, reporting on them. */
export function createStorageCommitment(options: StorageCommitmentOptions): StorageCommitment {
  const { config, requests, index, store, clock, logger } = options;
  const associations = createWaitingAssociations();
  let peers = byAeTitle(config.peers);
  const loop = createCommitmentLoop({
    requests,
    index,
    store,
    clock,
    logger,
    giveUpAfterMs: config.commitmentReportDays * DAY_MS,
    reporter: createCommitmentReporter({
      associations,
      findPeer: (aeTitle) => peers.get(aeTitle),
      clock,
      logger,
    }),
  });
  return {
    service: createStorageCommitmentService({
      requests,
      associations,
      clock,
      logger,
      onAccepted: (callingAeTitle) => loop.wake(callingAeTitle),
    }),
    start: () => loop.start(),
    stop: (deadlineMs) => loop.stop(deadlineMs),
    replacePeers(next) {
      peers = byAeTitle(next);
      loop.wakeAll();
    },
  };
}

function byAeTitle(peers: Config['dimse']['peers']): ReadonlyMap<string, ReportPeer> {
  return new Map(
    peers.map(({ aeTitle, host, port, tls }) => [aeTitle, { host, port, ...(tls !== false && { tls }) }]),
  );
}
