import type { CustomerWatch } from '../avara/account/customer-watch.ts';
import type { DeliveryLoop } from '../avara/delivery-loop.ts';
import type { Config } from '../config/config.ts';
import type { Chronicle } from '../core/activity/chronicle.ts';
import { LEARNING_HOURS, judgeSilence } from '../core/activity/silence.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { DiskHistory } from '../core/ports/disk-history.ts';
import type { FileIntake } from '../core/ports/file-intake.ts';
import type { RefusedSender, RefusedSenders } from '../core/ports/refused-senders.ts';
import type { ReportRecords } from '../core/ports/report-records.ts';
import type { SenderActivity } from '../core/ports/sender-activity.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import type { Router } from '../core/routing/route.ts';
import { suggestRoutes, type RouteSuggestion } from '../core/routing/suggest-routes.ts';
import { FORECAST_DAYS, forecastDisk } from '../core/space/forecast.ts';
import { customerKey, type CustomerKey } from '../core/study/instance.ts';
import type { CertificateView } from '../core/summary/certificates.ts';
import { summarize } from '../core/summary/summarize.ts';
import type { DimseServer } from '../dimse/server.ts';
import type { AdminOverview, AuditLine, SenderStanding } from '../http/admin/overview.ts';
import type { FreeSpace } from '../storage/free-space.ts';
import { remembered } from './remembered.ts';

export interface OverviewOptions {
  readonly version: string;
  readonly clock: Clock;
  readonly index: Pick<StudyIndex, 'totals' | 'customerTotals'>;
  readonly dimse: Pick<DimseServer, 'associations'>;
  readonly certificates: () => readonly CertificateView[];
  readonly chronicle: Pick<Chronicle, 'rate'>;
  readonly senderActivity: Pick<SenderActivity, 'senders' | 'activeHours' | 'hours'>;
  readonly refusedSenders: Pick<RefusedSenders, 'list' | 'forget'>;
  readonly diskHistory: Pick<DiskHistory, 'since'>;
  readonly freeSpace: Pick<FreeSpace, 'current'>;
  readonly files: Pick<FileIntake, 'folders' | 'quarantinedCount'>;
  readonly watch: Pick<CustomerWatch, 'standings'>;
  readonly deliveries: Pick<DeliveryLoop, 'status'>;
  readonly reports: Pick<ReportRecords, 'totals'>;
  readonly integrity: AdminOverview['integrity'];
  readonly isListening: () => boolean;
  /** The configuration and its router change with a reload. */
  readonly configNow: () => Pick<Config, 'customers' | 'routes' | 'folders'>;
  readonly routerNow: () => Router;
  readonly readAudit: (limit: number) => Promise<readonly Readonly<Record<string, unknown>>[]>;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const WEEK_HOURS = 168;
/** Shown, and judged: a site has a few dozen. */
const SENDERS_SHOWN = 300;
const REFUSED_SHOWN = 100;
/** Refusals that the summary speaks of. */
const REFUSED_LATELY_MS = DAY_MS;
/** With fewer senders, all of them being silent says nothing of the line. */
const MIN_SENDERS_OF_A_SITE = 3;
/** Habits change by the hour; the page asks by the second. */
const REMEMBER_MS = 30_000;
const SUMMARY_MS = 500;

/** What the status page tells besides studies, from the parts that know it. */
export function createOverview(options: OverviewOptions): AdminOverview {
  const { version, clock, index, dimse, chronicle, senderActivity, refusedSenders, freeSpace } = options;
  const { deliveries, reports, files, watch, configNow, routerNow } = options;

  const verdicts = remembered(clock, REMEMBER_MS, () => {
    const now = clock.now();
    const since = Math.floor(now / HOUR_MS) - LEARNING_HOURS;
    return new Map(
      senderActivity.senders(SENDERS_SHOWN).map(({ id, firstAt, lastAt }) => {
        const activeHours = senderActivity.activeHours(id, since);
        return [id, { lastAt, verdict: judgeSilence({ activeHours, firstAt, lastAt, now, hourOfWeek }) }];
      }),
    );
  });
  const forecast = remembered(clock, REMEMBER_MS, () => {
    const now = clock.now();
    const samples = options.diskHistory.since(now - (FORECAST_DAYS + 1) * DAY_MS);
    return forecastDisk({ now, ...freeSpace.current(), samples });
  });

  const senders = (): SenderStanding[] => {
    const judged = verdicts();
    return senderActivity.senders(SENDERS_SHOWN).map((sender) => {
      const known = judged.get(sender.id);
      // What has sent since it was judged is not silent.
      const isCurrent = known?.lastAt === sender.lastAt;
      return {
        ...sender,
        verdict:
          known !== undefined && (isCurrent || known.verdict.kind === 'learning')
            ? known.verdict
            : { kind: 'usual' },
      };
    });
  };
  /** By configuration: a new one makes them void. */
  const suggested = new WeakMap<object, Map<number, readonly RouteSuggestion[]>>();
  const suggestionsFor = (sender: RefusedSender): readonly RouteSuggestion[] => {
    const { routes, customers } = configNow();
    const known = suggested.get(routes) ?? new Map<number, readonly RouteSuggestion[]>();
    suggested.set(routes, known);
    const suggestions =
      known.get(sender.id) ?? suggestRoutes(routes, Object.keys(customers).map(customerKey), sender);
    known.set(sender.id, suggestions);
    return suggestions;
  };
  const admittedTo = (sender: RefusedSender): CustomerKey | undefined => {
    const decision = isOfRoutes(sender) ? routerNow().decide(sender) : undefined;
    return decision?.kind === 'admitted' ? decision.customer : undefined;
  };
  const refused: AdminOverview['refused'] = () =>
    refusedSenders.list(REFUSED_SHOWN).map((sender) => {
      const customer = admittedTo(sender);
      return {
        ...sender,
        ...(customer !== undefined && { admittedTo: customer }),
        suggestions: isOfRoutes(sender) ? suggestionsFor(sender) : [],
      };
    });

  return {
    version,
    startedAt: clock.now(),
    summary: remembered(clock, SUMMARY_MS, () => {
      const now = clock.now();
      const disk = freeSpace.current();
      const filling = forecast();
      const { apiKeys } = deliveries.status();
      const unreachable = apiKeys.flatMap(({ unreachableSince }) => unreachableSince ?? []);
      const totals = index.totals();
      const reportTotals = reports.totals();
      const silent = silenceOf(senders());
      const { imagesPerSecond, lastImageAt = senderActivity.senders(1)[0]?.lastAt } = chronicle.rate();
      return summarize({
        now,
        isListening: options.isListening(),
        freeBytes: disk.freeBytes,
        isBelowReserve: disk.isBelowReserve,
        ...(filling.kind === 'filling' && { diskFullAt: filling.fullAt }),
        pendingDeliveries: totals.deliveries.pending,
        deliveriesNeedingAttention: totals.deliveries.attention,
        reportsNeedingAttention: reportTotals.reports.attention + reportTotals.outputs.attention,
        refusedKeys: apiKeys.filter(({ state }) => state === 'refused').length,
        ...(unreachable.length > 0 && { avaraUnreachableSince: Math.min(...unreachable) }),
        damagedObjects: options.integrity().damagedObjects,
        unknownCustomers: watch
          .standings()
          .filter(({ state }) => state === 'unknown' || state === 'inactive')
          .map(({ customer }) => customer),
        ...silent,
        refusedSenders: refusedSenders
          .list(REFUSED_SHOWN)
          .filter((sender) => now - sender.lastAt < REFUSED_LATELY_MS && admittedTo(sender) === undefined)
          .length,
        quarantined: files.quarantinedCount,
        foldersInTrouble: files
          .folders()
          .filter(({ state }) => state === 'missing' || state === 'paused')
          .map(({ path }) => path),
        stuckFiles: files
          .folders()
          .filter(({ state, inTrouble }) => (state === 'watching' || state === 'polling') && inTrouble > 0)
          .map(({ path, detail = '' }) => `${path} ${detail}`),
        certificates: options.certificates(),
        openAssociations: dimse.associations().length,
        imagesPerSecond,
        ...(lastImageAt !== undefined && { lastImageAt }),
      });
    }),
    rate: () => chronicle.rate(),
    openAssociations: () => dimse.associations(),
    disk: () => ({ ...freeSpace.current(), forecast: forecast() }),
    senders,
    senderHours: (id) => senderActivity.hours(id, Math.floor(clock.now() / HOUR_MS) - WEEK_HOURS),
    refused,
    forgetRefused: (id) => refusedSenders.forget(id),
    customers() {
      const { customers, routes, folders } = configNow();
      const standings = new Map(watch.standings().map((standing) => [standing.customer, standing]));
      const totals = new Map(index.customerTotals().map((total) => [total.customer, total]));
      const keys = new Set([...Object.keys(customers).map(customerKey), ...totals.keys()]);
      return [...keys].map((customer) => {
        const config = customers[customer];
        const standing = standings.get(customer);
        const held = totals.get(customer);
        return {
          customer,
          ...(config && {
            config: {
              expressCustomerId: config.expressCustomerId,
              products: config.products,
              ...(config.facilityName !== undefined && { facilityName: config.facilityName }),
            },
          }),
          ...(standing && { state: standing.state }),
          ...(standing?.reason !== undefined && { reason: standing.reason }),
          ...(held && { totals: held }),
          routes: routes.flatMap((rule, at) => (rule.customer === customer ? [{ index: at, rule }] : [])),
          folders: folders.filter((folder) => folder.customer === customer).map(({ path }) => path),
        };
      });
    },
    apiKeys: () => deliveries.status().apiKeys,
    integrity: options.integrity,
    audit: async (limit) => (await options.readAudit(limit)).flatMap(auditLine),
  };
}

/** Whether another configuration of routes would have let it in. */
function isOfRoutes({ reason }: RefusedSender): boolean {
  return reason.endsWith('ae-title-not-recognized') || reason === 'no-reason-given';
}

/** Senders that are silent; where all of a customer's are, the customer instead. */
function silenceOf(senders: readonly SenderStanding[]): {
  readonly silentSenders: readonly string[];
  readonly silentCustomers: readonly string[];
} {
  const judged = senders.filter(({ verdict }) => verdict.kind === 'silent' || verdict.kind === 'usual');
  const silent = judged.filter(({ verdict }) => verdict.kind === 'silent');
  const silentCustomers = [...new Set(silent.map(({ customer }) => customer))].filter((customer) => {
    const count = (list: readonly SenderStanding[]): number =>
      list.filter((sender) => sender.customer === customer).length;
    return count(judged) >= MIN_SENDERS_OF_A_SITE && count(silent) === count(judged);
  });
  return {
    silentSenders: silent
      .filter(({ customer }) => !silentCustomers.includes(customer))
      .map(({ callingAeTitle, source }) => (callingAeTitle === '' ? source : callingAeTitle)),
    silentCustomers,
  };
}

/** In the machine's time zone, which is the site's. */
function hourOfWeek(at: number): number {
  const time = new Date(at);
  return time.getDay() * 24 + time.getHours();
}

function auditLine(line: Readonly<Record<string, unknown>>): AuditLine[] {
  const { seq, at, event } = line;
  if (typeof seq !== 'number' || typeof at !== 'string' || typeof event !== 'string') return [];
  const text = (name: keyof AuditLine) => (typeof line[name] === 'string' ? { [name]: line[name] } : {});
  return [
    {
      seq,
      at,
      event,
      ...text('customer'),
      ...text('studyInstanceUid'),
      ...text('actor'),
      ...text('peerAddress'),
      ...text('detail'),
    },
  ];
}
