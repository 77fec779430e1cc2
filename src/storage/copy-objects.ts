import fs from 'node:fs/promises';
import { constants } from 'node:fs';
import path from 'node:path';

import type { FileContent } from '../core/ports/proof-files.ts';
import { forEachBounded } from '../core/proof/bounded.ts';
import type { InstanceKey } from '../core/study/instance.ts';
import { readFileMeta } from '../dicom/part10/file-meta.ts';
import { DurableFolders } from './durable-folders.ts';
import { errnoOf } from './file-calls.ts';
import { objectPath } from './layout.ts';

/**
 * - `copy`: reads and writes every byte, and compares its digest
 * - `clone`: lets the file system share the blocks until one side changes (Btrfs, XFS), else as `copy`
 * - `link`: a second name of the same file; costs nothing, and what damages one damages both
 */
export type CopyMode = 'copy' | 'clone' | 'link';

/** An object of the store by its place, with what its bytes must come to. */
export interface ObjectToCopy {
  readonly key: InstanceKey;
  readonly conflictPath?: string;
  readonly bytes: number;
  readonly dataSetOffset?: number;
  readonly sha256: string;
}

export interface CopyObjectsOptions {
  /** Folders that hold `objects` and `conflicts`. */
  readonly from: string;
  readonly to: string;
  readonly mode: CopyMode;
  /** Also where nothing is copied, read what is there and compare its digest. */
  readonly checkAll: boolean;
  /** Reads a file off the event loop, and copies it where wanted. */
  readonly read: (file: string, how: { offset: number; copyTo?: string }) => Promise<FileContent>;
  readonly signal: AbortSignal;
  readonly onObject: (outcome: CopyOutcome, object: ObjectToCopy, place: string) => void;
}

export type CopyOutcome = 'copied' | 'there' | 'missing' | 'damaged';

const OBJECTS_AT_ONCE = 4;
const HEAD_BYTES = 256 * 1024;

/** Copies objects that are not there yet, durably, each complete or not at all. @throws where a disk fails. */
export async function copyObjects(
  objects: Iterable<ObjectToCopy>,
  options: CopyObjectsOptions,
): Promise<void> {
  const { from, to, mode, checkAll, read, signal, onObject } = options;
  const folders = new DurableFolders();
  const unsynced = new Set<string>();

  async function copyOne(object: ObjectToCopy): Promise<void> {
    signal.throwIfAborted();
    const place = object.conflictPath ?? path.join('objects', objectPath(object.key));
    onObject(await bring(object, path.join(from, place), place), object, place);
  }

  async function bring(object: ObjectToCopy, source: string, place: string): Promise<CopyOutcome> {
    const target = path.join(to, place);
    if (await hasSize(target, object.bytes)) {
      if (!checkAll) return 'there';
      return (await isWhole(target, object)) ? 'there' : 'damaged';
    }
    if (!(await hasSize(source, undefined))) return 'missing';
    const folder = await folders.ensure(to, path.dirname(place));
    const part = `${target}.part`;
    await fs.rm(part, { force: true });
    const made = await make(object, source, part);
    if (made !== 'copied') {
      await fs.rm(part, { force: true });
      return made;
    }
    await fs.rename(part, target);
    unsynced.add(folder);
    if (unsynced.size >= 64) await syncFolders();
    return 'copied';
  }

  async function make(object: ObjectToCopy, source: string, part: string): Promise<CopyOutcome> {
    if (mode === 'link') {
      await fs.link(source, part);
      if (!(await hasSize(part, object.bytes))) return 'damaged';
      return !checkAll || (await isWhole(part, object)) ? 'copied' : 'damaged';
    }
    if (mode === 'clone' && (await cloned(source, part))) {
      if (!(await hasSize(part, object.bytes))) return 'damaged';
      return !checkAll || (await isWhole(part, object)) ? 'copied' : 'damaged';
    }
    return (await isWhole(source, object, part)) ? 'copied' : 'damaged';
  }

  async function isWhole(file: string, object: ObjectToCopy, copyTo?: string): Promise<boolean> {
    const offset = object.dataSetOffset ?? (await dataSetOffsetOf(file));
    if (offset === undefined) return false;
    const content = await read(file, { offset, ...(copyTo !== undefined && { copyTo }) });
    if (content.kind === 'failed') {
      if (content.code === 'EIO' || content.code === 'ENOENT') return false;
      throw new Error(`copy ${path.basename(file)}: ${content.code}`);
    }
    return content.bytes === object.bytes && content.sha256 === object.sha256;
  }

  async function syncFolders(): Promise<void> {
    const due = [...unsynced];
    unsynced.clear();
    await Promise.all(due.map((folder) => folders.sync(folder)));
  }

  try {
    await forEachBounded(objects, OBJECTS_AT_ONCE, copyOne);
    await syncFolders();
  } finally {
    await folders.close();
  }
}

async function hasSize(file: string, bytes: number | undefined): Promise<boolean> {
  try {
    const { size } = await fs.stat(file);
    return bytes === undefined || size === bytes;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** @returns false where the file system cannot share blocks. */
async function cloned(source: string, target: string): Promise<boolean> {
  try {
    await fs.copyFile(source, target, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
  } catch (error) {
    if (['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'ENOSYS', 'EINVAL', 'ENOTTY'].includes(errnoOf(error) ?? '')) {
      await fs.rm(target, { force: true });
      return false;
    }
    throw error;
  }
  const { atime, mtime } = await fs.stat(source);
  const handle = await fs.open(target, 'r+');
  try {
    await handle.utimes(atime, mtime);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return true;
}

async function dataSetOffsetOf(file: string): Promise<number | undefined> {
  const handle = await fs.open(file, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await handle.read(head, 0, HEAD_BYTES, 0);
    const meta = readFileMeta(head.subarray(0, bytesRead));
    return meta.kind === 'complete' ? meta.dataSetOffset : undefined;
  } finally {
    await handle.close();
  }
}
