import { formatBytes, formatCount } from '../src/cli/output.ts';
import type { IngestRate } from './index-filler.ts';
import type { QueryLatency } from './index-queries.ts';
import type { ReceivingRates } from './index-receive.ts';
import type { DaemonFigures } from './index-start.ts';
import type { Latency } from './statistics.ts';
import { formatNumber, type Table, type Verdict } from './table.ts';

export interface IndexReport {
  readonly instances: number;
  readonly studies: number;
  readonly databaseBytes: number;
  readonly rates: readonly IngestRate[];
  /** Absent where there is no sender. */
  readonly receiving: ReceivingRates | undefined;
  /** Opening the index in process and the first queries, milliseconds. */
  readonly openMs: number;
  /** The daemon as a process, until it is ready, with an empty index and with the full one. */
  readonly emptyStartMs: number;
  readonly startMs: number;
  readonly pages: DaemonFigures['pages'];
  readonly queries: readonly QueryLatency[];
  readonly webhook: { readonly first: Latency; readonly again: Latency; readonly answerBytes: number };
}

const INGEST_BUDGET = 1.1;
const START_BUDGET_MS = 2000;
const WEBHOOK_BUDGET_MS = 20;
const PAGE_BUDGET_MS = 100;

export function indexTables(report: IndexReport): Table[] {
  const { first, again, answerBytes } = report.webhook;
  const { receiving } = report;
  const facts: (readonly [string, string])[] = [
    [
      'receive objects of 4 kB by C-STORE',
      receiving === undefined
        ? 'not measured'
        : `${formatNumber(receiving.full)} per second; with an empty index ${formatNumber(receiving.empty)}, ratio of times ${formatNumber(receiving.ratio)}`,
    ],
    ...report.rates.map(
      ({ size, full, empty, ratio, cpuRatio }) =>
        [
          `add an instance to ${formatCount(size)}`,
          `${formatNumber(full)} µs; to an empty index ${formatNumber(empty)} µs, ratio ${formatNumber(ratio)} (processor time ${formatNumber(cpuRatio)})`,
        ] as const,
    ),
    ['instances, studies', `${formatCount(report.instances)}, ${formatCount(report.studies)}`],
    [
      'database',
      `${formatBytes(report.databaseBytes)}, ${formatNumber(report.databaseBytes / report.instances)} bytes per instance`,
    ],
    ['open the index and ask what a start asks', `${formatNumber(report.openMs)} ms`],
    ['start the daemon, empty index, until ready', `${formatNumber(report.emptyStartMs)} ms`],
    ['start the daemon, this index, until ready', `${formatNumber(report.startMs)} ms`],
  ];
  return [
    {
      title: 'Index',
      columns: [{ title: 'what' }, { title: 'measured', align: 'right' }],
      rows: facts,
    },
    {
      title: 'Reads',
      columns: [
        { title: 'read' },
        { title: 'found', align: 'right' },
        { title: 'times', align: 'right' },
        { title: 'p50 (ms)', align: 'right' },
        { title: 'p99 (ms)', align: 'right' },
        { title: 'max (ms)', align: 'right' },
      ],
      rows: [
        ...report.queries.map((query) => [
          query.title,
          formatNumber(query.found),
          ...latencyCells(query.latency),
        ]),
        [
          `access webhook of 5,000 instances with manifest, ${formatBytes(answerBytes)} of JSON`,
          '',
          ...latencyCells(first),
        ],
        ['the same, opened again', '', ...latencyCells(again)],
        ...report.pages.map(({ path, latency }) => [`page ${path}`, '', ...latencyCells(latency)]),
      ],
    },
  ];
}

function latencyCells({ count, p50, p99, max }: Latency): string[] {
  return [String(count), formatNumber(p50), formatNumber(p99), formatNumber(max)];
}

/** Sets the figures beside the budget of the project. */
export function indexVerdicts(report: IndexReport): Verdict[] {
  return [
    ingestVerdict('ingest with a full index: C-STORE of 4 kB', report.receiving?.ratio),
    ingestVerdict('of that, adding to the index alone', report.rates.at(-1)?.ratio),
    {
      work: 'start with a full index',
      budget: 'under 2 s',
      measured: `${formatNumber(report.startMs)} ms`,
      isMet: report.startMs < START_BUDGET_MS,
    },
    ...report.queries.flatMap(({ title, latency, budgetMs }) =>
      budgetMs === undefined
        ? []
        : [
            {
              work: title,
              budget: `p99 under ${budgetMs} ms`,
              measured: `${formatNumber(latency.p99)} ms`,
              isMet: latency.p99 < budgetMs,
            },
          ],
    ),
    ...report.pages.map(({ path, latency }) => ({
      work: `page ${path}`,
      budget: `p99 under ${PAGE_BUDGET_MS} ms`,
      measured: `${formatNumber(latency.p99)} ms`,
      isMet: latency.p99 < PAGE_BUDGET_MS,
    })),
    webhookVerdict('access webhook, 5,000 instances, first opening', report.webhook.first),
    webhookVerdict('access webhook, 5,000 instances, opened again', report.webhook.again),
  ];
}

function ingestVerdict(work: string, ratio: number | undefined): Verdict {
  return {
    work,
    budget: 'within 10 % of an empty one',
    measured: ratio === undefined ? undefined : `${formatNumber(ratio)} × the time`,
    isMet: ratio === undefined ? undefined : ratio <= INGEST_BUDGET,
  };
}

function webhookVerdict(work: string, { p50, p99 }: Latency): Verdict {
  return {
    work,
    budget: `under ${WEBHOOK_BUDGET_MS} ms`,
    measured: `${formatNumber(p50)} ms (p99 ${formatNumber(p99)} ms)`,
    isMet: p50 < WEBHOOK_BUDGET_MS,
  };
}
