import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { createDeliveryLoop } from '../avara/delivery-loop.ts';
import { createStudyGateway } from '../avara/study-gateway.ts';
import type { Config } from '../config/config.ts';
import { createChronicle } from '../core/activity/chronicle.ts';
import { createHistoryKeeper } from '../core/associations/history-keeper.ts';
import { createObjectUrls } from '../core/access/object-urls.ts';
import { createIntake } from '../core/ingest/create-intake.ts';
import { createPictureService } from '../core/pictures/picture-service.ts';
import { StudyGate } from '../core/ingest/study-gate.ts';
import { undoMoves } from '../core/move/move-study.ts';
import { settleRemovals } from '../core/retention/settle-removals.ts';
import { recoverStaged } from '../core/ingest/recover-staged.ts';
import { createRouter, type Router } from '../core/routing/route.ts';
import type { CertificateView } from '../core/summary/certificates.ts';
import { StudySettler } from '../core/study/study-settler.ts';
import { createAwaitedCommitments } from '../dimse/awaited-commitments.ts';
import { createCommitmentReportService } from '../dimse/services/commitment-report.ts';
import { createDimseServer } from '../dimse/server.ts';
import { createFileIntake } from '../folder/file-intake.ts';
import { createLiveFeed } from '../http/admin/live-feed.ts';
import { takeLiveSnapshot } from '../http/admin/live-routes.ts';
import { createAdminApp } from '../http/admin-app.ts';
import { createPublicApp } from '../http/public-app.ts';
import { createHttpServer } from '../http/server.ts';
import { createMetrics } from '../observability/metrics.ts';
import { createPixels } from '../pixels/create-pixels.ts';
import { createSystemClock } from '../platform/clock.ts';
import { loadCachedFiles } from '../platform/cached-file.ts';
import { loadQuickAck } from '../platform/quick-ack.ts';
import { loadSendFile } from '../platform/send-file.ts';
import { lockDataFolder } from '../sqlite/data-folder-lock.ts';
import { openSqliteIndex } from '../sqlite/study-index.ts';
import { openAuditLog } from '../storage/audit-log.ts';
import { readAuditTail } from '../storage/audit-tail.ts';
import { watchFreeSpace } from '../storage/free-space.ts';
import { createInstanceStore } from '../storage/instance-store.ts';
import { openKeyRing } from '../storage/key-ring.ts';
import { createAccessTokens } from './access-tokens.ts';
import { createAlerts } from './alerts.ts';
import { overviewFindings } from './overview-findings.ts';
import { createAdminOperations } from './admin-operations.ts';
import { createAvaraSide } from './avara-side.ts';
import { commandsSinceLastRun, createAuditMessages } from './audit-messages.ts';
import { createCustomers } from './customers.ts';
import type { CreateDaemonOptions, Daemon, ListenAddresses } from './daemon.ts';
import { createDaemonStatus } from './daemon-status.ts';
import { createDicomWeb } from './dicom-web.ts';
import { handOutNote, notingHandOuts } from './hand-outs.ts';
import { folderSettings } from './folders.ts';
import { createLateProducts } from './late-products.ts';
import { indexFile, requireIndexOfObjects } from './index-file.ts';
import { watchIntake } from './intake-watch.ts';
import { createMetadata } from './metadata.ts';
import { Lifecycle } from './lifecycle.ts';
import {
  countAvaraRequests,
  countCommitments,
  countIntake,
  mirrorDisk,
  mirrorFiles,
  mirrorIndex,
  mirrorAvara,
} from './metrics-wiring.ts';
import { createOverview } from './overview.ts';
import { prepareFolder } from './prepare-folder.ts';
import { createProof } from './proof.ts';
import { watchPublicCertificate } from './public-certificate.ts';
import { createRetention } from './retention.ts';
import { createScrubPart } from './scrub.ts';
import { restartOnlyChanges } from './reload.ts';
import { reloadDifference } from './reload-difference.ts';
import { accountForIntake } from './space-guard.ts';
import { startErrorOf } from './start-errors.ts';
import { createStudyMovesPart } from './study-moves.ts';
import { createStorageCommitment } from './storage-commitment.ts';
import { openTlsCredentials } from './tls-credentials.ts';
import { watchVitals } from './vitals.ts';
import { VERSION } from '../platform/version.ts';

const DAY_MS = 86_400_000;

/**
 * Builds the daemon: the only place that knows every adapter. Parts are opened in the order of their dependence and
 * closed in reverse; see docs/architecture.md.
 */
export async function createDaemon({ config, logger, logLevel }: CreateDaemonOptions): Promise<Daemon> {
  const clock = createSystemClock();
  const lifecycle = new Lifecycle(logger);
  try {
    return await build();
  } catch (error) {
    await lifecycle.close();
    throw startErrorOf(error);
  }

  async function build(): Promise<Daemon> {
    const { dataDir } = config;
    await prepareFolder(dataDir);
    await requireIndexOfObjects(dataDir);
    const cachedFiles = await loadCachedFiles();
    if (cachedFiles.kind === 'unavailable')
      logger.info(
        { reason: cachedFiles.reason },
        'objects in memory cannot be told apart: all are read in threads',
      );
    const instanceStore = await createInstanceStore({
      dataDir,
      ...(cachedFiles.kind === 'available' && { cachedFiles }),
    });
    const store = lifecycle.opened('object store', instanceStore, (it) => it.close());
    lifecycle.opened('data folder lock', lockDataFolder(dataDir), (unlock) => unlock());
    const metrics = lifecycle.opened('metrics', createMetrics(), (it) => it.close());
    const database = openSqliteIndex({ filePath: indexFile(dataDir) });
    const {
      index,
      outbox,
      commitmentRequests,
      files,
      associationHistory,
      reports,
      retrievals,
      removals,
      moves,
      search,
    } = database;
    lifecycle.opened('index', index, (it) => it.close());
    await database.serviceRuns.began(clock.now());
    lifecycle.opened('service run', database.serviceRuns, (runs) => runs.ended(clock.now()));
    const freeSpace = lifecycle.opened(
      'free space watch',
      await watchFreeSpace({ dataDir, reserveBytes: config.storage.reserveBytes, clock, logger }),
      (it) => it.stop(),
    );
    let auditEntriesLost = 0;
    const keys = lifecycle.opened(
      'key ring',
      await openKeyRing({
        file: path.join(dataDir, 'object-url-keys.json'),
        clock,
        logger,
        urlLifetimeMs: config.access.urlLifetimeSeconds * 1000,
        rotateAfterMs: config.access.keyRotationDays * DAY_MS,
      }),
      (it) => it.close(),
    );
    const chronicle = createChronicle({ ...database, freeSpace: () => freeSpace.current(), clock, logger });
    const auditFolder = path.join(dataDir, 'audit');
    const auditMessages = lifecycle.opened(
      'audit messages',
      createAuditMessages({ syslog: config.audit.syslog, metrics, clock, logger }),
      (it) => it?.close(),
    );
    const auditLog = lifecycle.opened(
      'audit trail',
      await openAuditLog({
        folder: auditFolder,
        clock,
        logger,
        keepDays: config.audit.keepDays ?? undefined,
        onEntry: (record) => auditMessages?.tell(record),
        onWriteFailure: () => metrics.auditWriteFailures.inc(),
        onEntryLost: () => {
          auditEntriesLost += 1;
          metrics.auditEntriesLost.inc();
        },
      }),
      (it) => it.close(),
    );
    const commands = auditMessages === undefined ? [] : await commandsSinceLastRun(auditFolder);
    const audit = chronicle.auditing(auditLog);

    await settleRemovals({ removals, files: store, logger });
    const recovered = await recoverStaged({ store, index, logger });
    if (Object.values(recovered).some((count) => count > 0))
      logger.warn({ ...recovered }, 'recovered from an unclean stop');

    await undoMoves({ index, moves, files: store, logger });

    const customers = createCustomers(config);
    const gateway = createStudyGateway({
      customers: customers.avara,
      version: VERSION,
      timeoutMs: config.avara.requestTimeoutSeconds * 1000,
      onRequest: countAvaraRequests(metrics),
    });
    const deliveries = createDeliveryLoop({
      outbox,
      gateway,
      customers: customers.avara,
      clock,
      logger,
      concurrency: config.avara.concurrency,
    });
    const lateProducts = createLateProducts({
      outbox,
      customers,
      clock,
      logger,
      onAdded: () => deliveries.wake(),
    });
    let publicUrl = config.http.publicUrl ?? undefined;
    const metadata = createMetadata({
      config,
      index,
      store,
      hasSpace: () => !freeSpace.current().isBelowReserve,
      clock,
      logger,
      metrics,
      lifecycle,
      publicUrl: () => publicUrl,
    });
    const settler = new StudySettler({
      index,
      clock,
      logger,
      stableAfterMs: config.studies.stableAfterSeconds * 1000,
      stableAfterReleaseMs: config.studies.stableAfterReleaseSeconds * 1000,
      productsOf: (customer) => customers.productsOf(customer),
      onStable: (key) => {
        deliveries.wake();
        metadata.preparer.add(key);
      },
    });
    const intakeWatch = watchIntake(clock);
    const gate = new StudyGate();
    const retention = createRetention({
      config,
      removals,
      files: store,
      gate,
      flushIntake: () => intake.flush(),
      audit,
      metrics,
      clock,
      logger,
      hooks: [(key) => metadata.drop(key)],
    });
    const intake = createIntake({
      store,
      index,
      clock,
      logger,
      hasSpace: () => !freeSpace.current().isBelowReserve,
      observers: [
        settler,
        metadata.preparer,
        countIntake(metrics),
        accountForIntake(freeSpace),
        retention.observer,
        intakeWatch.observer,
        chronicle,
      ],
      gate,
    });
    const fileIntake = await createFileIntake({ dataDir, intake, index, records: files, clock, logger });

    let configNow = config;
    const proving = lifecycle.opened(
      'proof',
      createProof({
        dataDir,
        index,
        proof: database.proof,
        gateway,
        customers,
        clock,
        logger,
        isKnownDamaged: (file) => database.damage.has(file),
      }),
      (it) => it.close(),
    );

    const scrub = lifecycle.opened(
      'background check',
      createScrubPart({
        config,
        dataDir,
        index,
        proof: database.proof,
        gateway,
        customers,
        records: database.scrub,
        damage: database.damage,
        isBusy: () => intakeWatch.isBusy(),
        verifier: proving.verifier,
        metrics,
        clock,
        logger,
      }),
      (it) => it.close(),
    );

    let router: Router = createRouter(config.routes);
    const awaited = createAwaitedCommitments();
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
        const decision = router.decide(request);
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

    const mover = createStudyMovesPart({
      index,
      moves,
      removals,
      files: store,
      gate,
      flushIntake: () => intake.flush(),
      productsOf: (customer) => customers.productsOf(customer),
      audit,
      clock,
      logger,
      hooks: [(key) => metadata.drop(key)],
      onMoved() {
        deliveries.wake();
        void retention.run().catch(() => undefined);
      },
    });
    const noteHandOut = handOutNote({ removals, clock, logger, config });
    const objectUrls = notingHandOuts(
      createObjectUrls({
        publicUrl: () => publicUrl ?? 'http://127.0.0.1',
        keys,
        clock,
        lifetimeSeconds: config.access.urlLifetimeSeconds,
      }),
      noteHandOut,
    );
    const avara = createAvaraSide({
      config,
      customers,
      gateway,
      index,
      reports,
      retrievals,
      intake,
      objectUrls,
      noteHandOut,
      awaited,
      publicUrl: () => publicUrl ?? 'http://127.0.0.1',
      keys,
      audit,
      clock,
      logger,
    });
    const tokens = createAccessTokens(config);
    const httpTls =
      config.http.tls === null
        ? undefined
        : await openTlsCredentials({ listener: 'http', files: config.http.tls, clock, logger });
    const publicCertificate = watchPublicCertificate({ publicUrl, clock });
    const certificates = (): readonly CertificateView[] =>
      [
        ['dimse', dimseTls] as const,
        ['http', httpTls] as const,
        ['public-url', publicCertificate] as const,
      ].flatMap(([listener, certificate]) => {
        const daysLeft = certificate?.daysLeft();
        return daysLeft === undefined ? [] : [{ listener, daysLeft }];
      });
    metrics.beforeScrape(() => {
      for (const { listener, daysLeft } of certificates()) metrics.tlsDaysLeft.set({ listener }, daysLeft);
    });
    const pixels = lifecycle.opened(
      'pixel workers',
      createPixels({
        spoolFolder: path.join(dataDir, 'spool'),
        hasSpace: () => !freeSpace.current().isBelowReserve,
        onOutcome: (outcome) => metrics.pixelJobs.inc({ outcome }),
      }),
      (it) => it.close(),
    );
    metrics.beforeScrape(() => {
      const { waiting, running } = pixels.load();
      metrics.pixelJobsNow.set({ state: 'waiting' }, waiting);
      metrics.pixelJobsNow.set({ state: 'running' }, running);
    });
    const pictures = createPictureService({ store, renderer: pixels.renderer });
    const sendFile = cachedFiles.kind === 'available' ? await loadSendFile(cachedFiles) : cachedFiles;
    if (sendFile.kind === 'unavailable')
      logger.info({ reason: sendFile.reason }, 'sendfile is not available: objects are copied when sent');
    const publicServer = createHttpServer({
      app: createPublicApp({
        index,
        store,
        keys,
        audit,
        clock,
        logger,
        metrics,
        webhooks: avara.webhooks,
        captures: avara.captures,
        open: { index, opener: avara.opener, tokens: () => tokens.current() },
        dicomWeb: createDicomWeb({
          config,
          tokens,
          index,
          search,
          store,
          intake,
          codec: pixels.codec,
          pictures,
          hasSpace: () => !freeSpace.current().isBelowReserve,
          keys,
          audit,
          clock,
          logger,
          metrics,
          lifecycle,
          metadata,
        }),
        corsOrigins: config.http.corsOrigins,
      }),
      host: config.http.host,
      port: config.http.port,
      trustProxy: config.http.trustProxy,
      logger,
      tls: httpTls?.material,
      ...(sendFile.kind === 'available' && { sendFile }),
    });
    let isListening = false;
    let inForce = config;
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
      maxAssociations: dimseConfig.maxAssociations,
      isListening: () => isListening,
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
      isListening: () => isListening,
      configNow: () => configNow,
      routerNow: () => router,
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
        auditEntriesLost,
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
      onFailure: (error) =>
        logger.error({ err: error }, 'the live figures of the status page cannot be read'),
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
          routerNow: () => router,
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

    /** Takes nothing new in, then lets what is in flight come to its end, each part with the time that is left. */
    async function stopServing(deadlineMs: number): Promise<void> {
      const endAt = clock.now() + deadlineMs;
      const left = (): number => Math.max(0, endAt - clock.now());
      isListening = false;
      await Promise.all([
        proving.verifier.stop(),
        scrub.stop(),
        dimse.drain(deadlineMs),
        publicServer.close(deadlineMs),
        within(deadlineMs, fileIntake.stop()),
      ]);
      await retention.stop();
      mover.stop();
      await storageCommitment.stop(left());
      settler.stop();
      await metadata.stop();
      historyKeeper.stop();
      await chronicle.stop();
      await alerts.stop();
      dimseTls?.stop();
      httpTls?.stop();
      publicCertificate.stop();
      vitals.stop();
      // What fails was logged; the next start sees to it.
      await intake.flush().catch(() => undefined);
      await lateProducts.stop();
      await avara.stop(left());
      await deliveries.stop(left());
      gateway.close();
      live.close();
      await adminServer.close(Math.min(left(), 1000));
    }

    return {
      async start(): Promise<ListenAddresses> {
        try {
          const addresses = {
            dimse: await dimse.listen(),
            http: await publicServer.listen(),
            admin: await adminServer.listen(),
          };
          publicUrl ??= localUrl(config, addresses.http.port);
          settler.start();
          metadata.start();
          historyKeeper.start();
          chronicle.start();
          dimseTls?.start((material) => dimse.renewTls(material));
          httpTls?.start((material) => publicServer.renewTls(material));
          publicCertificate.start();
          vitals.start();
          deliveries.start();
          avara.start();
          void lateProducts.run();
          storageCommitment.start();
          retention.start();
          scrub.start();
          mover.start();
          await fileIntake.watch(folderSettings(config));
          isListening = true;
          alerts.start();
          for (const record of commands) auditMessages?.tell(record);
          audit.record({ event: 'daemon.started', detail: VERSION });
          return addresses;
        } catch (error) {
          await stopServing(0);
          await lifecycle.close();
          throw startErrorOf(error);
        }
      },
      async stop({ deadlineMs }) {
        audit.record({ event: 'daemon.stopped' });
        await stopServing(deadlineMs);
        await lifecycle.close();
      },
      async pulse() {
        await database.pulse();
        return { summary: status.summary() };
      },
      async reload(next) {
        const ignored = restartOnlyChanges(config, next);
        if (ignored.length > 0)
          logger.warn({ sections: ignored }, 'these changes need a restart and are not in force');
        configNow = next;
        router = createRouter(next.routes);
        customers.replace(next);
        tokens.replace(next);
        avara.reload();
        retention.reload(next);
        alerts.reload(next);
        void lateProducts.run();
        storageCommitment.replacePeers(next.dimse.peers);
        void dimseTls?.check();
        void httpTls?.check();
        void publicCertificate.check();
        deliveries.probeNow();
        deliveries.wake();
        await fileIntake.watch(folderSettings(next));
        const difference = reloadDifference(inForce, next);
        inForce = next;
        audit.record({ event: 'config.reloaded', detail: JSON.stringify(difference).slice(0, 2000) });
        return difference;
      },
    };
  }
}

/** Waits for `work`, but not longer than `ms`. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  const timeout = new AbortController();
  await Promise.race([work, delay(ms, undefined, { signal: timeout.signal }).catch(() => undefined)]);
  timeout.abort();
}

/** Where this machine reaches the public listener, for set-ups without a `publicUrl`. */
function localUrl({ http }: Config, port: number): string {
  const host = http.host === '0.0.0.0' || http.host === '::' ? '127.0.0.1' : http.host;
  return `${http.tls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
