import { CERTIFICATE_HOLDERS, type CertificateView } from '../summary/certificates.ts';
import type { AlertCondition } from './alert.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Unclean starts within an hour that make a loop. */
const CRASH_LOOP_STARTS = 3;
/** A certificate that expires within so many days is critical. */
const CERTIFICATE_CRITICAL_DAYS = 3;
/** A disk that is full within so many days is critical. */
const FORECAST_CRITICAL_DAYS = 1;

/** How the daemon is doing, as far as somebody may have to be told. Times are milliseconds since 1970. */
export interface AlertSnapshot {
  readonly now: number;
  /** Studies that need attention; of which reports. */
  readonly deliveriesInAttention: number;
  readonly reportsInAttention: number;
  readonly apiKeys: readonly {
    readonly fingerprint: string;
    readonly customers: readonly string[];
    readonly isRefused: boolean;
    readonly unreachableSince?: number | undefined;
  }[];
  /** Customers that Avara does not know, or has deactivated. */
  readonly missingCustomers: readonly string[];
  readonly disk: { readonly freeBytes: number; readonly reserveBytes: number };
  /** Days until the reserve is reached at the rate of late; undefined: not in sight. */
  readonly diskDaysLeft?: number | undefined;
  readonly silentSenders: readonly {
    readonly callingAeTitle: string;
    readonly calledAeTitle: string;
    readonly customer: string;
    readonly lastAt: number;
  }[];
  readonly certificates: readonly CertificateView[];
  /** Starts after a run that did not end in order, within the last hour. */
  readonly uncleanStarts: number;
  /** Files and members of archives that went to quarantine within the last day. */
  readonly quarantinedLately: number;
  /** Stored objects whose bytes are missing or not those that were acknowledged. */
  readonly damagedObjects: number;
  /** Since when a round of the background check has been under way, where that is twice as long as it may take. */
  readonly scrubBehindSince?: number | undefined;
  /** Difference between what was acknowledged and what is indexed. */
  readonly ledgerExceptions: number;
  /** Audit entries that could not be written. */
  readonly auditEntriesLost: number;
}

export interface AlertLimits {
  readonly certificateDays: number;
  readonly diskForecastDays: number;
  readonly unreachableMinutes: number;
  readonly quarantinedPerDay: number;
}

/** Everything that is wrong in a snapshot. */
export function findConditions(snapshot: AlertSnapshot, limits: AlertLimits): readonly AlertCondition[] {
  return [
    ...avaraConditions(snapshot, limits),
    ...machineConditions(snapshot, limits),
    ...intakeConditions(snapshot, limits),
    ...proofConditions(snapshot),
  ];
}

function avaraConditions(snapshot: AlertSnapshot, limits: AlertLimits): AlertCondition[] {
  const { deliveriesInAttention, reportsInAttention, apiKeys, missingCustomers, now } = snapshot;
  return [
    ...when(deliveriesInAttention > 0, {
      rule: 'deliveries-attention',
      summary: `${count(deliveriesInAttention, 'study needs', 'studies need')} attention: Avara does not have what it should.`,
      advice: 'The status page and "avara-ingest status" give the reason; then "avara-ingest retry".',
    }),
    ...when(reportsInAttention > 0, {
      rule: 'reports-attention',
      summary: `${count(reportsInAttention, 'report needs', 'reports need')} attention.`,
      advice: '"avara-ingest status" gives the reason; then "avara-ingest retry --reports".',
    }),
    ...apiKeys.flatMap(({ fingerprint, customers, isRefused, unreachableSince }) => [
      ...when(isRefused, {
        rule: 'api-key-refused',
        subject: fingerprint,
        severity: 'critical',
        summary: `Avara refuses the API key of ${customers.join(', ')}: their studies wait.`,
        advice: 'Compare the key with the Avara dashboard, put a valid one in place and reload.',
      }),
      ...when(now - (unreachableSince ?? now) >= limits.unreachableMinutes * 60_000, {
        rule: 'avara-unreachable',
        subject: fingerprint,
        summary: `Avara has not been reached for ${limits.unreachableMinutes} minutes or longer.`,
        advice:
          'Check the internet connection, DNS, proxy and firewall. Images are received and kept meanwhile.',
      }),
    ]),
    ...missingCustomers.flatMap((customer) =>
      when(true, {
        rule: 'customer-missing',
        subject: customer,
        severity: 'critical',
        summary: `Avara does not know the Express customer of ${customer}, or has it deactivated.`,
        advice: 'Compare expressCustomerId with the Avara dashboard.',
      }),
    ),
  ];
}

function machineConditions(snapshot: AlertSnapshot, limits: AlertLimits): AlertCondition[] {
  const { disk, diskDaysLeft = Number.POSITIVE_INFINITY, certificates, uncleanStarts } = snapshot;
  return [
    ...when(disk.freeBytes < disk.reserveBytes, {
      rule: 'disk-low',
      severity: 'critical',
      summary: 'The disk is full down to its reserve: no image is accepted.',
      advice: 'Free some space or enlarge the disk; receiving goes on by itself.',
    }),
    ...when(diskDaysLeft <= limits.diskForecastDays && disk.freeBytes >= disk.reserveBytes, {
      rule: 'disk-forecast',
      severity: diskDaysLeft <= FORECAST_CRITICAL_DAYS ? 'critical' : 'warning',
      summary: `At the rate of late the disk will be full in ${count(Math.floor(diskDaysLeft), 'day', 'days')}.`,
      advice: 'Enlarge the disk, or free some space.',
    }),
    ...certificates
      .filter(({ daysLeft }) => daysLeft < limits.certificateDays)
      .flatMap(({ listener, daysLeft }) =>
        when(true, {
          rule: 'certificate-expiring',
          subject: listener,
          severity: daysLeft < CERTIFICATE_CRITICAL_DAYS ? 'critical' : 'warning',
          summary:
            daysLeft < 0
              ? `The certificate of ${CERTIFICATE_HOLDERS[listener]} has expired: peers refuse it.`
              : `The certificate of ${CERTIFICATE_HOLDERS[listener]} expires in ${count(daysLeft, 'day', 'days')}.`,
          advice:
            listener === 'public-url'
              ? 'Renew it at what shows it, such as the reverse proxy; viewers and Avara cannot fetch images once it has expired.'
              : 'Renew it and replace the files; they are taken up without a restart.',
        }),
      ),
    ...when(uncleanStarts >= CRASH_LOOP_STARTS, {
      rule: 'crash-loop',
      severity: 'critical',
      summary: `The daemon started ${uncleanStarts} times within an hour without having ended in order.`,
      advice: 'Look at the log before each start: "journalctl -u avara-ingest".',
    }),
  ];
}

function intakeConditions(snapshot: AlertSnapshot, limits: AlertLimits): AlertCondition[] {
  const { silentSenders, quarantinedLately, now } = snapshot;
  return [
    ...silentSenders.flatMap(({ callingAeTitle, calledAeTitle, customer, lastAt }) =>
      when(true, {
        rule: 'sender-silent',
        subject: `${customer}/${callingAeTitle}/${calledAeTitle}`,
        summary: `${callingAeTitle === '' ? calledAeTitle : callingAeTitle} of ${customer} has sent nothing for ${duration(now - lastAt)}, which is unusual.`,
        advice: 'Check the modality and its network; "avara-ingest route" says whether it would be let in.',
      }),
    ),
    ...when(quarantinedLately >= limits.quarantinedPerDay, {
      rule: 'quarantine-growing',
      summary: `${count(quarantinedLately, 'file', 'files')} went to quarantine within a day.`,
      advice: '"avara-ingest quarantine" lists them with the reasons.',
    }),
  ];
}

function proofConditions(snapshot: AlertSnapshot): AlertCondition[] {
  const { damagedObjects, scrubBehindSince, ledgerExceptions, auditEntriesLost, now } = snapshot;
  return [
    ...when(damagedObjects > 0, {
      rule: 'object-damaged',
      severity: 'critical',
      summary: `${count(damagedObjects, 'stored object is', 'stored objects are')} missing or damaged.`,
      advice: 'Check the disk, and restore the objects from a backup; the status page and the log name them.',
    }),
    ...when(scrubBehindSince !== undefined, {
      rule: 'scrub-behind',
      summary: `The background check has been reading the archive for ${duration(now - (scrubBehindSince ?? now))} and is not through.`,
      advice: 'Raise storage.scrub.maxBytesPerSecond or everyDays.',
    }),
    ...when(ledgerExceptions > 0, {
      rule: 'ledger-exception',
      severity: 'critical',
      summary: `Acknowledged and indexed instances differ by ${ledgerExceptions}.`,
      advice: 'Look at the log for errors of the index; see docs/operations.md.',
    }),
    ...when(auditEntriesLost > 0, {
      rule: 'audit-lost',
      severity: 'critical',
      summary: `${count(auditEntriesLost, 'entry', 'entries')} of the audit trail could not be written.`,
      advice: 'Check the space and the permissions of the data folder.',
    }),
  ];
}

type Draft = Pick<AlertCondition, 'rule' | 'summary' | 'advice'> & Partial<AlertCondition>;

function when(holds: boolean, draft: Draft): AlertCondition[] {
  return holds ? [{ subject: '', severity: 'warning', ...draft }] : [];
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

function duration(ms: number): string {
  return ms < 2 * DAY_MS ? `${Math.floor(ms / HOUR_MS)} hours` : `${Math.floor(ms / DAY_MS)} days`;
}
