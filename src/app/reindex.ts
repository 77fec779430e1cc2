import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';

import type { Config } from '../config/config.ts';
import { customerKey } from '../core/study/instance.ts';
import { reindexFiles, type ReindexCounts, type ReindexEvent } from '../core/proof/reindex.ts';
import type { Logger } from '../core/ports/logger.ts';
import { createSystemClock } from '../platform/clock.ts';
import { createFileWorker } from '../platform/file-worker.ts';
import { lockDataFolder } from '../sqlite/data-folder-lock.ts';
import { addReports, checkRebuilt, dropRebuilt, swapIn, takeOver } from '../sqlite/index-rebuild.ts';
import { openSqliteIndex } from '../sqlite/study-index.ts';
import { createProofFiles } from '../storage/proof-files.ts';
import { listReports } from '../storage/report-list.ts';
import { openCommandAudit } from './command-audit.ts';
import { StartError } from './daemon.ts';
import { indexFile } from './index-file.ts';
import { prepareFolder } from './prepare-folder.ts';
import { Lifecycle } from './lifecycle.ts';
import { startErrorOf } from './start-errors.ts';

/** Space that a new database may need for each file of the store, bytes; generous. */
const MIN_FREE_BYTES = 64 * 1024 * 1024;

export interface ReindexResult extends ReindexCounts {
  readonly reports: number;
  /** What could not be taken over from the database of before; absent: there was none, or nothing could be read of it. */
  readonly notTakenOver?: readonly string[];
  /** Where the database of before is kept. */
  readonly keptAs?: string;
}

export interface ReindexOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** Do not look into the database of before. */
  readonly fromFilesOnly: boolean;
  readonly signal: AbortSignal;
  readonly emit: (event: ReindexEvent) => void;
}

/**
 * Builds the index anew from the files, beside the one of before, and puts it in its place once it is complete and
 * checked. What no file tells is taken over from the database of before, as far as that can be read.
 * @throws StartError where a daemon uses the data folder, or the result is not right; nothing is changed then.
 */
export async function reindex(options: ReindexOptions): Promise<ReindexResult> {
  const { config, logger, fromFilesOnly, signal, emit } = options;
  const { dataDir } = config;
  const lifecycle = new Lifecycle(logger);
  const live = indexFile(dataDir);
  const rebuilt = `${live}.new`;
  try {
    if (!existsSync(dataDir)) throw new StartError(`there is no data folder ${dataDir}`, 'Check "dataDir".');
    await prepareFolder(dataDir);
    lifecycle.opened('data folder lock', lockDataFolder(dataDir), (unlock) => unlock());
    const { bavail, bsize } = await statfs(dataDir);
    if (bavail * bsize < MIN_FREE_BYTES)
      throw new StartError('the disk is full: there is no room for a second index', 'Free some space first.');
    const worker = lifecycle.opened('file worker', createFileWorker(), (it) => it.close());
    const files = createProofFiles({ dataDir, read: (path, how) => worker.read(path, how) });
    lifecycle.opened('files', files, (it) => it.close());
    const audit = lifecycle.opened(
      'audit trail',
      await openCommandAudit({
        dataDir,
        logger,
        command: fromFilesOnly ? 'reindex --from-files-only' : 'reindex',
      }),
      (it) => it.close(),
    );
    audit.started();
    let outcome = 'nothing was changed';
    lifecycle.opened('outcome', undefined, () => audit.ended(outcome));
    dropRebuilt(rebuilt);
    const counts = await build();
    const missed = fromFilesOnly || !existsSync(live) ? undefined : takeOver(rebuilt, live);
    const reports = addReports(rebuilt, await listReports(dataDir));
    await settle();
    const problems = checkRebuilt(rebuilt, counts);
    if (problems.length > 0)
      throw new StartError(problems.join('; '), 'The index was left as it was. Please report this.');
    const stamp = new Date().toISOString().replace(/[:.]/g, '-');
    const keptAs = await swapIn(rebuilt, live, stamp);
    outcome = `${counts.instances} instances indexed, ${counts.leftOut} files left out`;
    return {
      ...counts,
      reports,
      ...(missed !== undefined && { notTakenOver: missed }),
      ...(keptAs !== undefined && { keptAs }),
    };

    async function build(): Promise<ReindexCounts> {
      const { index } = openSqliteIndex({ filePath: rebuilt });
      try {
        return await reindexFiles({ files, index }, signal, emit);
      } finally {
        index.close();
      }
    }
  } catch (error) {
    dropRebuilt(rebuilt);
    throw startErrorOf(error);
  } finally {
    await lifecycle.close();
  }

  /** Studies whose quiet time is over become stable now, not at the next start: they are shown as they were. */
  async function settle(): Promise<void> {
    const { index } = openSqliteIndex({ filePath: rebuilt });
    const now = createSystemClock().now();
    const quietMs = config.studies.stableAfterSeconds * 1000;
    const products = new Map(
      Object.entries(config.customers).map(([key, customer]) => [customerKey(key), customer.products]),
    );
    try {
      const due = index.receivingStudies().filter(({ lastReceivedAt }) => lastReceivedAt + quietMs <= now);
      for (const { key, lastReceivedAt } of due) {
        const own = products.get(key.customer);
        if (own !== undefined) await index.settle(key, lastReceivedAt, own, now);
      }
    } finally {
      index.close();
    }
  }
}
