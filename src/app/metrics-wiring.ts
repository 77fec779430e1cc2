import { CUSTOMER_STATES } from '../avara/account/customer-watch.ts';
import type { CustomerWatch } from '../avara/account/customer-watch.ts';
import type { IntakeObserver } from '../core/ingest/create-intake.ts';
import type { FileIntake } from '../core/ports/file-intake.ts';
import type { ReportRecords } from '../core/ports/report-records.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
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
    const kept = totals.acknowledgedInstances - totals.removedInstances;
    metrics.ledgerExceptions.set(Math.abs(kept - totals.instances));
    metrics.associationsOpen.set(openAssociations());
  });
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
