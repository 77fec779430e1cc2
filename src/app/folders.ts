import type { Config } from '../config/config.ts';
import { customerKey } from '../core/study/instance.ts';
import type { FolderSettings } from '../folder/watched-folder.ts';

/** The watched folders of a configuration, as the folder adapter takes them. */
export function folderSettings({ folders }: Pick<Config, 'folders'>): readonly FolderSettings[] {
  return folders.map((folder) => ({
    path: folder.path,
    customer: customerKey(folder.customer),
    afterImport: folder.afterImport,
    moveTo: folder.moveTo,
    include: folder.include,
    exclude: folder.exclude,
    settledAfterMs: folder.settledAfterSeconds * 1000,
    quarantineAfterMs: folder.quarantineAfterSeconds * 1000,
    concurrency: folder.concurrency,
    watch: folder.watch,
    pollIntervalMs: folder.pollIntervalSeconds * 1000,
  }));
}
