import type { Config } from '../config/config.ts';
import type { Chronicle } from '../core/activity/chronicle.ts';
import { createHistoryKeeper } from '../core/associations/history-keeper.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Intake } from '../core/ports/intake.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Router } from '../core/routing/route.ts';
import type { AwaitedCommitments } from '../dimse/awaited-commitments.ts';
import { createDimseServer } from '../dimse/server.ts';
import { createCommitmentReportService } from '../dimse/services/commitment-report.ts';
import type { Metrics } from '../observability/metrics.ts';
import { loadQuickAck } from '../platform/quick-ack.ts';
import type { Customers } from './customers.ts';
import { countCommitments } from './metrics-wiring.ts';
import type { DataFolder } from './open-data-folder.ts';
import { createStorageCommitment } from './storage-commitment.ts';
import { openTlsCredentials } from './tls-credentials.ts';

const DAY_MS = 86_400_000;

export interface DimseListenerOptions extends Pick<DataFolder, 'store' | 'database' | 'freeSpace'> {
  readonly config: Config;
  readonly intake: Intake;
  readonly customers: Pick<Customers, 'reportingTo'>;
  /** A reload replaces it. */
  readonly routerNow: () => Router;
  readonly awaited: AwaitedCommitments;
  readonly chronicle: Pick<Chronicle, 'refused'>;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Puts the DICOM listener together: who is let in, what is served, certificates, past Associations. Not yet listening. */
export async function createDimseListener(options: DimseListenerOptions) {
  const { config, store, database, freeSpace, intake, customers, routerNow, awaited } = options;
  const { chronicle, metrics, clock, logger } = options;
  const { index, associationHistory, commitmentRequests } = database;
  const { dimse: dimseConfig } = config;
  const quickAck = await loadQuickAck();
  if (quickAck.kind === 'unavailable') {
    logger.warn(
      { reason: quickAck.reason },
      'TCP_QUICKACK is not available: senders with Nagle on will be slower',
    );
  }
  const historyKeeper = createHistoryKeeper({
    history: associationHistory,
    clock,
    logger,
    keepMs: dimseConfig.historyDays * DAY_MS,
  });
  const storageCommitment = createStorageCommitment({
    config: dimseConfig,
    requests: countCommitments(metrics, commitmentRequests),
    index,
    store,
    clock,
    logger,
  });
  const dimseTls =
    dimseConfig.tls === null
      ? undefined
      : await openTlsCredentials({ listener: 'dimse', files: dimseConfig.tls, clock, logger });
  const dimse = createDimseServer({
    host: dimseConfig.host,
    port: dimseConfig.port,
    maxAssociations: dimseConfig.maxAssociations,
    maxAssociationsPerPeer: dimseConfig.maxAssociationsPerPeer,
    maxPduLengthBytes: dimseConfig.maxPduLengthBytes,
    artimTimeoutMs: dimseConfig.artimTimeoutSeconds * 1000,
    idleTimeoutMs: dimseConfig.idleTimeoutSeconds * 1000,
    minBytesPerSecond: dimseConfig.minBytesPerSecond,
    admit: (request) => {
      const decision = routerNow().decide(request);
      if (decision.kind === 'rejected') {
        const reporting = customers.reportingTo(request);
        if (reporting !== undefined) return { kind: 'admitted', customer: reporting, reportsOnly: true };
        const { callingAeTitle, calledAeTitle, peerAddress } = request;
        const { explanation, nearMisses } = decision;
        logger.warn(
          { callingAeTitle, calledAeTitle, peerAddress, explanation, nearMisses },
          'no route for this sender',
        );
      }
      return decision;
    },
    isCongested: () => freeSpace.current().isBelowReserve,
    intake,
    logger,
    clock,
    services: [storageCommitment.service, createCommitmentReportService({ awaited, logger })],
    ...(dimseTls &&
      dimseConfig.tls && {
        tls: {
          ...dimseTls.material,
          clientCert: dimseConfig.tls.clientCert,
          callingAeBySubject: dimseConfig.tls.callingAeBySubject,
        },
      }),
    ...(quickAck.kind === 'available' && { tuneSocket: (socket) => quickAck.arm(socket) }),
    onRefusal: (refusal) => chronicle.refused(refusal),
    onAssociationEnd: (summary) => {
      metrics.associations.inc({ outcome: summary.outcome });
      historyKeeper.record(summary);
    },
  });
  return { dimse, dimseTls, historyKeeper, storageCommitment };
}

export type DimseListener = Awaited<ReturnType<typeof createDimseListener>>;
