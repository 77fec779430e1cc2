import type { Config } from '../config/config.ts';
import type { AlertSnapshot } from '../core/alerts/find-conditions.ts';
import type { DamageRecords, ScrubRecords } from '../core/ports/scrub-records.ts';
import { createDamageBook } from '../core/proof/damage-book.ts';
import { createScrub } from '../core/proof/scrub.ts';
import type { Verifier } from '../core/proof/verifier.ts';
import type { IntegrityView } from '../http/admin/integrity.ts';
import type { Metrics } from '../observability/metrics.ts';
import { createFileWorker } from '../platform/file-worker.ts';
import { createProofFiles } from '../storage/proof-files.ts';
import type { Customers } from './customers.ts';
import type { ProofOptions } from './proof.ts';

const DAY_MS = 86_400_000;
/** In one answer. */
const DAMAGED_SHOWN = 100;

export interface ScrubPartOptions extends ProofOptions {
  readonly config: Config;
  readonly verifier: Verifier;
  readonly records: ScrubRecords;
  readonly damage: DamageRecords;
  /** Whether images are coming in. */
  readonly isBusy: () => boolean;
  readonly customers: Customers;
  readonly logger: NonNullable<ProofOptions['logger']>;
  readonly metrics: Pick<
    Metrics,
    'scrubObjects' | 'scrubBytes' | 'damagedObjects' | 'scrubOldestCheck' | 'beforeScrape'
  >;
}

export interface ScrubPart {
  /** The verifier, listened to: what it finds is known from then on. */
  readonly verifier: Verifier;
  view(): IntegrityView;
  findings(): Pick<AlertSnapshot, 'damagedObjects' | 'scrubBehindSince'>;
  start(): void;
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** The background check with a thread of its own, and what is known to be damaged. */
export function createScrubPart(options: ScrubPartOptions): ScrubPart {
  const { config, dataDir, index, proof, gateway, customers, records, clock, logger, metrics } = options;
  const settings = config.storage.scrub;
  const worker = createFileWorker({ threads: 1 });
  const files = createProofFiles({ dataDir, read: (path, how) => worker.read(path, how) });
  const productsOf: Customers['productsOf'] = (customer) => customers.productsOf(customer);
  const parts = { index, proof, files, gateway, productsOf, clock };
  const maxBytesPerSecond = settings?.maxBytesPerSecond ?? 0;
  const damage = createDamageBook({ parts, records: options.damage, maxBytesPerSecond });
  const scrub = createScrub({
    parts,
    records,
    damage,
    clock,
    logger,
    periodMs: settings === null ? undefined : settings.everyDays * DAY_MS,
    maxBytesPerSecond,
    isBusy: options.isBusy,
    totalBytes: () => index.totals().bytes,
    onChecked(isWhole, bytes) {
      metrics.scrubObjects.inc({ outcome: isWhole ? 'whole' : 'damaged' });
      metrics.scrubBytes.inc(bytes);
    },
  });
  metrics.beforeScrape(() => {
    const { oldestCheckAt } = scrub.status();
    metrics.damagedObjects.set(damage.count());
    metrics.scrubOldestCheck.set(
      oldestCheckAt === undefined ? 0 : Math.max(0, (clock.now() - oldestCheckAt) / 1000),
    );
  });
  return {
    verifier: damage.listeningTo(options.verifier),
    view: () => ({
      ...scrub.status(),
      ...(settings && { everyDays: settings.everyDays }),
      damagedObjects: damage.count(),
      damaged: damage.list(DAMAGED_SHOWN),
    }),
    findings() {
      const { isBehind, round } = scrub.status();
      return {
        damagedObjects: damage.count(),
        ...(isBehind && round && { scrubBehindSince: round.startedAt }),
      };
    },
    start: () => scrub.start(),
    async stop() {
      // A slow reading of a large object would otherwise be waited for.
      await Promise.all([scrub.stop(), worker.close()]);
    },
    close: () => files.close(),
  };
}
