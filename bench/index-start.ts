import path from 'node:path';

import { openSqliteIndex } from '../src/sqlite/study-index.ts';
import { siteConfig } from './site-config.ts';
import { summarize, type Latency } from './statistics.ts';
import { startDaemon, writeConfig } from '../test/support/daemon-process.ts';

/** Where a daemon with this folder as its home keeps its index. */
export function indexPath(folder: string): string {
  return path.join(folder, 'data', 'index.db');
}

/** Opens an index that lies in the file cache and asks what a start asks. @returns milliseconds. */
export function measureOpen(folder: string): number {
  const startedAt = performance.now();
  const { index } = openSqliteIndex({ filePath: indexPath(folder) });
  index.receivingStudies();
  index.listStudies({ limit: 100 });
  index.totals();
  const duration = performance.now() - startedAt;
  index.close();
  return duration;
}

const PAGES = ['/', '/studies', '/studies?q=MRN1000', '/senders', '/deliveries', '/metrics', '/api/studies'];
const REPEATS = 50;

export interface DaemonFigures {
  /** From the start of the process until it is ready, milliseconds. */
  readonly startMs: number;
  /** What the admin listener answers. */
  readonly pages: readonly { readonly path: string; readonly latency: Latency }[];
}

/** Starts the built daemon on this index and asks for its pages. */
export async function measureDaemon(folder: string): Promise<DaemonFigures> {
  const config = await writeConfig(
    folder,
    siteConfig({
      customers: Object.fromEntries(
        ['city-medical', 'north-clinic', 'harbour-imaging'].map((customer, at) => [
          customer,
          { expressCustomerId: `cus_${`${at}b`.repeat(16)}`, products: ['viewer'] },
        ]),
      ),
      routes: [{ calledAe: 'CITYMED', customer: 'city-medical' }],
    }),
  );
  const startedAt = performance.now();
  const daemon = await startDaemon(config);
  const startMs = performance.now() - startedAt;
  const pages: { path: string; latency: Latency }[] = [];
  for (const page of PAGES) {
    const durations: number[] = [];
    for (let turn = -3; turn < REPEATS; turn += 1) {
      const askedAt = performance.now();
      const response = await fetch(`http://${daemon.admin.host}:${daemon.admin.port}${page}`);
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`${page} was answered with ${response.status}`);
      if (turn >= 0) durations.push(performance.now() - askedAt);
    }
    pages.push({ path: page, latency: summarize(durations) });
  }
  await daemon.stop();
  return { startMs, pages };
}
