import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';

import { ASIDE_PREFIX } from './file-names.ts';
import { type FileStamp, isSameContent, isUntouched, stampOf } from './file-stamp.ts';
import { errorCode } from './source-file.ts';
import { systemPath } from './system-path.ts';

/** `changed`: the name stands for another file or content by now, which was left where it is. */
export type Disposal = 'done' | 'changed' | 'gone';

/** Of a name that gets a number: file systems take 255 bytes, and a character may have four. */
const MAX_STEM_CHARACTERS = 50;
/** Names that files are on their way to: two folders may move to the same one. */
const claimed = new Set<string>();

/**
 * Removes exactly the file that was read. The file first gets a name of our own, so that what is looked at cannot be
 * swapped before it is removed. Should the process end in between, the next scan finds it under that name.
 * @throws the system's error; the file is under its own name then.
 */
export async function removeFile(filePath: string, stamp: FileStamp): Promise<Disposal> {
  const aside = asideName(filePath);
  const taken = await renameExactly(filePath, aside, stamp);
  if (taken !== 'done') return taken;
  try {
    await fs.unlink(systemPath(aside));
  } catch (error) {
    await putBack(aside, filePath);
    throw error;
  }
  return 'done';
}

/**
 * Moves exactly the file that was read, to `target` or, where that exists, to a name like it; over file systems by
 * copying. The folder of `target` must exist.
 * @returns where it is now. @throws the system's error; the file is where it was then, and nowhere else.
 */
export async function moveFile(
  filePath: string,
  stamp: FileStamp,
  target: string,
): Promise<Exclude<Disposal, 'done'> | { readonly path: string }> {
  const free = await claimName(target);
  try {
    const moved = await renameExactly(filePath, free, stamp);
    return moved === 'done' ? { path: free } : moved;
  } catch (error) {
    if (errorCode(error) !== 'EXDEV') throw error;
    return await moveByCopy(filePath, stamp, free);
  } finally {
    claimed.delete(free);
  }
}

async function moveByCopy(
  filePath: string,
  stamp: FileStamp,
  target: string,
): Promise<Exclude<Disposal, 'done'> | { readonly path: string }> {
  // Where it could not be removed after all, the copy would be for nothing.
  await fs.access(systemPath(path.dirname(filePath)), constants.W_OK);
  // Always the same name, so that what a crash left is written over. The target's own might get too long with more to it.
  const hash = createHash('sha256').update(target).digest('hex').slice(0, 16);
  const copy = path.join(path.dirname(target), `${ASIDE_PREFIX}${hash}.part`);
  try {
    await fs.copyFile(systemPath(filePath), systemPath(copy));
    await syncFile(copy);
    const after = await lookAt(filePath);
    if (after === undefined || !isUntouched(after, stamp)) return after === undefined ? 'gone' : 'changed';
    await fs.rename(systemPath(copy), systemPath(target));
  } finally {
    await fs.rm(systemPath(copy), { force: true });
  }
  try {
    await syncFolder(path.dirname(target));
    const removed = await removeFile(filePath, stamp);
    if (removed !== 'changed') return { path: target };
  } catch (error) {
    await fs.rm(systemPath(target), { force: true });
    throw error;
  }
  await fs.rm(systemPath(target), { force: true });
  return 'changed';
}

/** The file's stamp now; undefined where there is none. @throws the system's error. */
export async function lookAt(filePath: string): Promise<FileStamp | undefined> {
  try {
    return stampOf(await fs.lstat(systemPath(filePath)));
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Makes the entries of a folder survive power loss; some network file systems cannot, and need not. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(systemPath(folder), 'r');
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
  if (!isUntouched(before, stamp)) return 'changed';
  try {
    await fs.rename(systemPath(from), systemPath(to));
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && (await lookAt(from)) === undefined) return 'gone';
    throw error;
  }
  // The new name is a change in itself.
  const after = await lookAt(to);
  if (after !== undefined && isSameContent(after, stamp)) return 'done';
  await putBack(to, from);
  return 'changed';
}

/** Gives a file its name back, unless that was taken again meanwhile: then it stays beside it under a name of ours. */
async function putBack(from: string, to: string): Promise<void> {
  try {
    await fs.link(systemPath(from), systemPath(to));
    await fs.unlink(systemPath(from));
  } catch {
    if (path.dirname(from) !== path.dirname(to)) await fs.rename(systemPath(from), systemPath(asideName(to)));
  }
}

/** A name that nobody has, and that nobody else here is given until it is let go of. */
async function claimName(target: string): Promise<string> {
  const { dir, name, ext } = path.parse(target);
  for (let attempt = 1; ; attempt += 1) {
    const mark = attempt > 1000 ? randomBytes(8).toString('hex') : String(attempt);
    const stem = name.slice(0, MAX_STEM_CHARACTERS);
    const candidate = attempt === 1 ? target : path.join(dir, `${stem}-${mark}${ext}`);
    if (claimed.has(candidate)) continue;
    claimed.add(candidate);
    try {
      if ((await lookAt(candidate)) === undefined) return candidate;
    } catch (error) {
      claimed.delete(candidate);
      throw error;
    }
    claimed.delete(candidate);
  }
}

/** Puts the bytes of a file on stable storage. */
export async function syncFile(filePath: string): Promise<void> {
  const handle = await fs.open(systemPath(filePath), 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
