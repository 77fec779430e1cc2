import path from 'node:path';

import type { StagedInstance } from '../core/ports/instance-store.ts';
import { StoreError } from '../core/ports/instance-store.ts';
import type { InstanceKey } from '../core/study/instance.ts';
import type { DurableFolders } from './durable-folders.ts';
import {
  closeFile,
  errnoOf,
  linkFile,
  openFile,
  renameFile,
  storeError,
  syncData,
  unlinkFile,
  writeAll,
} from './file-calls.ts';
import { conflictFileName, type DataLayout, doneName, seriesFolder } from './layout.ts';

/** Bytes gathered before a write is started: few large writes instead of one per piece. */
const WRITE_BATCH_BYTES = 128 * 1024;

interface PendingWrite {
  readonly bytes: Buffer;
  readonly onWritten: (() => void) | undefined;
}

export interface StagedFileOptions {
  readonly layout: DataLayout;
  readonly folders: DurableFolders;
  readonly stagingName: string;
}

/** One Part 10 file being written in the staging folder; see the port for what its methods promise. */
export class StagedFile implements StagedInstance {
  readonly #layout: DataLayout;
  readonly #folders: DurableFolders;
  #name: string;
  #path: string;
  readonly #opening: Promise<number>;
  #queue: PendingWrite[] = [];
  #queuedBytes = 0;
  #writtenBytes = 0;
  #writing: Promise<void> | undefined;
  #failure: StoreError | undefined;
  #isClosing = false;
  bytes = 0;

  constructor(options: StagedFileOptions) {
    this.#name = options.stagingName;
    this.#layout = options.layout;
    this.#folders = options.folders;
    this.#path = path.join(options.layout.incoming, options.stagingName);
    this.#opening = openFile(this.#path, 'wx', 0o640);
    this.#opening.catch((error: unknown) => {
      this.#fail('create a staging file', error);
    });
  }

  write(bytes: Buffer, onWritten?: () => void): void {
    this.bytes += bytes.length;
    if (this.#failure) {
      onWritten?.();
      return;
    }
    this.#queue.push({ bytes, onWritten });
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes >= WRITE_BATCH_BYTES && this.#writing === undefined) this.#startWriting();
  }

  get stagingName(): string {
    return this.#name;
  }

  commit(key: InstanceKey, sha256: string): Promise<'stored' | 'exists'> {
    return this.#putInPlace(this.#layout.objects, seriesFolder(key), `${key.sopInstanceUid}.dcm`, sha256);
  }

  async keepApart(key: InstanceKey, sha256: string): Promise<string> {
    const { conflicts, root } = this.#layout;
    const folder = seriesFolder(key);
    const name = conflictFileName(key, sha256);
    // `exists`: the same conflicting object came before; one copy of it is enough.
    await this.#putInPlace(conflicts, folder, name, sha256);
    this.#closeInBackground();
    return path.relative(root, path.join(conflicts, folder, name));
  }

  async discard(): Promise<void> {
    this.#dropQueue();
    await this.#writing;
    const fd = await this.#opening.catch(() => undefined);
    if (fd === undefined) return;
    try {
      await unlinkFile(this.#path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw storeError('remove a staging file', error);
    } finally {
      this.#closeInBackground();
    }
  }

  /**
   * The digest goes into the staging name before the link is made: if power fails while the syncs are under way, the
   * link may survive without all the bytes behind it, and only the digest can tell.
   */
  async #putInPlace(
    root: string,
    folder: string,
    name: string,
    sha256: string,
  ): Promise<'stored' | 'exists'> {
    const fd = await this.#flush();
    let target: string | undefined;
    try {
      await this.#renameTo(doneName(this.#name, sha256));
      const parent = await this.#folders.ensure(root, folder);
      target = path.join(parent, name);
      if ((await this.#link(root, folder, target)) === 'exists') {
        await this.#renameTo(this.#name.replace(/\.[0-9a-f]{64}\.done$/, '.part'));
        return 'exists';
      }
      await Promise.all([
        syncData(fd),
        this.#folders.sync(parent),
        // The staging name must survive too: it is what recovery looks for when the index lost its row.
        this.#folders.sync(this.#layout.incoming),
      ]);
    } catch (error) {
      if (target !== undefined) await unlinkFile(target).catch(() => undefined);
      throw this.#fail('put an object in place', error);
    }
    this.#closeInBackground();
    return 'stored';
  }

  /** Writes what is queued. @returns the descriptor. */
  async #flush(): Promise<number> {
    while (this.#writing !== undefined || this.#queuedBytes > 0) {
      if (this.#failure) break;
      if (this.#writing === undefined) this.#startWriting();
      await this.#writing;
    }
    const fd = await this.#opening.catch(() => undefined);
    if (this.#failure) throw this.#failure;
    if (fd === undefined) throw new StoreError('io', 'staging file was not opened');
    return fd;
  }

  async #renameTo(name: string): Promise<void> {
    const renamed = path.join(this.#layout.incoming, name);
    await renameFile(this.#path, renamed);
    this.#name = name;
    this.#path = renamed;
  }

  async #link(root: string, folder: string, target: string): Promise<'linked' | 'exists'> {
    try {
      await linkFile(this.#path, target);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return 'exists';
      // The folder was known to us but somebody removed it (an emptied study, say): make it again, once.
      if (errnoOf(error) !== 'ENOENT') throw error;
      this.#forgetAll(root, path.dirname(target));
      await this.#folders.ensure(root, folder);
      await linkFile(this.#path, target);
    }
    return 'linked';
  }

  #forgetAll(root: string, folder: string): void {
    for (let at = folder; at !== root && at.startsWith(root); at = path.dirname(at)) this.#folders.forget(at);
  }

  #startWriting(): void {
    const batch = this.#queue;
    const bytes = this.#queuedBytes;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#writing = this.#writeBatch(batch, bytes);
  }

  async #writeBatch(batch: readonly PendingWrite[], bytes: number): Promise<void> {
    try {
      const buffers = batch.map((write) => write.bytes);
      await writeAll(await this.#opening, buffers, this.#writtenBytes);
      this.#writtenBytes += bytes;
    } catch (error) {
      this.#fail('write an object', error);
    } finally {
      this.#writing = undefined;
      for (const { onWritten } of batch) onWritten?.();
    }
    if (this.#queuedBytes >= WRITE_BATCH_BYTES && !this.#failure) this.#startWriting();
  }

  #fail(operation: string, error: unknown): StoreError {
    this.#failure ??= storeError(operation, error);
    this.#dropQueue();
    return this.#failure;
  }

  #dropQueue(): void {
    const dropped = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const { onWritten } of dropped) onWritten?.();
  }

  #closeInBackground(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    // Everything is synced by now, so a failing close can lose nothing.
    this.#opening.then(closeFile).catch(() => undefined);
  }
}
