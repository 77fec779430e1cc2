import fs from 'node:fs/promises';
import path from 'node:path';

import type { Config } from '../config/config.ts';
import type { Logger } from '../core/ports/logger.ts';
import { createFileWorker } from '../platform/file-worker.ts';
import { MIGRATIONS } from '../sqlite/migrations.ts';
import { openSnapshot } from '../sqlite/index-snapshot.ts';
import { ManifestError, readManifest } from '../storage/backup-manifest.ts';
import { type CopyMode, copyObjects } from '../storage/copy-objects.ts';
import { restoreState } from '../storage/state-files.ts';
import { syncFolder } from '../storage/sync-folder.ts';
import { type CopyProgress, type CopyResult, createTally, lockFolder, refuseNesting } from './backup.ts';
import { openCommandAudit, requireOwner } from './command-audit.ts';
import { StartError } from './daemon.ts';
import { indexFile } from './index-file.ts';
import { prepareFolder } from './prepare-folder.ts';

export interface RestoreOptions {
  readonly config: Config;
  /** Of the backup, absolute. */
  readonly folder: string;
  readonly mode: CopyMode;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: CopyProgress) => void;
  readonly logger: Logger;
}

export interface RestoreResult extends CopyResult {
  /** When the backup was begun, ISO 8601. */
  readonly startedAt: string;
  /** State files that are missing from the backup, or damaged there. */
  readonly wrongState: readonly string[];
}

const MARKER = '.restoring';
const THREADS = 2;

/**
 * Brings a backup back into an empty data folder, every object compared with its digest. The index comes last, so that a
 * restore that was broken off is never taken for a data folder; the same command goes on with it.
 * @throws StartError
 */
export async function restore(options: RestoreOptions): Promise<RestoreResult> {
  const { config, folder, mode, signal, onProgress, logger } = options;
  const { dataDir } = config;
  refuseNesting(dataDir, folder);
  const manifest = await manifestOf(folder);
  if (manifest.index.schemaVersion > MIGRATIONS.length)
    throw new StartError(
      `the backup was made by a newer version (${manifest.version})`,
      'Restore it with that version.',
    );
  await prepareFolder(dataDir);
  await refuseUsed(dataDir);
  await requireOwner(dataDir);
  const unlock = lockFolder(dataDir, 'another daemon is using the data folder');
  const worker = createFileWorker({ threads: THREADS });
  const read = (file: string, how: { offset: number; copyTo?: string }) => worker.read(file, how);
  try {
    await fs.writeFile(path.join(dataDir, MARKER), '');
    const waiting = `${indexFile(dataDir)}.restored`;
    for (const suffix of ['', '-wal', '-shm']) await fs.rm(waiting + suffix, { force: true });
    const index = await worker.read(path.join(folder, manifest.index.path), { copyTo: waiting });
    if (index.kind === 'failed' || index.sha256 !== manifest.index.sha256)
      throw new StartError(
        'the index of the backup is missing or damaged',
        'The objects are unharmed by that: copy objects/ and conflicts/ into the data folder and run "avara-ingest reindex".',
      );
    const snapshot = openSnapshot(waiting);
    const { totals } = snapshot;
    const tally = createTally(totals, onProgress);
    try {
      await copyObjects(snapshot.objects(), {
        from: folder,
        to: dataDir,
        mode,
        checkAll: true,
        read,
        signal,
        onObject: (outcome, object, place) => tally.note(outcome, object.bytes, place),
      });
    } finally {
      snapshot.close();
    }
    const wrongState = await restoreState(path.join(folder, 'state'), dataDir, manifest.state, read);
    for (const suffix of ['-wal', '-shm']) await fs.rm(waiting + suffix, { force: true });
    await fs.chmod(waiting, 0o600);
    await fs.rename(waiting, indexFile(dataDir));
    await syncFolder(dataDir);
    await fs.rm(path.join(dataDir, MARKER));
    await syncFolder(dataDir);
    const { startedAt } = manifest;
    const result = tally.result();
    // In the trail that came back: before, there was none in the data folder.
    const audit = await openCommandAudit({ dataDir, logger, command: 'restore' });
    audit.ended(`${totals.instances + totals.conflicts} objects, ${result.faultCount} missing or damaged`);
    await audit.close();
    return { ...totals, ...result, stateFiles: manifest.state.length, startedAt, wrongState };
  } finally {
    await worker.close();
    unlock();
  }
}

async function manifestOf(folder: string) {
  try {
    const manifest = await readManifest(folder);
    if (manifest !== undefined) return manifest;
  } catch (error) {
    if (error instanceof ManifestError)
      throw new StartError(error.message, 'Is it the right folder?', { cause: error });
    throw error;
  }
  throw new StartError(
    `${folder} holds no complete backup`,
    'A backup is complete once it has a manifest.json.',
  );
}

/** Only an empty folder, or one that an earlier restore did not finish. */
async function refuseUsed(dataDir: string): Promise<void> {
  const names = (await fs.readdir(dataDir)).filter((name) => !name.startsWith('daemon.lock'));
  if (names.length === 0 || names.includes(MARKER)) return;
  throw new StartError(
    `the data folder ${dataDir} is not empty`,
    'Restore into an empty one: move it away, or set another "dataDir".',
  );
}
