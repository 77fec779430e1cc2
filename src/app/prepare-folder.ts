import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';

import { fileFaultOf } from '../platform/file-fault.ts';
import { StartError } from './daemon.ts';

/**
 * Makes a folder where it is missing, and tries whether files can be made in it, before anything is opened that would
 * fail later and say less.
 * @param name of the folder in the message
 * @throws StartError
 */
export async function prepareFolder(folder: string, name = 'data folder'): Promise<void> {
  try {
    await makeFolders(path.resolve(folder));
    await tryToWrite(path.join(folder, `.write-test-${randomBytes(6).toString('hex')}`));
  } catch (error) {
    const fault = fileFaultOf(error);
    throw new StartError(
      `the ${name} ${folder} cannot be used: ${fault?.what ?? (error instanceof Error ? error.message : String(error))}`,
      fault?.hint ?? 'Check that it exists, is writable and not full.',
      { cause: error },
    );
  }
}

/** A full disk passes: what is stored can still be served, and the watch of free space refuses the rest. */
async function tryToWrite(probe: string): Promise<void> {
  try {
    await fs.writeFile(probe, '', { flag: 'wx', mode: 0o600 });
    await fs.unlink(probe);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && FULL.has(String(error.code)))) throw error;
  }
}

const FULL = new Set(['ENOSPC', 'EDQUOT']);

/**
 * One level at a time: mkdir of Node.js with `recursive` never ends where a file system answers ENOENT though the
 * folder above is there, as automounters and /proc do.
 */
async function makeFolders(folder: string): Promise<void> {
  const stats = await fs.stat(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (stats !== undefined) {
    if (stats.isDirectory()) return;
    throw Object.assign(new Error(`${folder} is not a folder`), { code: 'ENOTDIR' });
  }
  await makeFolders(path.dirname(folder));
  await fs.mkdir(folder, { mode: 0o750 });
}
