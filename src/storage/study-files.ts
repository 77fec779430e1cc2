import fs from 'node:fs/promises';
import path from 'node:path';

import type { StudyFiles } from '../core/ports/study-files.ts';
import type { DurableFolders } from './durable-folders.ts';
import { errnoOf, renameFile, statFile, storeError, unlinkFile } from './file-calls.ts';
import type { DataLayout } from './layout.ts';

const NAME_PATTERN = /^[a-z0-9-]{1,40}$/;

/** The folders of whole studies; see the port for what its methods promise. */
export function createStudyFiles(layout: DataLayout, folders: DurableFolders): StudyFiles {
  const apartOf = (name: string): string => {
    if (!NAME_PATTERN.test(name)) throw new RangeError('a name must be lower-case letters, digits and -');
    return path.join(layout.removed, name);
  };
  return {
    async setApart(key, name) {
      const parent = path.join(layout.objects, key.customer);
      const from = path.join(parent, key.studyInstanceUid);
      const to = apartOf(name);
      try {
        if (!(await exists(from))) return;
        await folders.ensure(layout.root, path.basename(layout.removed));
        // Descriptors of the folders that are kept for syncing would follow them, and a new folder of that name would
        // not be synced.
        folders.forgetBelow(from);
        await renameFile(from, to);
        folders.forgetBelow(from);
        // The new name first: power loss in between may leave both, but never neither.
        await folders.sync(layout.removed);
        await folders.sync(parent);
      } catch (error) {
        throw storeError('set a study apart', error);
      }
    },
    async deleteSome(name, limit) {
      try {
        const folder = apartOf(name);
        const files = await deleteBelow(folder, limit);
        const isGone = files < limit && !(await exists(folder));
        if (isGone && files > 0) await folders.sync(layout.removed);
        return { files, isGone };
      } catch (error) {
        throw storeError('delete what was set apart', error);
      }
    },
  };
}

/** Deletes files below `folder`, and folders that are empty then. @returns how many files. */
async function deleteBelow(folder: string, limit: number): Promise<number> {
  let files = 0;
  let entries;
  try {
    entries = await fs.opendir(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    throw error;
  }
  for await (const entry of entries) {
    if (files >= limit) return files;
    const child = path.join(folder, entry.name);
    if (entry.isDirectory()) files += await deleteBelow(child, limit - files);
    else {
      await unlinkFile(child);
      files += 1;
    }
  }
  try {
    if (files < limit) await fs.rmdir(folder);
  } catch (error) {
    // A folder that is read while files go from it may not name them all: the next call finds the rest.
    if (errnoOf(error) !== 'ENOTEMPTY') throw error;
  }
  return files;
}

async function exists(folder: string): Promise<boolean> {
  try {
    await statFile(folder);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
