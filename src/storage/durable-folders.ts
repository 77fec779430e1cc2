import path from 'node:path';

import { LRUCache } from 'lru-cache';

import { closeFile, errnoOf, makeFolder, openFile, syncAll } from './file-calls.ts';

/** Open folders kept for syncing: enough for every series in flight at 64 Associations. */
const MAX_OPEN_FOLDERS = 256;

/**
 * Makes folders and their entries durable: a new name in a folder survives power loss only after an fsync of that
 * folder. Syncs asked for at the same time are shared: whoever waits while one is running joins the next.
 */
export class DurableFolders {
  readonly #generation: Int32Array;
  #known: number;
  readonly #open = new LRUCache<string, Promise<OpenFolder>>({
    max: MAX_OPEN_FOLDERS,
    dispose: (folder) => {
      void folder.then(
        (opened) => opened.retire(),
        () => undefined,
      );
    },
  });

  /**
   * @param generation one number that whoever shares folders with this one shares too: it grows where folders may be
   * gone, and everybody then drops what they know.
   */
  constructor(generation: Int32Array = new Int32Array(1)) {
    this.#generation = generation;
    this.#known = Atomics.load(generation, 0);
  }

  /** Makes the folder exist, durably, with all missing parents below `root` (which must exist). */
  async ensure(root: string, relative: string): Promise<string> {
    const target = path.join(root, relative);
    await this.#folder(target, root);
    return target;
  }

  /** Resolves when every entry added to the folder before the call is on stable storage. */
  async sync(folder: string): Promise<void> {
    let opened = await this.#folder(folder, undefined);
    // Pushed out of the cache while we waited for it: the next look-up opens it anew.
    while (opened.isClosed) opened = await this.#folder(folder, undefined);
    await opened.sync();
  }

  /** Forgets a folder and all below it, because they are about to go elsewhere. */
  forgetBelow(folder: string): void {
    const prefix = `${folder}${path.sep}`;
    for (const name of [...this.#open.keys()])
      if (name === folder || name.startsWith(prefix)) this.#open.delete(name);
    Atomics.add(this.#generation, 0, 1);
  }

  async close(): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.allSettled(all.map(async (folder) => (await folder).retired));
  }

  #folder(folder: string, root: string | undefined): Promise<OpenFolder> {
    this.#dropIfForgotten();
    const known = this.#open.get(folder);
    if (known) return known;
    const opening = this.#openFolder(folder, root);
    this.#open.set(folder, opening);
    opening.catch(() => {
      if (this.#open.peek(folder) === opening) this.#open.delete(folder);
    });
    return opening;
  }

  #dropIfForgotten(): void {
    const now = Atomics.load(this.#generation, 0);
    if (now === this.#known) return;
    this.#known = now;
    this.#open.clear();
  }

  async #openFolder(folder: string, root: string | undefined): Promise<OpenFolder> {
    if (root !== undefined && folder !== root) {
      const parent = path.dirname(folder);
      await this.#folder(parent, root);
      try {
        await makeFolder(folder);
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
      }
      // Also when it existed: whoever made it may have crashed before syncing its parent.
      await this.sync(parent);
    }
    return new OpenFolder(await openFile(folder, 'r'));
  }
}

/** One open folder; closes its descriptor after the last sync once retired. */
class OpenFolder {
  readonly #fd: number;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #users = 0;
  #isRetired = false;
  #resolveRetired: () => void = () => undefined;
  /** Resolves when the descriptor is closed. */
  readonly retired: Promise<void>;

  constructor(fd: number) {
    this.#fd = fd;
    this.retired = new Promise((resolve) => {
      this.#resolveRetired = resolve;
    });
  }

  sync(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running.then(
      () => this.#startNext(),
      () => this.#startNext(),
    );
    return this.#next;
  }

  get isClosed(): boolean {
    return this.#users === Number.POSITIVE_INFINITY;
  }

  retire(): void {
    this.#isRetired = true;
    this.#closeWhenIdle();
  }

  #startNext(): Promise<void> {
    this.#next = undefined;
    return this.#start();
  }

  #start(): Promise<void> {
    this.#users += 1;
    const run = syncAll(this.#fd).finally(() => {
      this.#users -= 1;
      if (this.#running === run) this.#running = undefined;
      this.#closeWhenIdle();
    });
    this.#running = run;
    return run;
  }

  #closeWhenIdle(): void {
    if (!this.#isRetired || this.#users > 0 || this.#next !== undefined) return;
    this.#users = Number.POSITIVE_INFINITY;
    closeFile(this.#fd).then(this.#resolveRetired, this.#resolveRetired);
  }
}
