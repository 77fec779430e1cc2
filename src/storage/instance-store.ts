import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync } from 'node:fs';
import type { Stats } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';

import type {
  InstanceStore,
  OpenedInstance,
  StagedInstance,
  StagingLeftover,
} from '../core/ports/instance-store.ts';
import type { StudyFiles } from '../core/ports/study-files.ts';
import { type InstanceKey, parseCustomerKey } from '../core/study/instance.ts';
import type { CachedFiles } from '../platform/cached-file.ts';
import { DurableFolders } from './durable-folders.ts';
import {
  closeFile,
  errnoOf,
  openFile,
  readAt,
  statFile,
  statOpen,
  storeError,
  unlinkFile,
} from './file-calls.ts';
import {
  conflictFileName,
  type DataLayout,
  dataLayout,
  objectPath,
  parseStagingName,
  partialName,
  seriesFolder,
} from './layout.ts';
import { createObjectThreads } from './object-threads.ts';
import { StagedFile } from './staged-instance.ts';
import { createStudyFiles } from './study-files.ts';

export interface InstanceStoreOptions {
  /** Absolute path; made if missing. Must be on a file system with hard links. */
  readonly dataDir: string;
  /** Without it, every read is one in a thread. */
  readonly cachedFiles?: CachedFiles | undefined;
}

/** Opens the object store on the local file system. @throws StoreError when the data folder cannot be made or read. */
export async function createInstanceStore(
  options: InstanceStoreOptions,
): Promise<InstanceStore & StudyFiles> {
  const { cachedFiles } = options;
  const layout = dataLayout(options.dataDir);
  const generation = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const folders = new DurableFolders(generation);
  const threads = createObjectThreads({ incoming: layout.incoming, generation, folders });
  try {
    for (const folder of [layout.root, layout.objects, layout.conflicts, layout.incoming]) {
      await fs.mkdir(folder, { recursive: true, mode: 0o750 });
    }
    await folders.ensure(layout.root, 'incoming');
    await folders.ensure(layout.root, 'objects');
    await folders.ensure(layout.root, 'conflicts');
  } catch (error) {
    throw storeError(`prepare the data folder ${layout.root}`, error);
  }

  // Together never used before: the first part by no run, the second not in this one.
  const runId = randomBytes(8).toString('hex');
  let lastStaged = 0;
  const pathOf = (key: InstanceKey): string => `${layout.objects}${path.sep}${objectPath(key)}`;
  const releaseOne = async (name: string): Promise<void> => {
    try {
      await unlinkFile(path.join(layout.incoming, name));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw storeError('release a staging link', error);
    }
  };

  return {
    stage(customer, source, head): StagedInstance {
      lastStaged += 1;
      const stagingName = partialName(
        customer,
        source,
        `${runId}${lastStaged.toString(36).padStart(8, '0')}`,
      );
      return new StagedFile({ layout, object: threads.open(stagingName), stagingName, head });
    },
    open: (key) => openObject(pathOf(key), cachedFiles),
    pathOf,
    async release(stagingNames) {
      await Promise.all(stagingNames.map(releaseOne));
    },
    leftovers: () => findLeftovers(layout, folders),
    ...createStudyFiles(layout, folders),
    async close() {
      await threads.close();
      await folders.close();
    },
  };
}

/** Freeing the blocks of a larger file that was removed meanwhile may take the one who closes it last a while. */
const MAX_BYTES_CLOSED_AT_ONCE = 16 * 1024 * 1024;

/** Opens a file of the object store for reading. @throws StoreError */
export async function openObject(filePath: string, cachedFiles?: CachedFiles): Promise<OpenedInstance> {
  try {
    const cached = cachedFiles?.open(filePath);
    const fd = cached ?? (await openFile(filePath, 'r'));
    try {
      const { size } = cached === undefined ? await statOpen(fd) : fstatSync(fd);
      return {
        bytes: size,
        read(target, position) {
          const bytes = cached === undefined ? undefined : cachedFiles?.read(fd, target, position);
          return bytes === undefined ? readAt(fd, target, position) : Promise.resolve(bytes);
        },
        ...(cached !== undefined && { descriptor: cached }),
        close: () => closeObject(fd, cached !== undefined && size <= MAX_BYTES_CLOSED_AT_ONCE),
      };
    } catch (error) {
      await closeFile(fd);
      throw error;
    }
  } catch (error) {
    throw storeError('open an object', error);
  }
}

async function closeObject(fd: number, isQuick: boolean): Promise<void> {
  if (isQuick) closeSync(fd);
  else await closeFile(fd);
}

async function* findLeftovers(layout: DataLayout, folders: DurableFolders): AsyncGenerator<StagingLeftover> {
  for await (const entry of await fs.opendir(layout.incoming)) {
    const parsed = parseStagingName(entry.name);
    if (!parsed || !entry.isFile()) continue;
    const filePath = path.join(layout.incoming, entry.name);
    const stats = await statFile(filePath);
    yield {
      stagingName: entry.name,
      customer: parsed.customer,
      source: parsed.source,
      ...(parsed.sha256 !== undefined && stats.nlink > 1 && { sha256: parsed.sha256 }),
      writtenAt: Math.trunc(stats.mtimeMs),
      open: () => openObject(filePath),
      locate: async (key, sha256) => {
        if (parseCustomerKey(key.customer) !== parsed.customer) return undefined;
        const conflict = path.join(layout.conflicts, seriesFolder(key), conflictFileName(key, sha256));
        if (await isSameFile(path.join(layout.objects, objectPath(key)), stats.ino))
          return { kind: 'object' };
        if (await isSameFile(conflict, stats.ino)) {
          return { kind: 'conflict', path: path.relative(layout.root, conflict) };
        }
        return undefined;
      },
      async takeOut() {
        for (const root of [layout.objects, layout.conflicts]) {
          const torn = await findLink(path.join(root, parsed.customer), stats);
          if (torn === undefined) continue;
          await unlinkFile(torn);
          await folders.sync(path.dirname(torn));
        }
      },
    };
  }
}

/** How much older than its newest file the time of a folder can look: clocks tick coarsely in file systems. */
const FOLDER_TIME_SLACK_MS = 60_000;

/** Finds the other link of a file, in folders changed since it was written. @returns its path. */
async function findLink(folder: string, file: Stats): Promise<string | undefined> {
  const entries = await fs.readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw storeError('look for a torn object', error);
  });
  const mayHold = (await statFile(folder).catch(() => file)).mtimeMs >= file.mtimeMs - FOLDER_TIME_SLACK_MS;
  for (const entry of entries) {
    const entryPath = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      const found = await findLink(entryPath, file);
      if (found !== undefined) return found;
    } else if (mayHold && (await isSameFile(entryPath, file.ino))) {
      return entryPath;
    }
  }
  return undefined;
}

async function isSameFile(filePath: string, inode: number): Promise<boolean> {
  try {
    return (await statFile(filePath)).ino === inode;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw storeError('look at an object', error);
  }
}
