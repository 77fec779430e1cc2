import type { CustomerStanding, CustomerWatch } from '../avara/account/customer-watch.ts';
import type { DeliveryLoop } from '../avara/delivery-loop.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { FileIntake } from '../core/ports/file-intake.ts';
import type { AssociationHistory } from '../core/ports/association-history.ts';
import type { ReportRecords } from '../core/ports/report-records.ts';
import type { RetentionLoop } from '../core/retention/retention-loop.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import type { DimseServer } from '../dimse/server.ts';
import type { AdminOverview } from '../http/admin/overview.ts';
import { presentDisk, presentRefused, presentSender } from '../http/admin/overview-routes.ts';
import { presentIntegrity } from '../http/admin/integrity.ts';
import { presentAssociation } from '../http/association-list.ts';
import type { Readiness } from '../http/admin-operations.ts';
import type { FreeSpace } from '../storage/free-space.ts';
import type { Vitals } from './vitals.ts';
import type { TlsCredentials } from './tls-credentials.ts';

export interface DaemonStatusOptions {
  readonly version: string;
  readonly clock: Clock;
  readonly index: StudyIndex;
  readonly dimse: DimseServer;
  readonly dimseTls: Pick<TlsCredentials, 'expiresAt' | 'daysLeft'> | undefined;
  readonly httpTls: Pick<TlsCredentials, 'expiresAt' | 'daysLeft'> | undefined;
  readonly associationHistory: Pick<AssociationHistory, 'list'>;
  readonly deliveries: DeliveryLoop;
  readonly freeSpace: FreeSpace;
  readonly files: Pick<FileIntake, 'folders' | 'quarantinedCount'>;
  readonly customers: Pick<CustomerWatch, 'standings'>;
  readonly retention: Pick<RetentionLoop, 'status'>;
  readonly reports: Pick<ReportRecords, 'totals' | 'problems'>;
  readonly vitals: Pick<Vitals, 'store' | 'index' | 'keys'>;
  /** Congested: nothing more is let in for now. */
  readonly maxAssociations: number;
  /** Whether every listener is up. */
  readonly isListening: () => boolean;
  readonly overview: () => AdminOverview;
}

const CONFLICTS_SHOWN = 20;
const REFUSED_SHOWN = 20;
const REPORT_PROBLEMS_SHOWN = 20;
const PAST_ASSOCIATIONS_SHOWN = 10;

/** The answers of `/api/status` and `/readyz`. */
export function createDaemonStatus(options: DaemonStatusOptions) {
  const {
    version,
    clock,
    index,
    dimse,
    dimseTls,
    httpTls,
    associationHistory,
    deliveries,
    freeSpace,
    files,
    customers,
    reports,
    retention,
    vitals,
    isListening,
    overview,
  } = options;
  const startedAt = clock.now();

  return {
    /** Everything that the `status` command and the page show; no patient data. */
    status() {
      const { sentence, state, problems } = overview().summary();
      const { lastImageAt, ...rate } = overview().rate();
      const time = (at: number): string => new Date(at).toISOString();
      return {
        version,
        startedAt: time(startedAt),
        uptimeSeconds: Math.round((clock.now() - startedAt) / 1000),
        state,
        sentence,
        problems,
        intake: { ...rate, ...(lastImageAt !== undefined && { lastImageAt: time(lastImageAt) }) },
        totals: index.totals(),
        disk: presentDisk(overview()),
        silentSenders: overview()
          .senders()
          .filter(({ verdict }) => verdict.kind === 'silent')
          .map(presentSender),
        refusedSenders: overview()
          .refused()
          .filter(({ admittedTo }) => admittedTo === undefined)
          .slice(0, REFUSED_SHOWN)
          .map(presentRefused),
        associations: dimse.associations().map(({ contexts, startedAt: since, ...association }) => ({
          ...association,
          startedAt: time(since),
          contexts: contexts.length,
        })),
        ...(dimseTls && {
          dimseCertificate: { notAfter: time(dimseTls.expiresAt()), daysLeft: dimseTls.daysLeft() },
        }),
        ...(httpTls && {
          httpCertificate: { notAfter: time(httpTls.expiresAt()), daysLeft: httpTls.daysLeft() },
        }),
        pastAssociations: associationHistory
          .list({ limit: PAST_ASSOCIATIONS_SHOWN })
          .associations.map(presentAssociation),
        deliveries: deliveries.status(),
        customers: customers.standings().map(presentStanding),
        reports: { ...reports.totals(), problems: reports.problems(REPORT_PROBLEMS_SHOWN) },
        integrity: presentIntegrity(overview().integrity()),
        retention: retention.status(),
        folders: files.folders(),
        quarantined: files.quarantinedCount,
        conflicts: index.conflicts(CONFLICTS_SHOWN).map((conflict) => ({
          ...conflict.key,
          path: conflict.path,
          receivedAt: time(conflict.receivedAt),
        })),
      };
    },
    /** One line for a service manager. */
    summary(): string {
      const { receivingStudies, deliveries: at } = index.totals();
      const disk = freeSpace.current();
      return [
        `${dimse.associations().length} Associations open`,
        `${receivingStudies} studies receiving`,
        `${at.pending} waiting for Avara`,
        ...(at.attention > 0 ? [`${at.attention} need attention`] : []),
        `${Math.floor(disk.freeBytes / 1e9)} GB free${disk.isBelowReserve ? ', nothing is accepted' : ''}`,
      ].join(', ');
    },
    readiness(): Readiness {
      const disk = freeSpace.current();
      const { isRunning, apiKeys } = deliveries.status();
      const refused = apiKeys.filter((key) => key.state === 'refused');
      const isUnreachable = apiKeys.some(({ unreachableSince }) => unreachableSince !== undefined);
      const missing = customers
        .standings()
        .filter(({ state }) => state === 'unknown' || state === 'inactive')
        .map(({ customer, state }) => `${customer} is ${state} at Avara`);
      const troubles = [
        ...(refused.length > 0 ? [`${refused.length} API key(s) refused by Avara`] : []),
        ...(isUnreachable ? ['Avara cannot be reached; deliveries are repeated'] : []),
        ...missing,
      ];
      const keysTrouble = vitals.keys();
      const open = dimse.associations().length;
      const folderTroubles = files
        .folders()
        .filter(({ state }) => state === 'missing' || state === 'paused')
        .map(({ path, state, detail }) => `${path} is ${state}${detail === undefined ? '' : `: ${detail}`}`);
      // What is not ok takes the daemon out of service; what does not keep it from receiving is a detail.
      return {
        listeners: isListening() ? { ok: true } : { ok: false, detail: 'not every listener is up' },
        dimse: detailed(
          open >= options.maxAssociations
            ? [`all ${open} Associations are in use; more are told to wait`]
            : [],
        ),
        index: vital(vitals.index()),
        store: vital(vitals.store()),
        disk: disk.isBelowReserve
          ? { ok: false, detail: `${disk.freeBytes} bytes free, the reserve is ${disk.reserveBytes}` }
          : { ok: true },
        keys: detailed(keysTrouble === undefined ? [] : [keysTrouble]),
        folders: detailed(folderTroubles),
        deliveries: detailed(isRunning ? [] : ['the delivery loop is not running']),
        avara: detailed(troubles),
      };
    },
  };
}

function presentStanding({ checkedAt, ...standing }: CustomerStanding) {
  return { ...standing, ...(checkedAt !== undefined && { checkedAt: new Date(checkedAt).toISOString() }) };
}

function vital(trouble: string | undefined): Readiness[string] {
  return trouble === undefined ? { ok: true } : { ok: false, detail: trouble };
}

function detailed(troubles: readonly string[]): Readiness[string] {
  return { ok: true, ...(troubles.length > 0 && { detail: troubles.join('; ') }) };
}
