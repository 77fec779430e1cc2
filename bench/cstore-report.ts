import { formatBytes } from '../src/cli/output.ts';
import type { CaseResult, Measured } from './measure.ts';
import type { Network, ReceiverName } from './receivers.ts';
import { formatNumber, type Table, type Verdict } from './table.ts';
import type { WorkloadName } from './workloads.ts';

const RSS_BUDGET_BYTES = 250_000_000;

const NETWORKS: Readonly<Record<Network, string>> = { tuned: 'Nagle off', installed: 'as installed' };

export function cstoreTable(results: readonly CaseResult[]): Table {
  return {
    title: 'C-STORE',
    columns: [
      { title: 'work' },
      { title: 'receiver' },
      { title: 'sent', align: 'right' },
      { title: 'time (s)', align: 'right' },
      { title: 'objects/s', align: 'right' },
      { title: 'after start', align: 'right' },
      { title: 'MB/s', align: 'right' },
      { title: 'CPU ms/object', align: 'right' },
      { title: 'peak RSS', align: 'right' },
      { title: 'avara-ingest : this', align: 'right' },
    ],
    rows: results.flatMap((result) => result.measured.map((measured) => rowOf(result, measured))),
  };
}

function rowOf({ case: one, workload }: CaseResult, measured: Measured): string[] {
  const total = workload.studies.flat().length;
  const seconds = measured.secondsPerObject * total;
  // `~`: worked out for the whole from the part that was sent.
  const scaled = measured.objects < total ? '~' : '';
  const plural = one.associations === 1 ? 'Association' : 'Associations';
  return [
    `${workload.title}, ${one.associations} ${plural}, ${NETWORKS[one.network]}`,
    measured.receiver,
    String(measured.objects),
    scaled + formatNumber(seconds),
    formatNumber(1 / measured.secondsPerObject),
    formatNumber(1 / measured.firstSecondsPerObject),
    formatNumber(workload.fileBytes / 1e6 / measured.secondsPerObject),
    formatNumber(measured.cpuSecondsPerObject * 1000),
    formatBytes(measured.peakRssBytes),
    measured.receiver === 'avara-ingest' ? '' : `${formatNumber(measured.ratio)} : 1`,
  ];
}

/** Sets the figures beside the budget of the project. */
export function cstoreVerdicts(results: readonly CaseResult[]): Verdict[] {
  const rate = (
    work: string,
    where: { workload: WorkloadName; associations: number; network: Network },
    receiver: ReceiverName,
    least: number,
    goal = '',
  ): Verdict => {
    const ratio = find(results, where, receiver)?.ratio;
    return {
      work,
      budget: `at least ${least} × ${receiver}'s rate${goal}`,
      measured: ratio === undefined ? undefined : `${formatNumber(ratio)} ×`,
      isMet: ratio === undefined ? undefined : ratio >= least,
    };
  };
  const memory = (work: string, workload: WorkloadName, associations: number): Verdict => {
    const rss = find(results, { workload, associations, network: 'tuned' }, 'avara-ingest')?.peakRssBytes;
    return {
      work,
      budget: `RSS under ${formatBytes(RSS_BUDGET_BYTES)}`,
      measured: rss === undefined ? undefined : formatBytes(rss),
      isMet: rss === undefined ? undefined : rss < RSS_BUDGET_BYTES,
    };
  };
  const ct = { workload: 'ct', associations: 1, network: 'tuned' } as const;
  const small = { workload: 'small', associations: 1, network: 'installed' } as const;
  return [
    rate('CT, Nagle off', ct, 'storescp', 0.6, ' (goal 1.0)'),
    rate('CT, Nagle off', ct, 'Orthanc', 2.5),
    rate('small objects, as installed', small, 'storescp', 50),
    rate('small objects, as installed', small, 'Orthanc', 50),
    memory('8 × 100 MB at once', 'large', 8),
    memory('one object of 4.3 GB (--full)', 'huge', 1),
  ];
}

function find(
  results: readonly CaseResult[],
  where: { workload: WorkloadName; associations: number; network: Network },
  receiver: ReceiverName,
): Measured | undefined {
  const result = results.find(
    ({ case: one }) =>
      one.workload === where.workload &&
      one.associations === where.associations &&
      one.network === where.network,
  );
  return result?.measured.find((measured) => measured.receiver === receiver);
}
