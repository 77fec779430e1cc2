import { closeFile, openFile, syncAll } from './file-calls.ts';

/** Makes the entries of a folder durable: a file's new name survives power loss only after this. */
export async function syncFolder(folder: string): Promise<void> {
  const fd = await openFile(folder, 'r');
  try {
    await syncAll(fd);
  } finally {
    await closeFile(fd);
  }
}
