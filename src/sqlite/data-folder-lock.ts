import path from 'node:path';

import { Database } from './driver.mjs';

/** Another daemon already works on the data folder. */
export class DataFolderLockedError extends Error {
  override readonly name = 'DataFolderLockedError';
  readonly hint = 'Stop the other daemon first, or give this one a data folder of its own.';
}

/**
 * Makes sure that one daemon at a time works on a data folder. The operating system holds the lock for the open
 * database and drops it however the process ends, so a crash leaves nothing to clean up.
 * @returns a function that gives the folder up.
 * @throws DataFolderLockedError
 */
export function lockDataFolder(dataDir: string): () => void {
  const db = new Database(path.join(dataDir, 'daemon.lock'), { timeout: 0 });
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    db.exec('BEGIN EXCLUSIVE; COMMIT');
  } catch (error) {
    db.close();
    if (!(error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY'))) throw error;
    throw new DataFolderLockedError(`another daemon is using the data folder ${dataDir}`, { cause: error });
  }
  return () => void db.close();
}
