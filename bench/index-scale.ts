/** `npm run bench:index`: the index and what answers from it, empty and with a million instances. */
import fs from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';

import { openSqliteIndex } from '../src/sqlite/study-index.ts';
import { finish } from './finish.ts';
import { ASSOCIATIONS, IndexFiller } from './index-filler.ts';
import { measureQueries } from './index-queries.ts';
import { indexTables, indexVerdicts, type IngestRate } from './index-report.ts';
import { indexPath, measureDaemonStart, measureOpen } from './index-start.ts';
import { measureWebhook } from './index-webhook.ts';
import { describeMachine } from './machine.ts';
import { createScratch } from './scratch.ts';

interface Options {
  readonly quick?: true;
  readonly instances?: string;
  readonly folder?: string;
  readonly enforce?: true;
  readonly write: boolean;
}

const program = new Command('bench:index')
  .description('Measures the index at a million instances. Build the daemon first.')
  .option('--quick', '50,000 instances; writes no documentation')
  .option('--instances <count>', 'how many instances to fill in (default: 1000000)')
  .option('--folder <path>', 'where to put the index (default: the folder for temporary files)')
  .option('--enforce', 'exit with 1 if a budget is missed')
  .option('--no-write', 'leave docs/performance.md as it is')
  .parse();
const options = program.opts<Options>();
const instances = options.quick ? 50_000 : Number(options.instances ?? 1_000_000);
if (!(Number.isSafeInteger(instances) && instances >= 10_000)) {
  program.error('--instances takes a number from 10000');
}
/** So many are timed at each size. */
const window = Math.min(20_000, instances / 5);

const scratch = await createScratch(options.folder);
try {
  const machine = await describeMachine(scratch.folder);
  await runHot();

  const emptyHome = await homeIn('empty');
  const emptyStartMs = await measureDaemonStart(emptyHome);
  const home = await homeIn('full');
  const opened = openSqliteIndex({ filePath: indexPath(home) });
  const filler = new IndexFiller(opened.index, opened.outbox);
  const rates: IngestRate[] = [];
  for (const size of [0, instances / 10, instances]) {
    while (filler.count < size) {
      await filler.add(Math.min(50_000, size - filler.count));
      console.error(`${filler.count} instances`);
    }
    rates.push({ size, microseconds: await filler.add(window) });
  }
  const large = await filler.addLargeStudy();
  const { studies } = filler;
  opened.index.close();

  const databaseBytes = (await fs.stat(indexPath(home))).size;
  const openMs = measureOpen(home);
  const { index } = openSqliteIndex({ filePath: indexPath(home) });
  const queries = measureQueries(index, studies, large);
  const webhook = await measureWebhook(index, large, home);
  index.close();
  const startMs = await measureDaemonStart(home);

  const result = { instances: filler.count, studies: studies.length + 1, databaseBytes, rates };
  const report = { ...result, openMs, emptyStartMs, startMs, queries, webhook };
  await finish({
    section: 'index',
    command: `npm run bench:index${options.quick ? ' -- --quick' : ''}`,
    notes: [
      ...machine,
      `Invented patients; CR, US, MR and CT studies of 2 to 702 instances and one of 5,000; ${ASSOCIATIONS} arrive at once, so ${ASSOCIATIONS} instances share a transaction; complete studies are settled and marked as created at Avara.`,
      'Time per instance: addInstance alone, median of blocks of 2,000. Queries: index in process, file cache warm.',
    ],
    tables: indexTables(report),
    verdicts: indexVerdicts(report),
    isWritten: options.write && !options.quick && options.instances === undefined,
    isEnforced: options.enforce === true,
  });
} finally {
  await scratch.remove();
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
