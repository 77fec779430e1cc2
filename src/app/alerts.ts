import { hostname } from 'node:os';

import { createMailChannel } from '../notify/mail-channel.ts';
import { createWebhookChannel } from '../notify/webhook-channel.ts';
import type { CustomerStanding } from '../avara/account/customer-watch.ts';
import type { DeliveryLoop } from '../avara/delivery-loop.ts';
import type { Config } from '../config/config.ts';
import type { AlertCondition } from '../core/alerts/alert.ts';
import { createAlertLoop, type AlertLoop } from '../core/alerts/alert-loop.ts';
import { findConditions, type AlertSnapshot } from '../core/alerts/find-conditions.ts';
import { createGrowth, type Growth } from '../core/alerts/growth.ts';
import type { AlertChannel } from '../core/ports/alert-channel.ts';
import type { AlertRecords, ServiceRuns } from '../core/ports/alert-records.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { CountHistory } from '../core/ports/count-history.ts';
import type { FileIntake } from '../core/ports/file-intake.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { ReportRecords } from '../core/ports/report-records.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import type { Metrics } from '../observability/metrics.ts';
import { VERSION } from '../platform/version.ts';
import type { FreeSpace } from '../storage/free-space.ts';
import { ledgerExceptions } from './metrics-wiring.ts';
import type { CertificateView } from '../core/summary/certificates.ts';

const HOUR_MS = 3_600_000;

export interface AlertsOptions {
  readonly config: Config;
  readonly records: AlertRecords;
  readonly runs: Pick<ServiceRuns, 'uncleanStarts'>;
  readonly index: Pick<StudyIndex, 'totals'>;
  readonly reports: Pick<ReportRecords, 'totals'>;
  readonly deliveries: Pick<DeliveryLoop, 'status'>;
  readonly customers: { standings(): readonly CustomerStanding[] };
  readonly freeSpace: Pick<FreeSpace, 'current'>;
  readonly files: Pick<FileIntake, 'quarantinedCount'>;
  readonly quarantineHistory: CountHistory;
  /** What expires; the same as in the metrics. */
  readonly certificates: () => readonly CertificateView[];
  /** What others find out: senders that are silent, the disk's forecast, damaged objects, audit entries lost. */
  readonly findings: () => Pick<
    AlertSnapshot,
    'silentSenders' | 'diskDaysLeft' | 'damagedObjects' | 'scrubBehindSince' | 'auditEntriesLost'
  >;
  readonly metrics: Pick<Metrics, 'alertMessages' | 'alertsActive' | 'uncleanStarts' | 'beforeScrape'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Alerts extends AlertLoop {
  reload(config: Config): void;
}

/** Puts alerts together: what is looked at, and who is told. */
export function createAlerts(options: AlertsOptions): Alerts {
  const { runs, metrics, clock, logger } = options;
  let settings = options.config.alerts;
  const growth = createGrowth(options.quarantineHistory, (error) => {
    logger.error({ err: error }, 'how the quarantine grows could not be kept');
  });
  const uncleanStarts = (): number => runs.uncleanStarts(clock.now() - HOUR_MS);

  const look = (): readonly AlertCondition[] =>
    findConditions(snapshotOf(options, growth, uncleanStarts()), settings).filter(
      ({ rule }) => !settings.ignore.includes(rule),
    );
  const loop = createAlertLoop({
    look,
    records: options.records,
    channels: channelsOf(settings, metrics, clock),
    clock,
    logger,
    repeatMs: settings.repeatHours * HOUR_MS,
  });
  metrics.beforeScrape(() => {
    const active = loop.active();
    for (const severity of ['warning', 'critical'] as const)
      metrics.alertsActive.set({ severity }, active.filter((one) => one.severity === severity).length);
    metrics.uncleanStarts.set(uncleanStarts());
  });
  return {
    ...loop,
    reload({ alerts }) {
      settings = alerts;
      loop.configure({
        channels: channelsOf(settings, metrics, clock),
        repeatMs: settings.repeatHours * HOUR_MS,
      });
    },
  };
}

function snapshotOf(options: AlertsOptions, growth: Growth, uncleanStarts: number): AlertSnapshot {
  const { clock, index, reports, deliveries, customers, freeSpace, files, certificates } = options;
  const now = clock.now();
  const totals = index.totals();
  const reportTotals = reports.totals();
  return {
    now,
    deliveriesInAttention: totals.deliveries.attention,
    reportsInAttention: reportTotals.reports.attention + reportTotals.outputs.attention,
    apiKeys: deliveries.status().apiKeys.map(({ fingerprint, customers: of, state, unreachableSince }) => ({
      fingerprint,
      customers: of,
      isRefused: state === 'refused',
      unreachableSince,
    })),
    missingCustomers: customers
      .standings()
      .filter(({ state }) => state === 'unknown' || state === 'inactive')
      .map(({ customer }) => customer),
    disk: freeSpace.current(),
    certificates: certificates(),
    uncleanStarts,
    quarantinedLately: growth.note(files.quarantinedCount, now),
    ledgerExceptions: ledgerExceptions(totals),
    ...options.findings(),
  };
}

/** The channels as configured; the command line sends a test on them where no daemon runs. */
export function channelsOf(
  { name = hostname(), webhook, mail }: Config['alerts'],
  metrics: Pick<Metrics, 'alertMessages'> | undefined,
  clock: Pick<Clock, 'now'>,
): readonly AlertChannel[] {
  const channels = [
    ...(webhook === undefined
      ? []
      : [
          createWebhookChannel({
            url: webhook.url.reveal(),
            secret: webhook.secret?.reveal(),
            timeoutMs: webhook.timeoutSeconds * 1000,
            name,
            version: VERSION,
            now: () => clock.now(),
          }),
        ]),
    ...(mail === undefined
      ? []
      : [
          createMailChannel({
            command: mail.command,
            from: mail.from,
            to: mail.to,
            timeoutMs: mail.timeoutSeconds * 1000,
            name,
            env: process.env,
          }),
        ]),
  ];
  return metrics === undefined ? channels : channels.map((channel) => counted(channel, metrics));
}

function counted(channel: AlertChannel, { alertMessages }: Pick<Metrics, 'alertMessages'>): AlertChannel {
  const { name } = channel;
  return {
    name,
    async send(message) {
      try {
        await channel.send(message);
        alertMessages.inc({ channel: name, outcome: 'sent' });
      } catch (error) {
        alertMessages.inc({ channel: name, outcome: 'failed' });
        throw error;
      }
    },
  };
}
