import fs from 'node:fs/promises';
import path from 'node:path';

import type { StudyFiles } from '../core/ports/study-files.ts';
import type { CustomerKey, InstanceKey, StudyKey } from '../core/study/instance.ts';
import type { Uid } from '../dicom/uid.ts';
import type { DurableFolders } from './durable-folders.ts';
import { errnoOf, linkFile, renameFile, statFile, storeError, unlinkFile } from './file-calls.ts';
import { type DataLayout, objectPath, seriesFolder } from './layout.ts';

/** Links made side by side. */
const LINKS_AT_ONCE = 16;
const NAME_PATTERN = /^[a-z0-9-]{1,40}$/;

/** The folders of whole studies; see the port for what its methods promise. */
export function createStudyFiles(layout: DataLayout, folders: DurableFolders): StudyFiles {
  const apartOf = (name: string): string => {
    if (!NAME_PATTERN.test(name)) throw new RangeError('a name must be lower-case letters, digits and -');
    return path.join(layout.removed, name);
  };
  const setFolderApart = async (root: string, key: StudyKey, to: string): Promise<void> => {
    const parent = path.join(root, key.customer);
    const from = path.join(parent, key.studyInstanceUid);
    try {
      if (!(await exists(from))) return;
      await folders.ensure(layout.root, path.basename(layout.removed));
      // Descriptors of the folders that are kept for syncing would follow them, and a new folder of that name would not
      // be synced.
      folders.forgetBelow(from);
      await renameFile(from, to);
      folders.forgetBelow(from);
      // The new name first: power loss in between may leave both, but never neither.
      await folders.sync(layout.removed);
      await folders.sync(parent);
    } catch (error) {
      throw storeError('set a study apart', error);
    }
  };
  const link = async (from: string, to: string): Promise<void> => {
    try {
      await linkFile(from, to);
    } catch (error) {
      // Linked before, or the other customer's own with the same bytes.
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
  };
  const linkObject = async (key: InstanceKey, to: CustomerKey): Promise<void> => {
    const copy = { ...key, customer: to };
    await folders.ensure(layout.objects, seriesFolder(copy));
    await link(path.join(layout.objects, objectPath(key)), path.join(layout.objects, objectPath(copy)));
  };
  const linkConflict = async (conflict: string, to: CustomerKey): Promise<void> => {
    const [folder = '', , ...rest] = conflict.split(path.sep);
    const place = path.join(to, ...rest.slice(0, -1));
    const target = await folders.ensure(path.join(layout.root, folder), place);
    await link(path.join(layout.root, conflict), path.join(target, rest.at(-1) ?? ''));
    await folders.sync(target);
  };

  return {
    async setApart(key, name) {
      const to = apartOf(name);
      await setFolderApart(layout.objects, key, to);
      await setFolderApart(layout.conflicts, key, `${to}-conflicts`);
    },
    async linkInto(to, instances, conflictPaths) {
      try {
        for (let at = 0; at < instances.length; at += LINKS_AT_ONCE)
          await Promise.all(instances.slice(at, at + LINKS_AT_ONCE).map((key) => linkObject(key, to)));
        for (const conflict of conflictPaths) await linkConflict(conflict, to);
        const places = new Set(instances.map((key) => seriesFolder({ ...key, customer: to })));
        for (const place of places) await folders.sync(path.join(layout.objects, place));
      } catch (error) {
        throw storeError('link a study into the folder of another customer', error);
      }
    },
    async unlinkFrom(to, from, isIndexed) {
      try {
        for (const root of [layout.objects, layout.conflicts]) {
          const here = path.join(root, from.customer, from.studyInstanceUid);
          const there = path.join(root, to, from.studyInstanceUid);
          for (const file of await filesBelow(there)) {
            if (root === layout.objects && isIndexed(keyOf(file, to, from))) continue;
            const twin = await statOrNothing(path.join(here, file));
            const link = await statOrNothing(path.join(there, file));
            if (twin !== undefined && twin.ino === link?.ino) await unlinkFile(path.join(there, file));
          }
          await removeEmpty(there);
        }
        folders.forgetBelow(path.join(layout.objects, to, from.studyInstanceUid));
        folders.forgetBelow(path.join(layout.conflicts, to, from.studyInstanceUid));
      } catch (error) {
        throw storeError('take back links to a study', error);
      }
    },
    async deleteSome(name, limit) {
      try {
        const parts = [apartOf(name), `${apartOf(name)}-conflicts`];
        let files = 0;
        for (const folder of parts) if (files < limit) files += await deleteBelow(folder, limit - files);
        const left = await Promise.all(parts.map(exists));
        const isGone = files < limit && !left.includes(true);
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

function keyOf(file: string, customer: CustomerKey, { studyInstanceUid }: StudyKey): InstanceKey {
  const [series = '', name = ''] = file.split(path.sep);
  return {
    customer,
    studyInstanceUid,
    seriesInstanceUid: series as Uid,
    sopInstanceUid: name.replace(/\.dcm$/, '') as Uid,
  };
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  try {
    const entries = await fs.readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function removeEmpty(folder: string): Promise<void> {
  for (const entry of await fs.readdir(folder, { withFileTypes: true }).catch(() => []))
    if (entry.isDirectory()) await removeEmpty(path.join(folder, entry.name));
  // What holds something stays.
  await fs.rmdir(folder).catch(() => undefined);
}

async function statOrNothing(file: string) {
  try {
    return await statFile(file);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
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
