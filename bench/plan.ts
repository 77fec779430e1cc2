import type { Network, ReceiverName } from './receivers.ts';
import type { WorkloadName } from './workloads.ts';

export type Effort = 'quick' | 'default' | 'full';

/** One row of the matrix: what is sent, over how many Associations, over which network, to whom. */
export interface Case {
  readonly workload: WorkloadName;
  readonly associations: number;
  readonly network: Network;
  readonly receivers: readonly ReceiverName[];
  readonly runs: number;
}

export interface Plan {
  readonly objects: Readonly<Partial<Record<WorkloadName, number>>>;
  /** Of the warm-up of such objects; large ones are preceded by CT. */
  readonly warmUpObjects: Readonly<Record<WorkloadName, number>>;
  readonly cases: readonly Case[];
  /**
   * With Nagle on, an object can take 90 ms: a run sends as many as fit into so many seconds by the pace of the
   * warm-up, and its rate is taken per object.
   */
  readonly installedSecondsPerRun: number;
}

const ALL: readonly ReceiverName[] = ['avara-ingest', 'storescp', 'Orthanc'];
const AND_SYNCING: readonly ReceiverName[] = ['avara-ingest', 'storescp', 'storescp+sync', 'Orthanc'];
const AND_BARE: readonly ReceiverName[] = ['avara-ingest', 'storescp', 'storescp+sync', 'bare', 'Orthanc'];

/** @param runs replaces the number of runs of every case. */
export function planFor(effort: Effort, runs?: number): Plan {
  const plan = PLANS[effort];
  return runs === undefined ? plan : { ...plan, cases: plan.cases.map((one) => ({ ...one, runs })) };
}

function matrix(
  workload: WorkloadName,
  network: Network,
  associations: readonly number[],
  runs: number,
  receivers = ALL,
): Case[] {
  return associations.map((count) => ({ workload, associations: count, network, receivers, runs }));
}

const WARM_UP = { ct: 5000, small: 6000, large: 250, huge: 250 };

const PLANS: Readonly<Record<Effort, Plan>> = {
  quick: {
    objects: { ct: 100, small: 400, large: 8 },
    warmUpObjects: { ct: 250, small: 1000, large: 20, huge: 20 },
    installedSecondsPerRun: 1,
    cases: [
      ...matrix('ct', 'tuned', [1], 1),
      ...matrix('small', 'tuned', [1], 1),
      ...matrix('small', 'installed', [1], 1),
      ...matrix('large', 'tuned', [8], 1, ['avara-ingest']),
    ],
  },
  default: {
    objects: { ct: 500, small: 2000, large: 8 },
    warmUpObjects: WARM_UP,
    installedSecondsPerRun: 4,
    cases: [
      ...matrix('ct', 'tuned', [1], 3, AND_BARE),
      ...matrix('ct', 'tuned', [4], 3, AND_SYNCING),
      ...matrix('small', 'tuned', [1, 4], 3, AND_SYNCING),
      // One PDU exchange per 100 MB makes Nagle's wait invisible, so large objects are sent without it only.
      ...matrix('large', 'tuned', [1, 8], 3),
      ...matrix('ct', 'installed', [1], 2),
      ...matrix('small', 'installed', [1, 4], 2),
    ],
  },
  full: {
    objects: { ct: 500, small: 2000, large: 8, huge: 1 },
    warmUpObjects: WARM_UP,
    installedSecondsPerRun: 20,
    cases: [
      ...matrix('ct', 'tuned', [1], 7, AND_BARE),
      ...matrix('ct', 'tuned', [4], 7, AND_SYNCING),
      ...matrix('small', 'tuned', [1, 4], 7, AND_SYNCING),
      ...matrix('large', 'tuned', [1, 4, 8], 5),
      ...matrix('huge', 'tuned', [1], 2),
      ...matrix('ct', 'installed', [1, 4], 3),
      ...matrix('small', 'installed', [1, 4], 3),
    ],
  },
};
