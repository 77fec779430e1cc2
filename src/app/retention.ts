import { statfs } from 'node:fs/promises';

import type { Config } from '../config/config.ts';
import type { IntakeObserver } from '../core/ingest/create-intake.ts';
import type { StudyGate } from '../core/ingest/study-gate.ts';
import type { AuditTrail } from '../core/ports/audit-trail.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Removals } from '../core/ports/removals.ts';
import type { StudyFiles } from '../core/ports/study-files.ts';
import { createRetentionLoop } from '../core/retention/retention-loop.ts';
import type { RetentionLoop } from '../core/retention/retention-loop.ts';
import type { RetentionRules } from '../core/retention/rules.ts';
import { createStudyRemover } from '../core/retention/study-remover.ts';
import type { RemovalHook } from '../core/retention/study-remover.ts';
import { customerKey } from '../core/study/instance.ts';
import type { Metrics } from '../observability/metrics.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** For so long after an image the intake counts as busy. */
const BUSY_MS = 2000;

export interface RetentionOptions {
  readonly config: Config;
  readonly removals: Removals;
  readonly files: StudyFiles;
  readonly gate: StudyGate;
  readonly flushIntake: () => Promise<void>;
  readonly audit: AuditTrail;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Drop what was made from a study's images: prepared metadata, pictures. */
  readonly hooks: readonly RemovalHook[];
}

export interface Retention extends RetentionLoop {
  /** Tells when images come in. */
  readonly observer: IntakeObserver;
  reload(config: Config): void;
}

/** Puts retention together, with the rules as configured. */
export function createRetention(options: RetentionOptions): Retention {
  const { config, removals, metrics, clock, logger } = options;
  let rules = rulesOf(config);
  let lastInstanceAt = Number.NEGATIVE_INFINITY;
  const loop = createRetentionLoop({
    removals,
    remover: createStudyRemover({
      ...options,
      audit: {
        record(entry) {
          options.audit.record(entry);
          metrics.studiesRemoved.inc();
        },
      },
    }),
    clock,
    logger,
    rules: () => rules,
    async freeBytes() {
      const { bavail, bsize } = await statfs(config.dataDir);
      return bavail * bsize;
    },
    isBusy: () => clock.now() - lastInstanceAt < BUSY_MS,
    intervalMs: config.retention.checkIntervalMinutes * MINUTE_MS,
    filesPerSecond: config.retention.filesPerSecond,
    onFailure: () => metrics.retentionFailures.inc(),
  });
  metrics.beforeScrape(() => {
    const { unfinished, lastRun } = loop.status();
    metrics.removalsUnfinished.set(unfinished);
    metrics.retentionProtected.set(lastRun?.protected ?? 0);
  });
  return {
    ...loop,
    observer: {
      instanceHandled: () => void (lastInstanceAt = clock.now()),
      intakeEnded: () => undefined,
    },
    reload(next) {
      rules = rulesOf(next);
    },
  };
}

/** The rules in milliseconds, each customer's own over the general ones. */
export function rulesOf({ retention, customers }: Config): RetentionRules {
  const ms = (days: number | null): number | undefined => (days === null ? undefined : days * DAY_MS);
  return {
    customers: new Map(
      Object.entries(customers).map(([name, { products, retention: own }]) => [
        customerKey(name),
        {
          products,
          isExempt: own?.exempt === true,
          afterReceivedMs: ms(own?.afterDays === undefined ? retention.afterDays : own.afterDays),
          afterConfirmedMs: ms(
            own?.afterConfirmedDays === undefined ? retention.afterConfirmedDays : own.afterConfirmedDays,
          ),
          maxBytes: own?.maxBytes ?? undefined,
        },
      ]),
    ),
    maxBytes: retention.maxBytes ?? undefined,
    freeSpace: retention.freeSpace ?? undefined,
    minimumAgeMs: retention.minimumDays * DAY_MS,
    committedMs: ms(retention.committedDays),
  };
}
