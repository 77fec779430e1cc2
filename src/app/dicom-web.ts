import type { Hono } from 'hono';

import type { Config } from '../config/config.ts';
import type { KeyRing } from '../core/access/object-token.ts';
import type { PictureService } from '../core/pictures/picture-service.ts';
import type { AuditTrail } from '../core/ports/audit-trail.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { InstanceStore } from '../core/ports/instance-store.ts';
import type { Intake } from '../core/ports/intake.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { PixelCodec } from '../core/ports/pixel-codec.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import type { StudySearch } from '../core/ports/study-search.ts';
import { createBufferPool } from '../http/buffer-pool.ts';
import { createBulkDataRoutes } from '../http/dicomweb/bulkdata-routes.ts';
import { createDicomWebApp } from '../http/dicomweb/dicom-web-app.ts';
import { createMetadataRoutes } from '../http/dicomweb/metadata-routes.ts';
import type { DicomWebEnv } from '../http/dicomweb/env.ts';
import { createRenderedRoutes } from '../http/dicomweb/rendered-routes.ts';
import { createRetrieveRoute } from '../http/dicomweb/retrieve-route.ts';
import { createSearchRoutes } from '../http/dicomweb/search-routes.ts';
import { createFramesRoute } from '../http/dicomweb/frames-route.ts';
import { createStoreRoute } from '../http/dicomweb/store-route.ts';
import { createWadoUriRoute } from '../http/dicomweb/wado-uri-route.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { AccessTokens } from './access-tokens.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Metadata } from './metadata.ts';

export interface DicomWebOptions {
  /** As it was at start; limits of the services. */
  readonly config: Config;
  readonly tokens: AccessTokens;
  readonly index: StudyIndex;
  readonly search: StudySearch;
  readonly store: InstanceStore;
  readonly intake: Intake;
  readonly codec: PixelCodec;
  readonly pictures: PictureService;
  /** Whether the disk may take more. */
  readonly hasSpace: () => boolean;
  readonly keys: KeyRing;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Closes what the services open, such as worker threads. */
  readonly lifecycle: Lifecycle;
  readonly metadata: Metadata;
}

/** Puts the DICOMweb services together; each adds its routes here. */
export function createDicomWeb(options: DicomWebOptions): Hono<DicomWebEnv> {
  const { config, tokens, metadata } = options;
  const pool = createBufferPool();
  return createDicomWebApp({
    ...options,
    tokens: () => tokens.current(),
    publicUrl: () => config.http.publicUrl ?? undefined,
    corsOrigins: config.http.corsOrigins,
    routes: [
      createSearchRoutes({ ...options, maxResults: config.dicomWeb.maxResults }),
      createRetrieveRoute({ ...options, pool }),
      createRenderedRoutes(options),
      createMetadataRoutes({
        ...options,
        keeper: metadata.keeper,
        onServiceRoot: (serviceRoot) => metadata.noteServiceRoot(serviceRoot),
      }),
      createFramesRoute({ ...options, pool }),
      createWadoUriRoute({ ...options, pool }),
      createStoreRoute({
        ...options,
        pool,
        maxRequests: config.dicomWeb.maxStoreRequests,
        idleTimeoutMs: config.dicomWeb.storeIdleTimeoutSeconds * 1000,
      }),
      createBulkDataRoutes({ ...options, encoder: metadata.encoder, pool }),
    ],
  });
}
