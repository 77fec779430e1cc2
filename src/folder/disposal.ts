import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';

import { ASIDE_PREFIX } from './file-names.ts';
import { type FileStamp, isSameContent, stampOf } from './file-stamp.ts';
import { errorCode } from './source-file.ts';

/** `changed`: the name stands for another file or content by now, which was left where it is. */
export type Disposal = 'done' | 'changed' | 'gone';

/**
 * Removes exactly the file that was read. The file first gets a name of our own, so that what is looked at cannot be
 * swapped before it is removed. Should the process end in between, the next scan finds it under that name.
 * @throws the system's error.
 */
export async function removeFile(filePath: string, stamp: FileStamp): Promise<Disposal> {
  const aside = asideName(filePath);
  const taken = await renameExactly(filePath, aside, stamp);
  if (taken === 'done') await fs.unlink(aside);
  return taken;
}

/**
 * Moves exactly the file that was read, to `target` or, where that exists, to a name like it; over file systems by
 * copying. The folder of `target` must exist.
 * @returns where it is now. @throws the system's error.
 */
export async function moveFile(
  filePath: string,
  stamp: FileStamp,
  target: string,
): Promise<Exclude<Disposal, 'done'> | { readonly path: string }> {
  const free = await freeName(target);
  try {
    const moved = await renameExactly(filePath, free, stamp);
    return moved === 'done' ? { path: free } : moved;
  } catch (error) {
    if (errorCode(error) !== 'EXDEV') throw error;
  }
  const copy = `${free}.part`;
  try {
    await copyDurably(filePath, copy);
    const after = await lookAt(filePath);
    if (after === undefined || !isSameContent(after, stamp)) return after === undefined ? 'gone' : 'changed';
    await fs.rename(copy, free);
    await syncFolder(path.dirname(free));
  } finally {
    await fs.rm(copy, { force: true });
  }
  const removed = await removeFile(filePath, stamp);
  return removed === 'changed' ? 'changed' : { path: free };
}

/** The file's stamp now; undefined where there is none. @throws the system's error. */
export async function lookAt(filePath: string): Promise<FileStamp | undefined> {
  try {
    return stampOf(await fs.lstat(filePath));
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Makes the entries of a folder survive power loss; some network file systems cannot, and need not. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EACCES', 'EBADF'].includes(errorCode(error))) throw error;
  } finally {
    await handle.close();
  }
}

function asideName(filePath: string): string {
  return path.join(path.dirname(filePath), `${ASIDE_PREFIX}${randomBytes(8).toString('hex')}`);
}

async function renameExactly(from: string, to: string, stamp: FileStamp): Promise<Disposal> {
  const before = await lookAt(from);
  if (before === undefined) return 'gone';
  if (!isSameContent(before, stamp)) return 'changed';
  try {
    await fs.rename(from, to);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && (await lookAt(from)) === undefined) return 'gone';
    throw error;
  }
  const after = await lookAt(to);
  if (after !== undefined && isSameContent(after, stamp)) return 'done';
  await putBack(to, from);
  return 'changed';
}

/** Gives a file its name back, unless that was taken again meanwhile: then it stays beside it under a name of ours. */
async function putBack(from: string, to: string): Promise<void> {
  try {
    await fs.link(from, to);
    await fs.unlink(from);
  } catch {
    if (path.dirname(from) !== path.dirname(to)) await fs.rename(from, asideName(to));
  }
}

async function freeName(target: string): Promise<string> {
  const { dir, name, ext } = path.parse(target);
  for (let attempt = 1; ; attempt += 1) {
    const candidate = attempt === 1 ? target : path.join(dir, `${name}-${attempt}${ext}`);
    if ((await lookAt(candidate)) === undefined) return candidate;
    if (attempt > 1000) return path.join(dir, `${name}-${randomBytes(8).toString('hex')}${ext}`);
  }
}

async function copyDurably(from: string, to: string): Promise<void> {
  await fs.copyFile(from, to, constants.COPYFILE_EXCL);
  await syncFile(to);
}

/** Puts the bytes of a file on stable storage. */
export async function syncFile(filePath: string): Promise<void> {
  const handle = await fs.open(filePath, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
