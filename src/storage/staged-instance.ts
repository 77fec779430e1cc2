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
  storeError,
  syncData,
  unlinkFile,
  writeAll,
} from './file-calls.ts';
import { conflictFileName, type DataLayout, objectPath, seriesFolder } from './layout.ts';

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
  readonly stagingName: string;
  readonly #layout: DataLayout;
  readonly #folders: DurableFolders;
  readonly #path: string;
  readonly #opening: Promise<number>;
  #queue: PendingWrite[] = [];
  #queuedBytes = 0;
  #writtenBytes = 0;
  #writing: Promise<void> | undefined;
  #durable: Promise<void> | undefined;
  #failure: StoreError | undefined;
  bytes = 0;

  constructor(options: StagedFileOptions) {
    this.stagingName = options.stagingName;
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

  prepare(): void {
    this.#durable ??= this.#flushDurably();
    // Whoever commits gets the error; one that is discarded instead needs none.
    this.#durable.catch(() => undefined);
  }

  async commit(key: InstanceKey): Promise<'stored' | 'exists'> {
    this.prepare();
    await this.#durable;
    const target = path.join(this.#layout.objects, objectPath(key));
    const outcome = await this.#link(this.#layout.objects, seriesFolder(key), target);
    if (outcome === 'stored') this.#closeInBackground();
    return outcome;
  }

  async keepApart(key: InstanceKey, sha256: string): Promise<string> {
    await this.#flushDurably();
    const target = path.join(this.#layout.conflicts, seriesFolder(key), conflictFileName(key, sha256));
    // `exists`: the same conflicting object came before; one copy of it is enough.
    await this.#link(this.#layout.conflicts, seriesFolder(key), target);
    this.#closeInBackground();
    return path.relative(this.#layout.root, target);
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

  async #flushDurably(): Promise<void> {
    while (this.#writing !== undefined || this.#queuedBytes > 0) {
      if (this.#failure) break;
      if (this.#writing === undefined) this.#startWriting();
      await this.#writing;
    }
    const fd = await this.#opening.catch(() => undefined);
    if (this.#failure) throw this.#failure;
    if (fd === undefined) throw new StoreError('io', 'staging file was not opened');
    try {
      // The staging name must survive too: it is what start-up recovery looks for when the index lost its row.
      await Promise.all([syncData(fd), this.#folders.sync(this.#layout.incoming)]);
    } catch (error) {
      throw this.#fail('sync an object', error);
    }
  }

  async #link(root: string, folder: string, target: string): Promise<'stored' | 'exists'> {
    try {
      const parent = await this.#folders.ensure(root, folder);
      try {
        await linkFile(this.#path, target);
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') return 'exists';
        // The folder was known to us but somebody removed it (an emptied study, say): make it again, once.
        if (errnoOf(error) !== 'ENOENT') throw error;
        this.#forgetAll(root, parent);
        await this.#folders.ensure(root, folder);
        await linkFile(this.#path, target);
      }
      await this.#folders.sync(parent);
      return 'stored';
    } catch (error) {
      throw this.#fail('put an object in place', error);
    }
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
    // Everything is synced by now, so a failing close can lose nothing.
    this.#opening.then(closeFile).catch(() => undefined);
  }
}
