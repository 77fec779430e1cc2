// @ts-check
import fs from 'node:fs';
import path from 'node:path';

/** Open folders kept for syncing: enough for every series in flight on one thread. */
const MAX_OPEN_FOLDERS = 64;

/**
 * Makes folders and their entries durable, with blocking calls: a new name in a folder survives power loss only after
 * an fsync of that folder. What it knows of folders is dropped as soon as one was taken out of its place by anyone: a
 * descriptor would follow it, and a new folder of that name would not be synced.
 */
export class ThreadFolders {
  #generation;
  #known = 0;
  /** @type {Map<string, number>} by path, the one longest not used first */
  #open = new Map();

  /** @param {Int32Array} generation one number shared by all threads; see {@link forgetAll}. */
  constructor(generation) {
    this.#generation = generation;
  }

  /**
   * Makes the folder exist, durably, with all missing parents below `root` (which must exist).
   * @param {string} root @param {string} relative @returns its path
   */
  ensure(root, relative) {
    const target = path.join(root, relative);
    this.#descriptor(target, root);
    return target;
  }

  /** Returns when every entry added to the folder before the call is on stable storage. @param {string} folder */
  sync(folder) {
    fs.fsyncSync(this.#descriptor(folder, undefined));
  }

  /** Some folder is gone: every thread looks at all of them anew. */
  forgetAll() {
    Atomics.add(this.#generation, 0, 1);
  }

  #dropIfForgotten() {
    const now = Atomics.load(this.#generation, 0);
    if (now === this.#known) return;
    this.#known = now;
    for (const fd of this.#open.values()) fs.closeSync(fd);
    this.#open.clear();
  }

  /** @param {string} folder @param {string | undefined} root @returns {number} */
  #descriptor(folder, root) {
    this.#dropIfForgotten();
    const known = this.#open.get(folder);
    if (known !== undefined) {
      this.#open.delete(folder);
      this.#open.set(folder, known);
      return known;
    }
    if (root !== undefined && folder !== root) {
      const parent = this.#descriptor(path.dirname(folder), root);
      try {
        fs.mkdirSync(folder);
      } catch (error) {
        if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw error;
      }
      // Also when it existed: whoever made it may have crashed before syncing its parent.
      fs.fsyncSync(parent);
    }
    const fd = fs.openSync(folder, 'r');
    this.#open.set(folder, fd);
    if (this.#open.size > MAX_OPEN_FOLDERS) this.#closeOldest();
    return fd;
  }

  #closeOldest() {
    for (const [folder, fd] of this.#open) {
      this.#open.delete(folder);
      fs.closeSync(fd);
      return;
    }
  }
}
