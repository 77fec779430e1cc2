import { setTimeout as delay } from 'node:timers/promises';

import { createDeliveryLoop } from '../avara/delivery-loop.ts';
import { createStudyGateway } from '../avara/study-gateway.ts';
import type { Config } from '../config/config.ts';
import { createObjectUrls } from '../core/access/object-urls.ts';
import { createIntake } from '../core/ingest/create-intake.ts';
import { StudyGate } from '../core/ingest/study-gate.ts';
import { createRouter, type Router } from '../core/routing/route.ts';
import { StudySettler } from '../core/study/study-settler.ts';
import { createAwaitedCommitments } from '../dimse/awaited-commitments.ts';
import { createFileIntake } from '../folder/file-intake.ts';
import { createMetrics } from '../observability/metrics.ts';
import { createSystemClock } from '../platform/clock.ts';
import { VERSION } from '../platform/version.ts';
import { createAdminListener } from './admin-listener.ts';
import { createAvaraSide } from './avara-side.ts';
import { viewCertificates } from './certificates.ts';
import { watchClientCertificates } from './client-certificates.ts';
import { createCustomers } from './customers.ts';
import type { CreateDaemonOptions, Daemon, ListenAddresses } from './daemon.ts';
import { createDimseListener } from './dimse-listener.ts';
import { folderSettings } from './folders.ts';
import { handOutNote, notingHandOuts } from './hand-outs.ts';
import { watchIntake } from './intake-watch.ts';
import { createLateProducts } from './late-products.ts';
import { Lifecycle } from './lifecycle.ts';
import { createMetadata } from './metadata.ts';
import { countAvaraRequests, countIntake } from './metrics-wiring.ts';
import { openDataFolder } from './open-data-folder.ts';
import { createProof } from './proof.ts';
import { watchPublicCertificate } from './public-certificate.ts';
import { createPublicListener } from './public-listener.ts';
import { reloadDifference } from './reload-difference.ts';
import { restartOnlyChanges } from './reload.ts';
import { createRetention } from './retention.ts';
import { createScrubPart } from './scrub.ts';
import { accountForIntake } from './space-guard.ts';
import { startErrorOf } from './start-errors.ts';
import { createStudyMovesPart } from './study-moves.ts';

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
    const metrics = lifecycle.opened('metrics', createMetrics(), (it) => it.close());
    const folder = await openDataFolder({ config, metrics, lifecycle, clock, logger });
    const { store, database, freeSpace, keys, chronicle, audit } = folder;
    const { index, outbox, files, reports, retrievals, removals, moves } = database;

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
    const { dimse, dimseTls, historyKeeper, storageCommitment } = await createDimseListener({
      ...folder,
      config,
      intake,
      customers,
      routerNow: () => router,
      awaited,
      metrics,
      clock,
      logger,
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
    const { publicServer, httpTls, tokens, pictures } = await createPublicListener({
      ...folder,
      config,
      avara,
      intake,
      metadata,
      metrics,
      lifecycle,
      clock,
      logger,
    });
    const publicCertificate = watchPublicCertificate({ publicUrl, clock });
    const clientCertificates = watchClientCertificates({ configNow: () => configNow, clock, logger });
    const certificates = viewCertificates(
      {
        dimse: dimseTls,
        http: httpTls,
        'public-url': publicCertificate,
        'dimse-client': clientCertificates,
      },
      metrics,
    );
    let isListening = false;
    let inForce = config;
    const { adminServer, status, alerts, vitals, live } = createAdminListener({
      ...folder,
      config,
      configNow: () => configNow,
      routerNow: () => router,
      isListening: () => isListening,
      dimse,
      dimseTls,
      httpTls,
      certificates,
      avara,
      customers,
      deliveries,
      settler,
      fileIntake,
      retention,
      mover,
      scrub,
      pictures,
      logLevel,
      metrics,
      clock,
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
      clientCertificates.stop();
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
          await clientCertificates.start();
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
          folder.tellOfCommands();
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
        void dimseTls?.reload(next.dimse.tls);
        void httpTls?.reload(next.http.tls);
        void publicCertificate.check();
        void clientCertificates.check();
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
