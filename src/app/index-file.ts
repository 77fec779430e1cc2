import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';

import { StartError } from './daemon.ts';

/** The database of a data folder. */
export function indexFile(dataDir: string): string {
  return path.join(dataDir, 'index.db');
}

/**
 * Refuses to go on with an empty index over a store full of objects: a late image would then make a study of its own of
 * what belongs to one of a thousand images, and Avara would be shown that.
 * @throws StartError with the way out.
 */
export async function requireIndexOfObjects(dataDir: string): Promise<void> {
  if (existsSync(indexFile(dataDir)) || !(await hasObjects(dataDir))) return;
  throw new StartError(
    `the index ${indexFile(dataDir)} is missing, but the object store has images`,
    'Build it anew from the images with "avara-ingest reindex", or restore the data folder from a backup.',
  );
}

async function hasObjects(dataDir: string): Promise<boolean> {
  for (const area of ['objects', 'conflicts']) {
    const folder = path.join(dataDir, area);
    for (const customer of await namesIn(folder))
      if ((await namesIn(path.join(folder, customer))).length > 0) return true;
  }
  return false;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}
