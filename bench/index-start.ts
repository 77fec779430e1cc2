import path from 'node:path';

import { openSqliteIndex } from '../src/sqlite/study-index.ts';
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

/** Starts the built daemon on this index. @returns milliseconds from the start of the process until it is ready. */
export async function measureDaemonStart(folder: string): Promise<number> {
  const config = await writeConfig(folder, {
    avara: { baseUrl: 'http://127.0.0.1:9', apiKey: 'bench-api-key', webhookSecret: 'bench-webhook-secret' },
    customers: Object.fromEntries(
      ['city-medical', 'north-clinic', 'harbour-imaging'].map((customer, at) => [
        customer,
        { expressCustomerId: `cus_${`${at}b`.repeat(16)}`, products: ['viewer'] },
      ]),
    ),
    routes: [{ calledAe: 'CITYMED', customer: 'city-medical' }],
    storage: { reserveBytes: 0 },
  });
  const startedAt = performance.now();
  const daemon = await startDaemon(config);
  const duration = performance.now() - startedAt;
  await daemon.stop();
  return duration;
}
