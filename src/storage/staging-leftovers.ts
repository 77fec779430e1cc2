import type { Stats } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';

import type { StagingLeftover } from '../core/ports/instance-store.ts';
import { parseCustomerKey } from '../core/study/instance.ts';
import type { DurableFolders } from './durable-folders.ts';
import { errnoOf, linkFile, statFile, storeError, unlinkFile } from './file-calls.ts';
import { conflictFileName, type DataLayout, objectPath, parseStagingName, seriesFolder } from './layout.ts';
import { openObject } from './open-object.ts';

export interface LeftoverOptions {
  readonly layout: DataLayout;
  readonly folders: DurableFolders;
  /** Gets the folder in which a leftover lies in its place: that is to be synced before the leftover is released. */
  readonly unsynced: Map<string, string>;
}

/** What a crash left in the staging folder; see the port for what can be done with it. @throws StoreError */
export async function* stagingLeftovers({
  layout,
  folders,
  unsynced,
}: LeftoverOptions): AsyncGenerator<StagingLeftover> {
  for await (const entry of await fs.opendir(layout.incoming)) {
    const parsed = parseStagingName(entry.name);
    if (!parsed || !entry.isFile()) continue;
    const { customer, source, sha256 } = parsed;
    const filePath = path.join(layout.incoming, entry.name);
    const stats = await statFile(filePath);
    const linkTo = async (root: string, folder: string, file: string): Promise<boolean> => {
      try {
        const parent = await folders.ensure(root, folder);
        // Also where the place is taken: what lies there is then held instead.
        unsynced.set(entry.name, parent);
        await linkFile(filePath, path.join(parent, file));
        return true;
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') return false;
        throw storeError('put an object in place', error);
      }
    };
    yield {
      stagingName: entry.name,
      customer,
      source,
      ...(sha256 !== undefined && { sha256 }),
      isLinked: stats.nlink > 1,
      writtenAt: Math.trunc(stats.mtimeMs),
      open: () => openObject(filePath),
      async locate(key, digest) {
        if (parseCustomerKey(key.customer) !== customer) return undefined;
        const object = path.join(layout.objects, objectPath(key));
        const conflict = path.join(layout.conflicts, seriesFolder(key), conflictFileName(key, digest));
        for (const place of [object, conflict]) {
          if (!(await isSameFile(place, stats.ino))) continue;
          unsynced.set(entry.name, path.dirname(place));
          return place === object
            ? { kind: 'object' }
            : { kind: 'conflict', path: path.relative(layout.root, conflict) };
        }
        return undefined;
      },
      link: (key) => linkTo(layout.objects, seriesFolder(key), `${key.sopInstanceUid}.dcm`),
      async keepApart(key, digest) {
        const file = conflictFileName(key, digest);
        // The same conflicting object came before: one copy of it is enough.
        await linkTo(layout.conflicts, seriesFolder(key), file);
        return path.relative(layout.root, path.join(layout.conflicts, seriesFolder(key), file));
      },
      async takeOut() {
        if (stats.nlink < 2) return;
        for (const root of [layout.objects, layout.conflicts]) {
          const torn = await findLink(path.join(root, customer), stats);
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
