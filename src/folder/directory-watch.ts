import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';

export interface DirectoryWatchOptions {
  /** Something happened to this path: it appeared, changed, or went. */
  readonly onHint: (filePath: string) => void;
  /** Folders can no longer be watched (no watches left, folder gone): only listing them tells. */
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
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        this.#options.onHint(name === null ? folder : path.join(folder, name));
      });
      watcher.on('error', (error) => {
        this.remove(folder);
        this.#options.onTrouble(error);
      });
      this.#watchers.set(folder, watcher);
    } catch (error) {
      this.#options.onTrouble(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Stops watching a folder that is gone. */
  remove(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}
