import type { Config } from '../config/config.ts';
import { MetadataKeeper } from '../core/metadata/metadata-keeper.ts';
import { MetadataPreparer } from '../core/metadata/metadata-preparer.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { InstanceStore } from '../core/ports/instance-store.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { MetadataEncoder } from '../core/ports/metadata-encoder.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import type { StudyKey } from '../core/study/instance.ts';
import { DICOM_WEB_PATH } from '../http/dicomweb/dicom-web-app.ts';
import type { Metrics } from '../observability/metrics.ts';
import { holdMetadata } from '../storage/metadata/held-metadata.ts';
import { createMetadataEncoder } from '../storage/metadata/metadata-encoder.ts';
import { createMetadataStore } from '../storage/metadata/metadata-store.ts';
import type { Lifecycle } from './lifecycle.ts';

export interface MetadataOptions {
  readonly config: Config;
  readonly index: StudyIndex;
  readonly store: InstanceStore;
  readonly hasSpace: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly lifecycle: Lifecycle;
  /** Where the public listener is reached, as far as it is known. */
  readonly publicUrl: () => string | undefined;
}

export interface Metadata {
  readonly keeper: MetadataKeeper;
  readonly encoder: MetadataEncoder;
  readonly preparer: MetadataPreparer;
  /** What BulkDataURIs of an answer began with: what is prepared next should fit the same requests. */
  noteServiceRoot(serviceRoot: string): void;
  /** Forgets a study that was removed. Never rejects: what is left goes at the next start. */
  drop(study: StudyKey): Promise<void>;
  /** Begins to prepare, and tidies up what has outlived its study. */
  start(): void;
  stop(): Promise<void>;
}

/** Puts together what makes and keeps DICOMweb metadata. */
export function createMetadata(options: MetadataOptions): Metadata {
  const { config, index, store, hasSpace, clock, logger, metrics, lifecycle, publicUrl } = options;
  const encoder = lifecycle.opened('metadata encoder', createMetadataEncoder({ store }), (it) => it.close());
  const prepared = createMetadataStore({ dataDir: config.dataDir });
  let lastServiceRoot: string | undefined;
  const keeper = new MetadataKeeper({
    index,
    encoder,
    store: prepared,
    logger,
    hasSpace,
    onSeries: (outcome) => metrics.metadataSeries.inc({ outcome }),
    hold: holdMetadata,
  });
  const preparer = new MetadataPreparer({
    index,
    keeper,
    clock,
    logger,
    serviceRoot() {
      const base = publicUrl();
      // Without a public URL, answers go by the host that a request was made to.
      const guess = base === undefined ? undefined : `${base}${DICOM_WEB_PATH}`;
      return config.http.publicUrl === null ? (lastServiceRoot ?? guess) : guess;
    },
  });
  metrics.beforeScrape(() => metrics.metadataWaiting.set(preparer.waiting));
  return {
    keeper,
    encoder,
    preparer,
    noteServiceRoot(serviceRoot) {
      lastServiceRoot = serviceRoot;
    },
    async drop(study) {
      try {
        await keeper.drop(study);
      } catch (error) {
        logger.warn({ err: error, ...study }, 'prepared metadata of a removed study is still there');
      }
    },
    start() {
      preparer.start();
      prepared
        .sweep((study) => index.findStudy(study) !== undefined)
        .catch((error: unknown) => logger.warn({ err: error }, 'prepared metadata could not be tidied up'));
    },
    stop: () => preparer.stop(),
  };
}
