import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Response times of requests between machines. */
const DURATION_BUCKETS_SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const EVENT_LOOP_RESOLUTION_MS = 10;
const EVENT_LOOP_QUANTILES = [0.5, 0.9, 0.99] as const;

export interface MetricsOptions {
  /** Also measures the process (CPU, memory, garbage collection) under prom-client's usual names. Default true. */
  readonly includeProcess?: boolean;
}

/** Everything the daemon counts; each name is declared here and nowhere else. */
export type Metrics = ReturnType<typeof createMetrics>;

/**
 * Declares the daemon's metrics in a registry of their own. Label values come from closed sets (sources, outcomes,
 * states), never from peers, so the number of series is bounded.
 */
export function createMetrics({ includeProcess = true }: MetricsOptions = {}) {
  const registry = new Registry();
  const registers = [registry];
  const refreshers: (() => void)[] = [];
  if (includeProcess) collectDefaultMetrics({ register: registry });

  const counter = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name: `avara_ingest_${name}`, help, labelNames, registers });
  const gauge = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name: `avara_ingest_${name}`, help, labelNames, registers });
  const duration = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Histogram<L>({
      name: `avara_ingest_${name}`,
      help,
      labelNames,
      registers,
      buckets: DURATION_BUCKETS_SECONDS,
    });

  const loopDelay = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION_MS });
  loopDelay.enable();
  new Gauge<'quantile'>({
    name: 'avara_ingest_event_loop_delay_seconds',
    help: 'Delay of the event loop since the last scrape.',
    labelNames: ['quantile'],
    registers,
    collect() {
      // The histogram counts whole sampling intervals; what exceeds the interval is the delay. Nanoseconds.
      const seconds = (value: number) => Math.max(0, value / 1e9 - EVENT_LOOP_RESOLUTION_MS / 1000);
      if (loopDelay.count > 0) {
        for (const quantile of EVENT_LOOP_QUANTILES)
          this.set({ quantile: String(quantile) }, seconds(loopDelay.percentile(quantile * 100)));
        this.set({ quantile: '1' }, seconds(loopDelay.max));
      }
      loopDelay.reset();
    },
  });

  return {
    /** What the admin listener's `/metrics` shows. */
    registry: {
      contentType: registry.contentType,
      /** @returns the metrics in Prometheus text format. */
      async metrics(): Promise<string> {
        for (const refresh of refreshers) refresh();
        return registry.metrics();
      },
    },
    /** Calls `refresh` before each scrape, to set the gauges that mirror a state kept elsewhere. */
    beforeScrape: (refresh: () => void): void => void refreshers.push(refresh),
    close: (): void => {
      loopDelay.disable();
      registry.clear();
    },

    instancesReceived: counter('instances_received_total', 'Instances taken in, by source and outcome.', [
      'source',
      'outcome',
    ]),
    bytesReceived: counter('received_bytes_total', 'Bytes of Data Sets taken in, by source.', ['source']),
    associationsOpen: gauge('associations_open', 'DICOM Associations open now.'),
    associations: counter('associations_total', 'DICOM Associations ended, by outcome.', ['outcome']),
    tlsDaysLeft: gauge('tls_certificate_days_left', 'Whole days until the TLS certificate expires.', [
      'listener',
    ]),
    studies: gauge('studies', 'Studies in the index, by state.', ['state']),
    customers: gauge('customers', 'Configured customers, by whether Avara has them.', ['state']),
    reports: gauge('reports', 'Reports from Avara, by state.', ['state']),
    reportOutputs: gauge('report_outputs', 'Reports on their way to folders, URLs and PACS, by state.', [
      'state',
    ]),
    deliveries: gauge('deliveries', 'Deliveries of studies to Avara, by state.', ['state']),
    conflicts: gauge(
      'conflicts',
      'Instances kept apart because their UIDs were already taken by other bytes.',
    ),
    filesWaiting: gauge('files_waiting', 'Files seen in watched folders and not yet taken in or given up.'),
    quarantined: gauge('quarantined', 'Files and members of archives in quarantine.'),
    avaraRequests: counter('avara_requests_total', "Requests to Avara's API, by operation and outcome.", [
      'operation',
      'outcome',
    ]),
    avaraRequestDuration: duration('avara_request_duration_seconds', "Duration of requests to Avara's API.", [
      'operation',
    ]),
    webhookRequests: counter('webhook_requests_total', 'Webhooks received from Avara, by outcome.', [
      'outcome',
    ]),
    webhookDuration: duration('webhook_duration_seconds', 'Time to answer a webhook, body included.'),
    objectRequests: counter('object_requests_total', 'Requests for object URLs, by outcome.', ['outcome']),
    objectBytesSent: counter('object_sent_bytes_total', 'Bytes of Part 10 files sent to object URLs.'),
    objectFaults: counter(
      'object_faults_total',
      'Objects in the index whose file is missing, damaged or unreadable, each time one was asked for.',
      ['reason'],
    ),
    dicomWebRequests: counter(
      'dicomweb_requests_total',
      'DICOMweb requests, by service and class of status (2xx, 3xx, 4xx, 5xx).',
      ['service', 'status'],
    ),
    dicomWebDuration: duration(
      'dicomweb_request_duration_seconds',
      'Time until a DICOMweb answer begins, by service.',
      ['service'],
    ),
    dicomWebBytesSent: counter(
      'dicomweb_sent_bytes_total',
      'Bytes of DICOMweb answers sent, headers included, by service.',
      ['service'],
    ),
    pixelJobs: counter('pixel_jobs_total', 'Jobs of decoding, transcoding and rendering, by outcome.', [
      'outcome',
    ]),
    pixelJobsNow: gauge('pixel_jobs', 'Jobs of decoding, transcoding and rendering now, by state.', [
      'state',
    ]),
    diskFree: gauge('disk_free_bytes', "Free bytes of the data folder's file system."),
    diskSize: gauge('disk_size_bytes', "Size of the data folder's file system in bytes."),
    diskReserve: gauge('disk_reserve_bytes', 'Free bytes below which nothing is accepted.'),
    commitmentReports: counter(
      'commitment_reports_total',
      'Storage commitment requests that were settled, by outcome (reported, given-up).',
      ['outcome'],
    ),
    commitmentFailures: counter(
      'commitment_instances_failed_total',
      'Instances that storage commitment was refused for.',
    ),
    studiesRemoved: counter('studies_removed_total', 'Studies removed by retention.'),
    removalsUnfinished: gauge('removals_unfinished', 'Removed studies with files still to be deleted.'),
    retentionProtected: gauge(
      'retention_protected_studies',
      'Studies that were due at the last run of retention and must stay.',
    ),
    retentionFailures: counter('retention_failures_total', 'Runs of retention that failed.'),
    metadataSeries: counter(
      'metadata_series_total',
      'Series whose DICOMweb metadata was found prepared, made for a request, prepared ahead, or failed to be made.',
      ['outcome'],
    ),
    metadataWaiting: gauge('metadata_studies_waiting', 'Studies whose metadata is still to be prepared.'),
    auditWriteFailures: counter(
      'audit_write_failures_total',
      'Failed writes of the audit trail (they are retried).',
    ),
    auditEntriesLost: counter(
      'audit_entries_lost_total',
      'Audit entries given up because writing kept failing.',
    ),
    alertsActive: gauge('alerts_active', 'Alerts that are active, by severity.', ['severity']),
    alertMessages: counter('alert_messages_total', 'Messages about alerts, by channel and outcome.', [
      'channel',
      'outcome',
    ]),
    uncleanStarts: gauge(
      'unclean_starts',
      'Starts within the last hour whose run before did not end in order.',
    ),
    auditMessagesLost: counter(
      'audit_messages_lost_total',
      'DICOM audit messages given up because the repository could not be reached for too long.',
    ),
    auditMessagesQueued: gauge(
      'audit_messages_queued',
      'DICOM audit messages that wait to be sent by syslog.',
    ),
    ledgerInstances: gauge(
      'ledger_instances',
      'Instances by stage: acknowledged (the ledger), indexed, removed (by retention), announced (at Avara in every product).',
      ['stage'],
    ),
    scrubObjects: counter(
      'scrub_objects_total',
      'Stored objects that the background check has read, by what it found (whole, damaged).',
      ['outcome'],
    ),
    scrubBytes: counter('scrub_bytes_total', 'Bytes that the background check has read.'),
    scrubOldestCheck: gauge(
      'scrub_oldest_check_seconds',
      'For how long the object whose last check is the longest ago has not been read.',
    ),
    damagedObjects: gauge('damaged_objects', 'Stored objects known to be missing or damaged.'),
    ledgerExceptions: gauge(
      'ledger_exceptions',
      'Difference between instances acknowledged and those indexed or removed; anything but 0 needs a look.',
    ),
  };
}
