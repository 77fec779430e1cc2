import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import { promisify } from 'node:util';

import type { Case, Plan } from './plan.ts';
import { watchProcess } from './process-stats.ts';
import { startReceiver, type Receiver, type ReceiverName } from './receivers.ts';
import type { Scratch } from './scratch.ts';
import { distribute, send } from './sender.ts';
import { median } from './statistics.ts';
import { warmUp } from './warm-up.ts';
import type { Workload } from './workloads.ts';

const run = promisify(execFile);

/** Sent at least by each Association of a run that is bounded by time. */
const LEAST_OBJECTS = 20;

interface Run {
  readonly objects: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
  /** Right after the receiver's start. */
  readonly firstSecondsPerObject: number;
}

/** A receiver's medians in one case. */
export interface Measured {
  readonly receiver: ReceiverName;
  /** Sent per run; the smallest where runs differ. */
  readonly objects: number;
  readonly secondsPerObject: number;
  readonly cpuSecondsPerObject: number;
  /** Over one Association, right after the receiver's start. */
  readonly firstSecondsPerObject: number;
  /** Of all runs. */
  readonly peakRssBytes: number;
  /** avara-ingest's rate over this receiver's, from runs next to each other; 2 means that avara-ingest is twice as fast. */
  readonly ratio: number;
}

export interface CaseResult {
  readonly case: Case;
  readonly workload: Workload;
  readonly measured: readonly Measured[];
}

export interface MeasureOptions {
  readonly scratch: Scratch;
  readonly plan: Plan;
  /** Receivers that are installed. */
  readonly present: ReadonlySet<ReceiverName>;
  readonly onRun: (text: string) => void;
}

/** Runs a case: in every round each receiver once, beginning with another one each time. */
export async function measureCase(
  one: Case,
  workload: Workload,
  options: MeasureOptions,
): Promise<CaseResult> {
  const receivers = one.receivers.filter((name) => options.present.has(name));
  const runs = new Map<ReceiverName, Run[]>(receivers.map((name) => [name, []]));
  for (let round = 0; round < one.runs; round += 1) {
    for (let turn = 0; turn < receivers.length; turn += 1) {
      const name = receivers[(round + turn) % receivers.length];
      if (name === undefined) continue;
      const result = await runOnce(name, one, workload, options);
      runs.get(name)?.push(result);
      options.onRun(
        `round ${round + 1}: ${name} ${result.objects} objects in ${result.seconds.toFixed(2)} s`,
      );
    }
  }
  const ours = runs.get('avara-ingest') ?? [];
  return {
    case: one,
    workload,
    measured: receivers.map((name) => summarizeRuns(name, runs.get(name) ?? [], ours)),
  };
}

/** Takes medians; ratios are formed within rounds, so that what slows the machine for a while slows both sides. */
export function summarizeRuns(receiver: ReceiverName, runs: readonly Run[], ours: readonly Run[]): Measured {
  const ratios = runs.flatMap((theirs, round) => {
    const own = ours[round];
    return own === undefined ? [] : [theirs.seconds / theirs.objects / (own.seconds / own.objects)];
  });
  return {
    receiver,
    objects: Math.min(...runs.map(({ objects }) => objects)),
    secondsPerObject: median(runs.map(({ seconds, objects }) => seconds / objects)),
    cpuSecondsPerObject: median(runs.map(({ cpuSeconds, objects }) => cpuSeconds / objects)),
    firstSecondsPerObject: median(runs.map((one) => one.firstSecondsPerObject)),
    peakRssBytes: Math.max(...runs.map(({ peakRssBytes }) => peakRssBytes)),
    ratio: median(ratios),
  };
}

/** One receiver, started with an empty folder, warmed up, measured, asked what it keeps, and stopped. */
async function runOnce(
  name: ReceiverName,
  one: Case,
  workload: Workload,
  { scratch, plan }: MeasureOptions,
): Promise<Run> {
  const folder = await scratch.make(name);
  const { network, associations } = one;
  const receiver = await startReceiver(name, { folder, network, associations });
  const release = scratch.adopt(receiver.pid);
  try {
    const warm = await warmUp(receiver, workload.warmUp, network);
    const affordable = Math.floor((plan.installedSecondsPerRun * associations) / warm.pace);
    const shares = distribute(workload.studies, associations);
    const perShare =
      network === 'installed' ? Math.max(LEAST_OBJECTS, Math.ceil(affordable / shares.length)) : Infinity;
    const sent = shares.map((files) => files.slice(0, perShare));
    const objects = sent.reduce((sum, files) => sum + files.length, 0);
    const stopWatch = watchProcess(receiver.pid);
    const seconds = await send({ to: receiver, associations: sent, network });
    const stats = stopWatch();
    await expectAll(name, receiver, warm.objects + objects);
    return { objects, seconds, ...stats, firstSecondsPerObject: warm.firstPace };
  } finally {
    await receiver.stop();
    release();
    await fs.rm(folder, { recursive: true, force: true, maxRetries: 3 });
    // What one receiver left unwritten must not slow the next one's fsync.
    await run('sync');
  }
}

/** @throws Error where something acknowledged is not kept and, by a receiver with an index, indexed. */
async function expectAll(name: ReceiverName, receiver: Receiver, expected: number): Promise<void> {
  const kept = await receiver.countInstances();
  if (kept !== expected) throw new Error(`${name} acknowledged ${expected} instances but knows ${kept}`);
}
