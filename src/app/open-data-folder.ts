import path from 'node:path';

import type { Config } from '../config/config.ts';
import { createChronicle, type Chronicle } from '../core/activity/chronicle.ts';
import { recoverStaged } from '../core/ingest/recover-staged.ts';
import { undoMoves } from '../core/move/move-study.ts';
import type { AuditTrail } from '../core/ports/audit-trail.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { InstanceStore } from '../core/ports/instance-store.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { StudyFiles } from '../core/ports/study-files.ts';
import { settleRemovals } from '../core/retention/settle-removals.ts';
import type { Metrics } from '../observability/metrics.ts';
import { loadCachedFiles } from '../platform/cached-file.ts';
import { lockDataFolder } from '../sqlite/data-folder-lock.ts';
import { openSqliteIndex, type SqliteIndex } from '../sqlite/study-index.ts';
import { openAuditLog } from '../storage/audit-log.ts';
import { type FreeSpace, watchFreeSpace } from '../storage/free-space.ts';
import { createInstanceStore } from '../storage/instance-store.ts';
import { type FileKeyRing, openKeyRing } from '../storage/key-ring.ts';
import { commandsSinceLastRun, createAuditMessages } from './audit-messages.ts';
import { indexFile, requireIndexOfObjects } from './index-file.ts';
import type { Lifecycle } from './lifecycle.ts';
import { prepareFolder } from './prepare-folder.ts';

const DAY_MS = 86_400_000;

export interface OpenDataFolderOptions {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a daemon keeps in its data folder, open. */
export interface DataFolder {
  readonly store: InstanceStore & StudyFiles;
  readonly database: SqliteIndex;
  /** What reads files that the operating system has in memory, where it can. */
  readonly cachedFiles: Awaited<ReturnType<typeof loadCachedFiles>>;
  readonly freeSpace: FreeSpace;
  /** Of object URLs. */
  readonly keys: FileKeyRing;
  readonly chronicle: Chronicle;
  readonly audit: AuditTrail;
  /** Of the audit trail, absolute. */
  readonly auditFolder: string;
  /** Audit entries given up since the start. */
  auditEntriesLost(): number;
  /** Tells the audit record repository of what commands did while no daemon ran. */
  tellOfCommands(): void;
}

/**
 * Opens the data folder, alone, and completes what a crash left in it: staged objects, removals, moves.
 * @throws StartError, or the error of whatever failed; the caller closes the lifecycle.
 */
export async function openDataFolder({
  config,
  metrics,
  lifecycle,
  clock,
  logger,
}: OpenDataFolderOptions): Promise<DataFolder> {
  const { dataDir } = config;
  await prepareFolder(dataDir);
  await requireIndexOfObjects(dataDir);
  const cachedFiles = await loadCachedFiles();
  if (cachedFiles.kind === 'unavailable')
    logger.info(
      { reason: cachedFiles.reason },
      'objects in memory cannot be told apart: all are read in threads',
    );
  const instanceStore = await createInstanceStore({
    dataDir,
    ...(cachedFiles.kind === 'available' && { cachedFiles }),
  });
  const store = lifecycle.opened('object store', instanceStore, (it) => it.close());
  lifecycle.opened('data folder lock', lockDataFolder(dataDir), (unlock) => unlock());
  const database = openSqliteIndex({ filePath: indexFile(dataDir) });
  const { index, removals, moves } = database;
  lifecycle.opened('index', index, (it) => it.close());
  await database.serviceRuns.began(clock.now());
  lifecycle.opened('service run', database.serviceRuns, (runs) => runs.ended(clock.now()));
  const freeSpace = lifecycle.opened(
    'free space watch',
    await watchFreeSpace({ dataDir, reserveBytes: config.storage.reserveBytes, clock, logger }),
    (it) => it.stop(),
  );
  let auditEntriesLost = 0;
  const keys = lifecycle.opened(
    'key ring',
    await openKeyRing({
      file: path.join(dataDir, 'object-url-keys.json'),
      clock,
      logger,
      urlLifetimeMs: config.access.urlLifetimeSeconds * 1000,
      rotateAfterMs: config.access.keyRotationDays * DAY_MS,
    }),
    (it) => it.close(),
  );
  const chronicle = createChronicle({ ...database, freeSpace: () => freeSpace.current(), clock, logger });
  const auditFolder = path.join(dataDir, 'audit');
  const auditMessages = lifecycle.opened(
    'audit messages',
    createAuditMessages({ syslog: config.audit.syslog, metrics, clock, logger }),
    (it) => it?.close(),
  );
  const auditLog = lifecycle.opened(
    'audit trail',
    await openAuditLog({
      folder: auditFolder,
      clock,
      logger,
      keepDays: config.audit.keepDays ?? undefined,
      onEntry: (record) => auditMessages?.tell(record),
      onWriteFailure: () => metrics.auditWriteFailures.inc(),
      onEntryLost: () => {
        auditEntriesLost += 1;
        metrics.auditEntriesLost.inc();
      },
    }),
    (it) => it.close(),
  );
  const commands = auditMessages === undefined ? [] : await commandsSinceLastRun(auditFolder);
  const audit = chronicle.auditing(auditLog);

  await settleRemovals({ removals, files: store, logger });
  const recovered = await recoverStaged({ store, index, logger });
  if (Object.values(recovered).some((count) => count > 0))
    logger.warn({ ...recovered }, 'recovered from an unclean stop');

  await undoMoves({ index, moves, files: store, logger });

  return {
    store,
    database,
    cachedFiles,
    freeSpace,
    keys,
    chronicle,
    audit,
    auditFolder,
    auditEntriesLost: () => auditEntriesLost,
    tellOfCommands() {
      for (const record of commands) auditMessages?.tell(record);
    },
  };
}
