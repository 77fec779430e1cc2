import type { DeliveryLoop } from '../avara/delivery-loop.ts';
import type { Config } from '../config/config.ts';
import type { PictureService } from '../core/pictures/picture-service.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Router } from '../core/routing/route.ts';
import type { StudySettler } from '../core/study/study-settler.ts';
import type { CertificateView } from '../core/summary/certificates.ts';
import type { DimseServer } from '../dimse/server.ts';
import type { FileIntakeService } from '../folder/file-intake.ts';
import { createLiveFeed, type LiveFeed } from '../http/admin/live-feed.ts';
import { takeLiveSnapshot } from '../http/admin/live-routes.ts';
import { createAdminApp } from '../http/admin-app.ts';
import { createHttpServer, type HttpServer } from '../http/server.ts';
import type { LogLevelControl } from '../observability/log-level.ts';
import type { Metrics } from '../observability/metrics.ts';
import { VERSION } from '../platform/version.ts';
import { readAuditTail } from '../storage/audit-tail.ts';
import { createAdminOperations } from './admin-operations.ts';
import { type Alerts, createAlerts } from './alerts.ts';
import type { AvaraSide } from './avara-side.ts';
import type { Customers } from './customers.ts';
import { createDaemonStatus } from './daemon-status.ts';
import { mirrorAvara, mirrorDisk, mirrorFiles, mirrorIndex } from './metrics-wiring.ts';
import type { DataFolder } from './open-data-folder.ts';
import { overviewFindings } from './overview-findings.ts';
import { createOverview } from './overview.ts';
import type { Retention } from './retention.ts';
import type { ScrubPart } from './scrub.ts';
import type { StudyMovesPart } from './study-moves.ts';
import type { TlsCredentials } from './tls-credentials.ts';
import { type Vitals, watchVitals } from './vitals.ts';

export interface AdminListenerOptions extends Pick<
  DataFolder,
  'database' | 'freeSpace' | 'keys' | 'chronicle' | 'audit' | 'auditFolder' | 'auditEntriesLost'
> {
  readonly config: Config;
  /** The configuration and its router change with a reload. */
  readonly configNow: () => Config;
  readonly routerNow: () => Router;
  readonly isListening: () => boolean;
  readonly dimse: DimseServer;
  readonly dimseTls: TlsCredentials | undefined;
  readonly httpTls: TlsCredentials | undefined;
  readonly certificates: () => readonly CertificateView[];
  readonly avara: AvaraSide;
  readonly customers: Customers;
  readonly deliveries: DeliveryLoop;
  readonly settler: StudySettler;
  readonly fileIntake: FileIntakeService;
  readonly retention: Retention;
  readonly mover: StudyMovesPart;
  readonly scrub: ScrubPart;
  readonly pictures: PictureService;
  readonly logLevel: LogLevelControl;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface AdminListener {
  readonly adminServer: HttpServer;
  readonly status: ReturnType<typeof createDaemonStatus>;
  readonly alerts: Alerts;
  readonly vitals: Vitals;
  readonly live: LiveFeed;
}

/** Puts the admin listener together: health, status, alerts, metrics, API and page. Not yet listening. */
export function createAdminListener(options: AdminListenerOptions): AdminListener {
  const { config, configNow, routerNow, isListening, dimse, dimseTls, httpTls, certificates } = options;
  const { avara, customers, deliveries, settler, fileIntake, retention, mover, scrub, pictures } = options;
  const { database, freeSpace, keys, chronicle, audit, auditFolder, auditEntriesLost } = options;
  const { logLevel, metrics, clock, logger } = options;
  const { index, outbox, associationHistory, reports, removals } = database;
  const { dataDir } = config;
  const vitals = watchVitals({
    dataDir,
    async pulse() {
      index.totals();
      await database.pulse();
    },
    checkKeys: () => keys.check(),
    clock,
  });
  const status = createDaemonStatus({
    version: VERSION,
    clock,
    index,
    dimse,
    dimseTls,
    httpTls,
    associationHistory,
    deliveries,
    freeSpace,
    files: fileIntake,
    customers: avara.watch,
    reports,
    retention,
    vitals,
    maxAssociations: config.dimse.maxAssociations,
    isListening,
    overview: () => overview,
  });
  const overview = createOverview({
    version: VERSION,
    clock,
    dimse,
    certificates,
    chronicle,
    ...database,
    freeSpace,
    files: fileIntake,
    watch: avara.watch,
    deliveries,
    integrity: () => scrub.view(),
    isListening,
    configNow,
    routerNow,
    readAudit: (limit) => readAuditTail(auditFolder, limit),
  });
  const alerts = createAlerts({
    config,
    records: database.alerts,
    runs: database.serviceRuns,
    index,
    reports,
    deliveries,
    customers: avara.watch,
    freeSpace,
    files: fileIntake,
    certificates,
    quarantineHistory: database.quarantineHistory,
    findings: () => ({
      ...overviewFindings(overview, clock.now()),
      ...scrub.findings(),
      auditEntriesLost: auditEntriesLost(),
    }),
    metrics,
    clock,
    logger,
  });
  const live = createLiveFeed({
    clock,
    snapshot: () =>
      takeLiveSnapshot({
        index,
        overview,
        quarantinedCount: () => fileIntake.quarantinedCount,
        marks: () => [chronicle.mark],
      }),
    onFailure: (error) => logger.error({ err: error }, 'the live figures of the status page cannot be read'),
  });
  mirrorFiles(metrics, fileIntake);
  mirrorDisk(metrics, freeSpace);
  mirrorAvara(metrics, avara.watch, reports);
  mirrorIndex(metrics, index, () => dimse.associations().length);
  const adminServer = createHttpServer({
    app: createAdminApp({
      index,
      associations: associationHistory,
      overview,
      events: database.studyEvents,
      reports,
      live,
      audit,
      operations: createAdminOperations({
        clock,
        index,
        settler,
        outbox,
        deliveries,
        keys,
        avara,
        status,
        routerNow,
      }),
      retention: { retention, removals },
      move: { index, mover },
      thumbnails: { index, pictures },
      files: { files: fileIntake, isCustomer: (key) => customers.productsOf(key) !== undefined },
      alerts,
      logLevel,
      verifier: scrub.verifier,
      registry: metrics.registry,
      clock,
      logger,
      token: config.admin.token?.reveal(),
    }),
    host: config.admin.host,
    port: config.admin.port,
    logger,
  });
  return { adminServer, status, alerts, vitals, live };
}
