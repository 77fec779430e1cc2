import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';

import type { InstanceStore, StagedInstance } from '../core/ports/instance-store.ts';
import type { StudyFiles } from '../core/ports/study-files.ts';
import type { InstanceKey } from '../core/study/instance.ts';
import type { CachedFiles } from '../platform/cached-file.ts';
import { DurableFolders } from './durable-folders.ts';
import { errnoOf, storeError } from './file-calls.ts';
import { dataLayout, objectPath, partialName } from './layout.ts';
import { createObjectThreads } from './object-threads.ts';
import { openObject } from './open-object.ts';
import { StagedFile } from './staged-instance.ts';
import { stagingLeftovers } from './staging-leftovers.ts';
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
  /** Folders of objects in place, by staging name: recovery makes their links again until these are synced. */
  const unsynced = new Map<string, string>();

  const release = async (stagingNames: readonly string[]): Promise<void> => {
    if (stagingNames.length === 0) return;
    const places = new Set(stagingNames.flatMap((name) => unsynced.get(name) ?? []));
    // One after the other: what is being received syncs folders at the same time, and must not queue behind these.
    for (const place of places) await syncPlace(folders, place);
    await threads.release(stagingNames);
    // Or power loss might bring the names back, and with them objects of studies that were removed since.
    await folders.sync(layout.incoming).catch((error: unknown) => {
      throw storeError('release staging links', error);
    });
    for (const name of stagingNames) unsynced.delete(name);
  };

  return {
    stage(customer, source, head): StagedInstance {
      lastStaged += 1;
      const stagingName = partialName(
        customer,
        source,
        `${runId}${lastStaged.toString(36).padStart(8, '0')}`,
      );
      const object = threads.open(stagingName);
      return new StagedFile({ layout, object, stagingName, head, unsynced, release });
    },
    open: (key) => openObject(pathOf(key), cachedFiles),
    pathOf,
    release,
    leftovers: () => stagingLeftovers({ layout, folders, unsynced }),
    ...createStudyFiles(layout, folders),
    async close() {
      await threads.close();
      await folders.close();
    },
  };
}

async function syncPlace(folders: DurableFolders, folder: string): Promise<void> {
  try {
    await folders.sync(folder);
  } catch (error) {
    // Where the folder is gone, so is what lay in it.
    if (errnoOf(error) !== 'ENOENT') throw storeError('release staging links', error);
  }
}
