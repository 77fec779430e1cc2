import fs from 'node:fs';

import { StoreError } from '../core/ports/instance-store.ts';

/*
 * The ingest path makes five of these calls per object; the callback API under a bare Promise costs about half of
 * node:fs/promises with its FileHandle objects.
 */

type Settle = (error: NodeJS.ErrnoException | null) => void;

function call(start: (done: Settle) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

function callFor<T>(
  start: (done: (error: NodeJS.ErrnoException | null, value: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error) reject(error);
      else resolve(value);
    });
  });
}

export const openFile = (path: string, flags: string, mode?: number): Promise<number> =>
  callFor((done) => fs.open(path, flags, mode, done));
export const closeFile = (fd: number): Promise<void> => call((done) => fs.close(fd, done));
export const syncData = (fd: number): Promise<void> => call((done) => fs.fdatasync(fd, done));
export const syncAll = (fd: number): Promise<void> => call((done) => fs.fsync(fd, done));
export const linkFile = (from: string, to: string): Promise<void> => call((done) => fs.link(from, to, done));
export const renameFile = (from: string, to: string): Promise<void> =>
  call((done) => fs.rename(from, to, done));
export const unlinkFile = (path: string): Promise<void> => call((done) => fs.unlink(path, done));
export const makeFolder = (path: string): Promise<void> => call((done) => fs.mkdir(path, done));
export const statFile = (path: string): Promise<fs.Stats> => callFor((done) => fs.stat(path, done));
export const statOpen = (fd: number): Promise<fs.Stats> => callFor((done) => fs.fstat(fd, done));
export const readAt = (fd: number, target: Buffer, position: number): Promise<number> =>
  callFor((done) => fs.read(fd, target, 0, target.length, position, done));

/** Writes all buffers at `position`, however many calls it takes. */
export async function writeAll(fd: number, buffers: readonly Buffer[], position: number): Promise<void> {
  let rest = buffers;
  let at = position;
  while (rest.length > 0) {
    const batch = rest;
    let written = await callFor<number>((done) => fs.writev(fd, batch, at, done));
    at += written;
    let index = 0;
    while (index < batch.length && written >= (batch[index]?.length ?? 0)) {
      written -= batch[index]?.length ?? 0;
      index += 1;
    }
    const split = batch[index];
    rest = split === undefined ? [] : [split.subarray(written), ...batch.slice(index + 1)];
  }
}

/** The errno code of a failed call, such as `ENOENT`. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

const MAY_PASS = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EROFS',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'EAGAIN',
  'EBUSY',
]);

/** Wraps a failed file call, saying what was being done. */
export function storeError(operation: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const errno = errnoOf(error);
  const code =
    errno === 'ENOENT' ? 'not-found' : errno !== undefined && MAY_PASS.has(errno) ? 'out-of-resources' : 'io';
  return new StoreError(code, `${operation}: ${errno ?? 'failed'}`, { cause: error });
}
