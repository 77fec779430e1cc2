import type { InstanceStore } from '../core/ports/instance-store.ts';
import type { StudyFiles } from '../core/ports/study-files.ts';
import { lockDataFolder } from '../sqlite/data-folder-lock.ts';
import { openSqliteIndex, type SqliteIndex } from '../sqlite/study-index.ts';
import { createInstanceStore } from '../storage/instance-store.ts';
import { requireOwner } from './command-audit.ts';
import { indexFile, requireIndexOfObjects } from './index-file.ts';
import type { Lifecycle } from './lifecycle.ts';
import { prepareFolder } from './prepare-folder.ts';

/**
 * Opens store and index for a command, while no daemon uses the data folder.
 * @throws StartError and the like, which `startErrorOf` understands; the caller closes the lifecycle.
 */
export async function openAlone(
  dataDir: string,
  lifecycle: Lifecycle,
): Promise<{ readonly store: InstanceStore & StudyFiles; readonly database: SqliteIndex }> {
  await requireIndexOfObjects(dataDir);
  await requireOwner(dataDir);
  await prepareFolder(dataDir);
  const store = lifecycle.opened('object store', await createInstanceStore({ dataDir }), (it) => it.close());
  lifecycle.opened('data folder lock', lockDataFolder(dataDir), (unlock) => unlock());
  const database = openSqliteIndex({ filePath: indexFile(dataDir) });
  lifecycle.opened('index', database.index, (it) => it.close());
  return { store, database };
}
