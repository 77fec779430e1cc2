import fs from 'node:fs/promises';
import path from 'node:path';

import type { FileContent } from '../core/ports/proof-files.ts';
import { errnoOf } from './file-calls.ts';
import { syncFolder } from './sync-folder.ts';

/** What is in a data folder besides objects and index has no other home: keys, audit trail, reports, quarantine. */
const NOT_STATE =
  /^(?:objects|conflicts|incoming|removed|daemon\.lock(?:-.*)?|index\.db.*|\.restoring|quarantine\/\.scratch)(?:\/|$)/;

export interface StateFile {
  /** Below the data folder. */
  readonly path: string;
  readonly bytes: number;
  /** Of the whole file, lower-case hex. */
  readonly sha256: string;
}

type Read = (file: string, how: { offset: number; copyTo?: string }) => Promise<FileContent>;

/** Copies every file of a data folder that is neither object nor index, durably. Grown files are copied as far as read. */
export async function copyState(from: string, to: string, read: Read): Promise<readonly StateFile[]> {
  const copied: StateFile[] = [];
  const entries = await fs.readdir(from, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const file = path.join(entry.parentPath, entry.name);
    const relative = path.relative(from, file).split(path.sep).join('/');
    if (!entry.isFile() || NOT_STATE.test(relative) || relative.endsWith('.part')) continue;
    const content = await copyFile(file, path.join(to, relative), read);
    // Gone since it was listed: a quarantine entry that was stored after all, say.
    if (content !== undefined) copied.push({ path: relative, ...content });
  }
  return copied;
}

/** Brings state files of a backup back. @returns those that are missing or not what the manifest says. */
export async function restoreState(
  from: string,
  to: string,
  files: readonly StateFile[],
  read: Read,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const { path: relative, sha256 } of files) {
    const target = path.resolve(to, relative);
    if (!target.startsWith(`${path.resolve(to)}${path.sep}`)) {
      wrong.push(relative);
      continue;
    }
    const content = await copyFile(path.join(from, relative), target, read);
    if (content?.sha256 !== sha256) wrong.push(relative);
  }
  return wrong;
}

/** @returns undefined where the source is gone. */
async function copyFile(
  source: string,
  target: string,
  read: Read,
): Promise<Pick<StateFile, 'bytes' | 'sha256'> | undefined> {
  await fs.mkdir(path.dirname(target), { recursive: true, mode: 0o750 });
  const part = `${target}.part`;
  await fs.rm(part, { force: true });
  const content = await read(source, { offset: 0, copyTo: part });
  if (content.kind === 'failed') {
    await fs.rm(part, { force: true });
    if (content.code === 'ENOENT') return undefined;
    throw new Error(`copy ${path.basename(source)}: ${content.code}`);
  }
  await fs.chmod(part, (await fs.stat(source)).mode & 0o777).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
  await fs.rename(part, target);
  await syncFolder(path.dirname(target));
  return { bytes: content.bytes, sha256: content.sha256 };
}
