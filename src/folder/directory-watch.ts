import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';

import { errorCode } from './source-file.ts';
import { systemPath, textOfName } from './system-path.ts';

const CONCERNS_ONE = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM']);

export interface DirectoryWatchOptions {
  /** Something happened to this path: it appeared, changed, or went. */
  readonly onHint: (filePath: string) => void;
  /** Folders can no longer be watched (no watches left): only listing them tells. */
  readonly onTrouble: (error: Error) => void;
}

/**
 * Watches folders, not their files: one watch per folder, nothing per file, so that a folder of 100,000 files costs no more
 * than an empty one. What happened exactly is for the listener to look up; events are hints that may be lost or repeated.
 */
export class DirectoryWatch {
  readonly #options: DirectoryWatchOptions;
  readonly #watchers = new Map<string, FSWatcher>();

  constructor(options: DirectoryWatchOptions) {
    this.#options = options;
  }

  get folders(): number {
    return this.#watchers.size;
  }

  /** Starts watching a folder; nothing changes for one that is watched already. */
  add(folder: string): void {
    if (this.#watchers.has(folder)) return;
    try {
      const options = { persistent: false, encoding: 'buffer' } as const;
      const watcher = watch(systemPath(folder), options, (_event, name) => {
        this.#options.onHint(name === null ? folder : path.join(folder, textOfName(name)));
      });
      watcher.on('error', (error) => {
        this.remove(folder);
        this.#trouble(error);
      });
      this.#watchers.set(folder, watcher);
    } catch (error) {
      this.#trouble(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Stops watching a folder that is gone, or another one by now, and all below it. */
  remove(folder: string): void {
    if (!this.#watchers.has(folder)) return;
    const below = folder + path.sep;
    for (const [other, watcher] of this.#watchers) {
      if (other !== folder && !other.startsWith(below)) continue;
      watcher.close();
      this.#watchers.delete(other);
    }
  }

  /** One folder that is gone again, or that may not be read, says nothing of the others. */
  #trouble(error: Error): void {
    if (!CONCERNS_ONE.has(errorCode(error))) this.#options.onTrouble(error);
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}
