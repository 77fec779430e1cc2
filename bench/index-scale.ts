/** `npm run bench:index`: the index and what answers from it, empty and with a million instances. */
import fs from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';

import { openSqliteIndex } from '../src/sqlite/study-index.ts';
import { finish } from './finish.ts';
import {
  ASSOCIATIONS,
  BLOCK_INSTANCES,
  compareIngest,
  IndexFiller,
  type IngestRate,
} from './index-filler.ts';
import { measureQueries } from './index-queries.ts';
import { compareReceiving } from './index-receive.ts';
import { indexTables, indexVerdicts } from './index-report.ts';
import { indexPath, measureDaemon, measureOpen } from './index-start.ts';
import { measureWebhook } from './index-webhook.ts';
import { describeMachine } from './machine.ts';
import { createScratch } from './scratch.ts';

interface Options {
  readonly quick?: true;
  readonly instances?: string;
  readonly folder?: string;
  readonly keep?: true;
  readonly enforce?: true;
  readonly write: boolean;
}

const program = new Command('bench:index')
  .description('Measures the index at a million instances. Build the daemon first.')
  .option('--quick', '50,000 instances; writes no documentation')
  .option('--instances <count>', 'how many instances to fill in (default: 1000000)')
  .option('--folder <path>', 'where to put the index (default: the folder for temporary files)')
  .option('--keep', 'leave the index where it is, for EXPLAIN QUERY PLAN and the like')
  .option('--enforce', 'exit with 1 if a budget is missed')
  .option('--no-write', 'leave docs/performance.md as it is')
  .parse();
const options = program.opts<Options>();
const instances = options.quick ? 50_000 : Number(options.instances ?? 1_000_000);
if (!(Number.isSafeInteger(instances) && instances >= 10_000)) {
  program.error('--instances takes a number from 10000');
}
/** Blocks that are timed at each size. */
const blocks = options.quick ? 5 : 41;

const scratch = await createScratch(options.folder);
try {
  const machine = await describeMachine(scratch.folder);
  await runHot();

  const emptyHome = await homeIn('empty');
  const { startMs: emptyStartMs } = await measureDaemon(emptyHome);
  const home = await homeIn('full');
  const opened = openSqliteIndex({ filePath: indexPath(home) });
  const filler = new IndexFiller(opened.index, opened.outbox);
  const rates: IngestRate[] = [];
  for (const size of [instances / 10, instances]) {
    while (filler.count < size) {
      const microseconds = await filler.add(Math.min(50_000, size - filler.count));
      console.error(`${filler.count} instances, the last ones ${microseconds.toFixed(1)} µs each`);
    }
    const empty = openSqliteIndex({ filePath: indexPath(await homeIn('empty')) });
    rates.push(await compareIngest(filler, new IndexFiller(empty.index, empty.outbox), blocks));
    empty.index.close();
  }
  const large = await filler.addLargeStudy();
  const { studies } = filler;
  opened.index.close();

  const databaseBytes = (await fs.stat(indexPath(home))).size;
  const openMs = measureOpen(home);
  const { index, search } = openSqliteIndex({ filePath: indexPath(home) });
  const queries = await measureQueries({ index, search }, studies, large);
  const webhook = await measureWebhook(index, large, home);
  index.close();
  const { startMs, pages } = await measureDaemon(home);
  const receiving = await compareReceiving({ full: home, empty: emptyHome }, await scratch.make('objects'));

  const result = { instances: filler.count, studies: studies.length + 1, databaseBytes, rates };
  const report = { ...result, receiving, openMs, emptyStartMs, startMs, pages, queries, webhook };
  await finish({
    section: 'index',
    command: `npm run bench:index${options.quick ? ' -- --quick' : ''}`,
    notes: [
      ...machine,
      `Invented patients; CR, US, MR and CT studies of 2 to 702 instances and one of 5,000; ${ASSOCIATIONS} arrive at once, so ${ASSOCIATIONS} instances share a transaction; complete studies are settled and marked as created at Avara.`,
      'Receiving: the daemon as a process, objects of 4 kB by storescu over one Association, Nagle off; one with this index and one with an empty one in turn.',
      `Time per instance: addInstance alone, median of ${blocks} blocks of ${BLOCK_INSTANCES}, in turn with blocks for an index that began empty. Queries: index in process, file cache warm.`,
    ],
    tables: indexTables(report),
    verdicts: indexVerdicts(report),
    isWritten: options.write && !options.quick && options.instances === undefined,
    isEnforced: options.enforce === true,
  });
} finally {
  if (options.keep) console.error(`kept ${scratch.folder}`);
  else await scratch.remove();
}

/** Lets the compiler see the code once, so that the empty index is not charged for it. */
async function runHot(): Promise<void> {
  const { index, outbox } = openSqliteIndex({ filePath: indexPath(await homeIn('hot')) });
  await new IndexFiller(index, outbox).add(20_000);
  index.close();
}

async function homeIn(name: string): Promise<string> {
  const folder = await scratch.make(name);
  await fs.mkdir(path.dirname(indexPath(folder)));
  return folder;
}
