import fs from 'node:fs/promises';
import path from 'node:path';

import type { Config } from '../config/config.ts';
import { createFileWorker } from '../platform/file-worker.ts';
import { VERSION } from '../platform/version.ts';
import { DataFolderLockedError, lockDataFolder } from '../sqlite/data-folder-lock.ts';
import { openSnapshot, snapshotIndex } from '../sqlite/index-snapshot.ts';
import { readManifest, writeManifest } from '../storage/backup-manifest.ts';
import { type CopyMode, copyObjects } from '../storage/copy-objects.ts';
import { copyState } from '../storage/state-files.ts';
import { StartError } from './daemon.ts';
import { indexFile, requireIndexOfObjects } from './index-file.ts';
import { prepareFolder } from './prepare-folder.ts';

export interface CopyProgress {
  readonly objects: number;
  readonly totalObjects: number;
  readonly bytes: number;
  readonly totalBytes: number;
}

/** An object that could not be copied. */
export interface CopyFault {
  readonly outcome: 'missing' | 'damaged';
  /** Below the data folder. */
  readonly path: string;
}

export interface BackupOptions {
  readonly config: Config;
  /** Absolute; made if missing. */
  readonly folder: string;
  readonly mode: CopyMode;
  /** Read also what the backup holds already. */
  readonly checkAll: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: CopyProgress) => void;
}

export interface CopyResult {
  readonly studies: number;
  readonly instances: number;
  readonly conflicts: number;
  /** Objects copied now. */
  readonly copied: number;
  readonly copiedBytes: number;
  /** Objects that were there already. */
  readonly alreadyThere: number;
  readonly stateFiles: number;
  readonly faults: readonly CopyFault[];
  readonly faultCount: number;
}

const THREADS = 2;
const MAX_FAULTS = 10_000;

/**
 * Backs a data folder up while it is in use: a snapshot of the index first, then each object that it names and the backup
 * lacks, then keys, audit trail and the rest. Everything acknowledged before it began is in it. What was interrupted is
 * gone on with by the next one; until it has ended, the backup of before stands.
 * @throws StartError
 */
export async function backUp(options: BackupOptions): Promise<CopyResult> {
  const { config, folder, mode, checkAll, signal, onProgress } = options;
  const { dataDir } = config;
  refuseNesting(dataDir, folder);
  await requireIndexOfObjects(dataDir);
  if ((await fs.stat(indexFile(dataDir)).catch(() => undefined)) === undefined)
    throw new StartError(
      `there is nothing to back up in ${dataDir}`,
      'Check "dataDir" in the configuration.',
    );
  await prepareFolder(folder, 'backup folder');
  const unlock = lockFolder(folder, 'another backup is being written to');
  const worker = createFileWorker({ threads: THREADS });
  const read = (file: string, how: { offset: number; copyTo?: string }) => worker.read(file, how);
  try {
    const before = await readManifest(folder);
    const startedAt = new Date();
    const name = `index-${startedAt.toISOString().replace(/[:.]/g, '-')}.db`;
    const snapshotFile = path.join(folder, name);
    await snapshotIndex(indexFile(dataDir), snapshotFile);
    await fs.chmod(snapshotFile, 0o600);
    const snapshot = openSnapshot(snapshotFile);
    const { totals, schemaVersion } = snapshot;
    let copied;
    try {
      const tally = createTally(totals, onProgress);
      await copyObjects(snapshot.objects(), {
        from: dataDir,
        to: folder,
        mode,
        checkAll,
        read,
        signal,
        onObject: (outcome, object, place) => tally.note(outcome, object.bytes, place),
      });
      copied = tally.result();
    } finally {
      snapshot.close();
    }
    for (const suffix of ['-wal', '-shm']) await fs.rm(snapshotFile + suffix, { force: true });
    const state = await copyState(dataDir, path.join(folder, 'state'), read);
    const index = await worker.read(snapshotFile);
    if (index.kind === 'failed') throw new Error(`read the snapshot of the index: ${index.code}`);
    const handle = await fs.open(snapshotFile, 'r');
    await handle.sync().finally(() => handle.close());
    await writeManifest(folder, {
      version: VERSION,
      startedAt: startedAt.toISOString(),
      finishedAt: new Date().toISOString(),
      index: { path: name, bytes: index.bytes, sha256: index.sha256, schemaVersion },
      totals,
      incomplete: copied.faultCount,
      state,
    });
    await dropOldSnapshots(folder, [name, before?.index.path]);
    return { ...totals, ...copied, stateFiles: state.length };
  } finally {
    await worker.close();
    unlock();
  }
}

/** Counts what becomes of each object. */
export function createTally(
  totals: { instances: number; conflicts: number; bytes: number },
  onProgress: (progress: CopyProgress) => void,
) {
  const faults: CopyFault[] = [];
  const counts = { copied: 0, copiedBytes: 0, alreadyThere: 0, faultCount: 0 };
  let bytes = 0;
  return {
    note(outcome: 'copied' | 'there' | 'missing' | 'damaged', objectBytes: number, place: string): void {
      bytes += objectBytes;
      if (outcome === 'copied') {
        counts.copied += 1;
        counts.copiedBytes += objectBytes;
      } else if (outcome === 'there') counts.alreadyThere += 1;
      else {
        counts.faultCount += 1;
        if (faults.length < MAX_FAULTS) faults.push({ outcome, path: place });
      }
      onProgress({
        objects: counts.copied + counts.alreadyThere + counts.faultCount,
        totalObjects: totals.instances + totals.conflicts,
        bytes,
        totalBytes: totals.bytes,
      });
    },
    result: () => ({ ...counts, faults }),
  };
}

export function lockFolder(folder: string, what: string): () => void {
  try {
    return lockDataFolder(folder);
  } catch (error) {
    if (!(error instanceof DataFolderLockedError)) throw error;
    throw new StartError(`${what} ${folder}`, 'Wait until it has ended.', { cause: error });
  }
}

export function refuseNesting(dataDir: string, folder: string): void {
  const [a, b] = [path.resolve(dataDir) + path.sep, path.resolve(folder) + path.sep];
  if (a.startsWith(b) || b.startsWith(a))
    throw new StartError(
      `${folder} and the data folder ${dataDir} are one in the other`,
      'Choose another folder.',
    );
}

async function dropOldSnapshots(folder: string, keep: readonly (string | undefined)[]): Promise<void> {
  for (const name of await fs.readdir(folder))
    if (/^index-.*\.db(?:-wal|-shm)?$/.test(name) && !keep.some((kept) => kept === name))
      await fs.rm(path.join(folder, name), { force: true });
}
