import { startDaemon, writeConfig } from '../test/support/daemon-process.ts';
import { findProgram } from './receivers.ts';
import { send } from './sender.ts';
import { siteConfig } from './site-config.ts';
import { median } from './statistics.ts';
import { generateWorkload } from './workloads.ts';

/** Sent to each daemon before anything is timed. */
const WARM_UP = 4000;
const CHUNK = 250;
const CHUNKS = 24;

/** Receiving by C-STORE, objects of 4 kB over one Association. */
export interface ReceivingRates {
  /** Objects per second, with the full index and with an empty one. */
  readonly full: number;
  readonly empty: number;
  /** Time with the full index over time with an empty one, from chunks next to each other. */
  readonly ratio: number;
}

/**
 * Sends the same objects to two daemons in turn: one has the full index, the other an empty one.
 * @param homes of the daemons. @param folder for the objects.
 * @returns undefined where DCMTK's storescu is not installed.
 */
export async function compareReceiving(
  homes: { readonly full: string; readonly empty: string },
  folder: string,
): Promise<ReceivingRates | undefined> {
  if ((await findProgram('storescu')) === undefined) {
    console.error('storescu is not installed: receiving with a full index is not compared');
    return undefined;
  }
  const workload = await generateWorkload(folder, 'small', CHUNK * CHUNKS, WARM_UP);
  const files = workload.studies.flat();
  const full = await startReceiving(homes.full);
  const empty = await startReceiving(homes.empty);
  try {
    await full.receive(workload.warmUp);
    await empty.receive(workload.warmUp);
    const pairs: { full: number; empty: number }[] = [];
    for (let chunk = 0; chunk < CHUNKS; chunk += 1) {
      const sent = files.slice(chunk * CHUNK, (chunk + 1) * CHUNK);
      const [first, second] = chunk % 2 === 0 ? [full, empty] : [empty, full];
      const times = new Map([
        [first, await first.receive(sent)],
        [second, await second.receive(sent)],
      ]);
      pairs.push({ full: times.get(full) ?? 0, empty: times.get(empty) ?? 0 });
    }
    return {
      full: CHUNK / median(pairs.map((pair) => pair.full)),
      empty: CHUNK / median(pairs.map((pair) => pair.empty)),
      ratio: median(pairs.map((pair) => pair.full / pair.empty)),
    };
  } finally {
    await full.stop();
    await empty.stop();
  }
}

interface Receiving {
  /** @returns seconds. */
  receive(files: readonly string[]): Promise<number>;
  stop(): Promise<unknown>;
}

async function startReceiving(home: string): Promise<Receiving> {
  const daemon = await startDaemon(await writeConfig(home, siteConfig()));
  const to = { port: daemon.dimse.port, calledAeTitle: 'BENCH' };
  return {
    receive: (files) => send({ to, associations: [files], network: 'tuned' }),
    stop: () => daemon.stop(),
  };
}
