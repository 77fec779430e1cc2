/** `npm run bench:upkeep`: verify, reindex, retention, backup and migration of an index of a million instances. */
import fs from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { formatBytes, formatCount } from '../src/cli/output.ts';
import { openSqliteIndex } from '../src/sqlite/study-index.ts';
import { finish } from './finish.ts';
import { IndexFiller } from './index-filler.ts';
import { describeMachine } from './machine.ts';
import { createScratch } from './scratch.ts';
import { formatNumber } from './table.ts';
import { measureFileUpkeep } from './upkeep-files.ts';
import { measureUpkeep } from './upkeep-index.ts';

const { values } = parseArgs({
  options: {
    instances: { type: 'string', default: '1000000' },
    files: { type: 'string', default: '20000' },
    // An index to take a copy of, instead of filling one.
    index: { type: 'string' },
    folder: { type: 'string' },
    'no-write': { type: 'boolean', default: false },
  },
});

const MEMORY_BUDGET_BYTES = 200_000_000;

const scratch = await createScratch(values.folder);
try {
  const notes = await describeMachine(scratch.folder);
  const file = path.join(scratch.folder, 'index.db');
  if (values.index === undefined) await fill(file, Number(values.instances));
  else await fs.copyFile(values.index, file);
  const upkeep = await measureUpkeep(file, scratch.folder);
  const files = await measureFileUpkeep(await scratch.make('files'), Number(values.files));
  const { index } = openSqliteIndex({ filePath: file });
  const { instances, studies } = index.totals();
  index.close();
  const hours = (perSecond: number): string =>
    `${formatNumber(perSecond)} objects/s; a million take ${formatNumber(1e6 / perSecond / 60)} minutes`;
  const grown = Math.max(...upkeep.map(({ grownBytes }) => grownBytes ?? 0));
  await finish({
    section: 'upkeep',
    command: 'npm run bench:upkeep',
    notes: [
      ...notes,
      `An index of ${formatCount(instances)} instances in ${formatCount(studies)} studies, as \`npm run bench:index\` fills it. Verify there asks the index and a list of files that is made of it, and reads no file; the share of files is below.`,
      `${formatCount(files.files)} files of ${formatBytes(files.fileBytes)} lie in a data folder without an index: \`reindex\` and then \`verify --offline\` in the daemon read each from end to end.`,
    ],
    tables: [
      {
        title: 'A large index',
        columns: [
          { title: 'work' },
          { title: 'seconds', align: 'right' },
          { title: 'longest turn of the event loop', align: 'right' },
          { title: 'memory more', align: 'right' },
          { title: 'found' },
        ],
        rows: upkeep.map(({ title, seconds, longestTurnMs, grownBytes, found }) => [
          title,
          formatNumber(seconds),
          longestTurnMs === undefined ? '' : `${formatNumber(longestTurnMs)} ms`,
          grownBytes === undefined ? '' : formatBytes(grownBytes),
          found,
        ]),
      },
      {
        title: 'Files',
        columns: [{ title: 'work' }, { title: 'figure', align: 'right' }],
        rows: [
          ['reindex', hours(files.reindexPerSecond)],
          ['verify in the daemon', hours(files.verifyPerSecond)],
          ['longest delay of its event loop', `${formatNumber(files.longestTurnSeconds * 1000)} ms`],
        ],
      },
    ],
    verdicts: [
      {
        work: 'memory while verifying and judging',
        budget: `grows by less than ${formatBytes(MEMORY_BUDGET_BYTES)}`,
        measured: formatBytes(grown),
        isMet: grown < MEMORY_BUDGET_BYTES,
      },
    ],
    isWritten: !values['no-write'],
    isEnforced: false,
  });
} finally {
  await scratch.remove();
}

async function fill(filePath: string, instances: number): Promise<void> {
  const { index, outbox } = openSqliteIndex({ filePath });
  const filler = new IndexFiller(index, outbox);
  await filler.add(instances);
  await filler.addLargeStudy();
  index.close();
}
