import { closeSync, fstatSync } from 'node:fs';

import type { OpenedInstance } from '../core/ports/instance-store.ts';
import type { CachedFiles } from '../platform/cached-file.ts';
import { closeFile, openFile, readAt, statOpen, storeError } from './file-calls.ts';

/** Freeing the blocks of a larger file that was removed meanwhile may take the one who closes it last a while. */
const MAX_BYTES_CLOSED_AT_ONCE = 16 * 1024 * 1024;

/** Opens a file of the object store for reading. @throws StoreError */
export async function openObject(filePath: string, cachedFiles?: CachedFiles): Promise<OpenedInstance> {
  try {
    const cached = cachedFiles?.open(filePath);
    const fd = cached ?? (await openFile(filePath, 'r'));
    try {
      const { size } = cached === undefined ? await statOpen(fd) : fstatSync(fd);
      return {
        bytes: size,
        read(target, position) {
          const bytes = cached === undefined ? undefined : cachedFiles?.read(fd, target, position);
          return bytes === undefined ? readAt(fd, target, position) : Promise.resolve(bytes);
        },
        ...(cached !== undefined && { descriptor: cached }),
        close: () => closeObject(fd, cached !== undefined && size <= MAX_BYTES_CLOSED_AT_ONCE),
      };
    } catch (error) {
      await closeFile(fd);
      throw error;
    }
  } catch (error) {
    throw storeError('open an object', error);
  }
}

async function closeObject(fd: number, isQuick: boolean): Promise<void> {
  if (isQuick) closeSync(fd);
  else await closeFile(fd);
}
