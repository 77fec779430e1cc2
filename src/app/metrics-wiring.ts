import { CUSTOMER_STATES } from '../avara/account/customer-watch.ts';
import type { CustomerWatch } from '../avara/account/customer-watch.ts';
import type { IntakeObserver } from '../core/ingest/create-intake.ts';
import type { CommitmentRequests } from '../core/ports/commitment-requests.ts';
import type { FileIntake } from '../core/ports/file-intake.ts';
import type { ReportRecords } from '../core/ports/report-records.ts';
import type { IndexTotals, StudyIndex } from '../core/ports/study-index.ts';
import type { ApiObserver } from '../avara/client.ts';
import type { FreeSpace } from '../storage/free-space.ts';
import type { Metrics } from '../observability/metrics.ts';

/** Counts what comes in. */
export function countIntake(metrics: Metrics): IntakeObserver {
  return {
    instanceHandled(origin, outcome, bytes) {
      metrics.instancesReceived.inc({ source: origin.source, outcome: outcome.kind });
      metrics.bytesReceived.inc({ source: origin.source }, bytes);
    },
    intakeEnded: () => undefined,
  };
}

/** Sets the gauges that show what the index holds, before each scrape. */
export function mirrorIndex(metrics: Metrics, index: StudyIndex, openAssociations: () => number): void {
  metrics.beforeScrape(() => {
    const totals = index.totals();
    metrics.studies.set({ state: 'receiving' }, totals.receivingStudies);
    metrics.studies.set({ state: 'stable' }, totals.studies - totals.receivingStudies);
    for (const [state, count] of Object.entries(totals.deliveries)) metrics.deliveries.set({ state }, count);
    metrics.conflicts.set(totals.conflicts);
    metrics.ledgerInstances.set({ stage: 'acknowledged' }, totals.acknowledgedInstances);
    metrics.ledgerInstances.set({ stage: 'indexed' }, totals.instances);
    metrics.ledgerInstances.set({ stage: 'announced' }, totals.announcedInstances);
    metrics.ledgerInstances.set({ stage: 'removed' }, totals.removedInstances);
    metrics.ledgerExceptions.set(ledgerExceptions(totals));
    metrics.associationsOpen.set(openAssociations());
  });
}

/** By how much what was acknowledged, and not removed since, differs from what is indexed. */
export function ledgerExceptions(totals: IndexTotals): number {
  return Math.abs(totals.acknowledgedInstances - totals.removedInstances - totals.instances);
}

/** Sets the gauges of the data folder's disk, before each scrape. */
export function mirrorDisk(metrics: Metrics, freeSpace: Pick<FreeSpace, 'current'>): void {
  metrics.beforeScrape(() => {
    const { freeBytes, totalBytes, reserveBytes } = freeSpace.current();
    metrics.diskFree.set(freeBytes);
    metrics.diskSize.set(totalBytes);
    metrics.diskReserve.set(reserveBytes);
  });
}

/** Counts what becomes of storage commitment requests. */
export function countCommitments(metrics: Metrics, requests: CommitmentRequests): CommitmentRequests {
  return {
    ...requests,
    async saveVerdict(id, failures, now) {
      await requests.saveVerdict(id, failures, now);
      metrics.commitmentFailures.inc(failures.length);
    },
    async settle(id, state, now) {
      await requests.settle(id, state, now);
      metrics.commitmentReports.inc({ outcome: state });
    },
  };
}

/** Counts the calls of Avara's API. */
export function countAvaraRequests(metrics: Metrics): ApiObserver {
  return ({ operation, outcome, durationMs }) => {
    metrics.avaraRequests.inc({ operation, outcome });
    metrics.avaraRequestDuration.observe({ operation }, durationMs / 1000);
  };
}

/** Sets the gauges of watched folders and quarantine, before each scrape. */
export function mirrorFiles(metrics: Metrics, files: FileIntake): void {
  metrics.beforeScrape(() => {
    metrics.quarantined.set(files.quarantinedCount);
    metrics.filesWaiting.set(files.folders().reduce((sum, { waiting }) => sum + waiting, 0));
  });
}

/** Sets the gauges of customers and reports, before each scrape. */
export function mirrorAvara(metrics: Metrics, watch: CustomerWatch, reports: ReportRecords): void {
  metrics.beforeScrape(() => {
    const states = watch.standings().map(({ state }) => state);
    for (const state of CUSTOMER_STATES)
      metrics.customers.set({ state }, states.filter((one) => one === state).length);
    const totals = reports.totals();
    for (const [state, count] of Object.entries(totals.reports)) metrics.reports.set({ state }, count);
    for (const [state, count] of Object.entries(totals.outputs)) metrics.reportOutputs.set({ state }, count);
  });
}
