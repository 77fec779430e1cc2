import path from 'node:path';

import type { InstanceStore, StagedInstance } from '../core/ports/instance-store.ts';
import type { InstanceKey } from '../core/study/instance.ts';
import { errnoOf, storeError, unlinkFile } from './file-calls.ts';
import { IdleDigest } from './idle-digest.ts';
import { conflictFileName, type DataLayout, doneName, seriesFolder } from './layout.ts';
import type { Slab } from './object-lane.ts';
import { type Place, type Put, ThreadedObject } from './threaded-object.ts';

export interface StagedFileOptions {
  readonly layout: DataLayout;
  readonly object: ThreadedObject;
  readonly stagingName: string;
  /** What the file begins with before its Data Set. */
  readonly head: Buffer;
  /** By staging name, where objects in place lie: their names in these folders may not be durable yet. */
  readonly unsynced: Map<string, string>;
  /** See {@link InstanceStore.release}. */
  readonly release: InstanceStore['release'];
}

/**
 * One Part 10 file being written in the staging folder; see the port for what its methods promise. Gathers the bytes in
 * slabs; each full one goes to the object's thread, which writes and digests it.
 */
export class StagedFile implements StagedInstance {
  readonly #layout: DataLayout;
  readonly #object: ThreadedObject;
  readonly #unsynced: Map<string, string>;
  readonly #release: InstanceStore['release'];
  #name: string;
  #slab: Slab | undefined;
  #filled = 0;
  readonly #headBytes: number;
  /** Bytes that lie in slabs or went to the thread. */
  #gathered = 0;
  /** Where the object has the machine to itself, this thread digests while the other writes: both are done sooner. */
  readonly #digesting: IdleDigest | undefined;
  #sha256: string | undefined;
  #isInPlace = false;
  bytes = 0;

  constructor({ layout, object, stagingName, head, unsynced, release }: StagedFileOptions) {
    this.#layout = layout;
    this.#object = object;
    this.#unsynced = unsynced;
    this.#release = release;
    this.#name = stagingName;
    this.#headBytes = head.length;
    this.#digesting = object.isAlone ? new IdleDigest((slab) => object.release(slab)) : undefined;
    void this.write(head);
  }

  get stagingName(): string {
    return this.#name;
  }

  write(bytes: Buffer): Promise<void> | undefined {
    this.bytes += bytes.length;
    if (this.#object.isLost) return undefined;
    let wait: Promise<void> | undefined;
    let at = 0;
    while (at < bytes.length) {
      this.#slab ??= this.#object.take();
      const copied = Math.min(bytes.length - at, ThreadedObject.slabBytes - this.#filled);
      // fill() is a plain memory copy; copy() into shared memory goes word by word before Node 22, six times slower.
      this.#slab.bytes.fill(
        copied === bytes.length ? bytes : bytes.subarray(at, at + copied),
        this.#filled,
        this.#filled + copied,
      );
      at += copied;
      this.#count(this.#slab, copied);
      if (this.#filled === ThreadedObject.slabBytes) wait = this.#hand(this.#slab, false);
    }
    return wait;
  }

  end(): void {
    if (this.#slab !== undefined) void this.#hand(this.#slab, true);
  }

  async digest(): Promise<string> {
    this.end();
    const own = this.#ownDigest();
    const sha256 = await this.#object.digest();
    return own ?? sha256;
  }

  async commit(
    key: InstanceKey,
    meanwhile: readonly ((sha256: string) => void)[] = [],
  ): Promise<{ kind: 'stored' | 'exists'; sha256: string }> {
    this.end();
    const own = this.#ownDigest();
    const place = {
      root: this.#layout.objects,
      folder: seriesFolder(key),
      file: `${key.sopInstanceUid}.dcm`,
    };
    const { result, sha256 } = await (own === undefined
      ? this.#put(place)
      : this.#put(
          { ...place, sha256: own },
          meanwhile.map((work) => () => work(own)),
        ));
    return { kind: result, sha256 };
  }

  async keepApart(key: InstanceKey, sha256: string): Promise<string> {
    const { conflicts, root } = this.#layout;
    const folder = seriesFolder(key);
    const file = conflictFileName(key, sha256);
    const { result } = await this.#put({ root: conflicts, folder, file, sha256 });
    // The same conflicting object came before: one copy of it is enough.
    if (result === 'exists') await this.#object.discard();
    return path.relative(root, path.join(conflicts, folder, file));
  }

  async discard(): Promise<void> {
    if (this.#slab !== undefined) this.#object.giveBack(this.#slab);
    this.#slab = undefined;
    this.#digesting?.drop();
    await this.#object.discard();
    // It stays in its place, and whoever sends it again is told that it is held: its name there must be durable first.
    if (this.#isInPlace) await this.#release([this.#name]);
  }

  async #put(place: Place, meanwhile: readonly (() => void)[] = []): Promise<Put> {
    const put = await this.#object.put(place, meanwhile);
    if (put.result === 'exists') return put;
    this.#name = doneName(this.#name, put.sha256);
    this.#isInPlace = true;
    try {
      await put.folderSynced;
    } catch (error) {
      await unlinkIfThere(path.join(place.root, place.folder, place.file));
      throw storeError('put an object in place', error);
    }
    this.#unsynced.set(this.#name, path.join(place.root, place.folder));
    return put;
  }

  /** @returns undefined where the thread digests. */
  #ownDigest(): string | undefined {
    this.#sha256 ??= this.#digesting?.finish();
    return this.#sha256;
  }

  /** @param added bytes that were put into the slab, behind what it held. */
  #count(slab: Slab, added: number): void {
    const undigested = Math.min(added, this.#headLeft());
    const from = this.#filled + undigested;
    this.#filled += added;
    this.#gathered += added;
    if (from < this.#filled) this.#digesting?.add(slab, from, this.#filled);
  }

  /** To the object's thread. */
  #hand(slab: Slab, isLast: boolean): Promise<void> | undefined {
    const length = this.#filled;
    const undigested = Math.min(length, this.#headLeft(length));
    this.#slab = undefined;
    this.#filled = 0;
    const isDigested = this.#digesting !== undefined;
    const wait = this.#object.write({ slab, length, undigested, isDigested, isLast });
    this.#digesting?.close();
    return wait;
  }

  /** @returns bytes of the head from `back` bytes before the end of what was gathered. */
  #headLeft(back = 0): number {
    return Math.max(0, this.#headBytes - (this.#gathered - back));
  }
}

async function unlinkIfThere(file: string): Promise<void> {
  try {
    await unlinkFile(file);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw storeError('remove a staging link', error);
  }
}
