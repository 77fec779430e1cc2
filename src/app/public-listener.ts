import path from 'node:path';

import type { Config } from '../config/config.ts';
import { createPictureService, type PictureService } from '../core/pictures/picture-service.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Intake } from '../core/ports/intake.ts';
import type { Logger } from '../core/ports/logger.ts';
import { createPublicApp } from '../http/public-app.ts';
import { createHttpServer, type HttpServer } from '../http/server.ts';
import type { Metrics } from '../observability/metrics.ts';
import { createPixels } from '../pixels/create-pixels.ts';
import { loadSendFile } from '../platform/send-file.ts';
import { type AccessTokens, createAccessTokens } from './access-tokens.ts';
import type { AvaraSide } from './avara-side.ts';
import { createDicomWeb } from './dicom-web.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Metadata } from './metadata.ts';
import type { DataFolder } from './open-data-folder.ts';
import { openTlsCredentials, type TlsCredentials } from './tls-credentials.ts';

export interface PublicListenerOptions extends Pick<
  DataFolder,
  'store' | 'database' | 'freeSpace' | 'keys' | 'audit' | 'cachedFiles'
> {
  readonly config: Config;
  readonly avara: AvaraSide;
  readonly intake: Intake;
  readonly metadata: Metadata;
  readonly metrics: Metrics;
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface PublicListener {
  readonly publicServer: HttpServer;
  readonly httpTls: TlsCredentials | undefined;
  /** Bearer tokens of DICOMweb; a reload replaces them. */
  readonly tokens: AccessTokens;
  /** Shared with the status page. */
  readonly pictures: PictureService;
}

/** Puts the public listener together: webhooks, object URLs, DICOMweb with its pixel workers. Not yet listening. */
export async function createPublicListener(options: PublicListenerOptions): Promise<PublicListener> {
  const { config, store, database, freeSpace, keys, audit, cachedFiles } = options;
  const { avara, intake, metadata, metrics, lifecycle, clock, logger } = options;
  const { dataDir } = config;
  const { index, search } = database;
  const tokens = createAccessTokens(config);
  const httpTls =
    config.http.tls === null
      ? undefined
      : await openTlsCredentials({ listener: 'http', files: config.http.tls, clock, logger });
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
  return { publicServer, httpTls, tokens, pictures };
}
