import { createHash, type Hash } from 'node:crypto';
import path from 'node:path';

import type { StagedInstance } from '../core/ports/instance-store.ts';
import type { InstanceKey } from '../core/study/instance.ts';
import { errnoOf, storeError, unlinkFile } from './file-calls.ts';
import { conflictFileName, type DataLayout, doneName, seriesFolder } from './layout.ts';
import type { Slab } from './object-lane.ts';
import { type Piece, type Place, type Put, ThreadedObject } from './threaded-object.ts';

export interface StagedFileOptions {
  readonly layout: DataLayout;
  readonly object: ThreadedObject;
  readonly stagingName: string;
  /** What the file begins with before its Data Set. */
  readonly head: Buffer;
}

/**
 * One Part 10 file being written in the staging folder; see the port for what its methods promise. Gathers the bytes in
 * slabs; each full one goes to the object's thread, which writes and digests it.
 */
export class StagedFile implements StagedInstance {
  readonly #layout: DataLayout;
  readonly #object: ThreadedObject;
  #name: string;
  #slab: Slab | undefined;
  #filled = 0;
  /** Bytes of the head that no piece has taken yet. */
  #headLeft: number;
  /** Where the object has the machine to itself, this thread digests while the other writes: both are done sooner. */
  readonly #hash: Hash | undefined;
  #sha256: string | undefined;
  #isInPlace = false;
  bytes = 0;

  constructor({ layout, object, stagingName, head }: StagedFileOptions) {
    this.#layout = layout;
    this.#object = object;
    this.#name = stagingName;
    this.#headLeft = head.length;
    this.#hash = object.isAlone ? createHash('sha256') : undefined;
    void this.#gather(head);
  }

  get stagingName(): string {
    return this.#name;
  }

  get knownDigest(): string | undefined {
    this.#sha256 ??= this.#hash?.digest('hex');
    return this.#sha256;
  }

  write(bytes: Buffer): Promise<void> | undefined {
    const wait = this.#gather(bytes);
    this.#hash?.update(bytes);
    return wait;
  }

  #gather(bytes: Buffer): Promise<void> | undefined {
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
      this.#filled += copied;
      if (this.#filled === ThreadedObject.slabBytes) wait = this.#object.write(this.#piece(this.#slab));
    }
    return wait;
  }

  end(): void {
    if (this.#slab !== undefined) void this.#object.write(this.#piece(this.#slab));
  }

  async digest(): Promise<string> {
    this.end();
    const own = this.knownDigest;
    const sha256 = await this.#object.digest();
    return own ?? sha256;
  }

  async commit(key: InstanceKey): Promise<{ kind: 'stored' | 'exists'; sha256: string }> {
    this.end();
    const { result, sha256 } = await this.#put({
      root: this.#layout.objects,
      folder: seriesFolder(key),
      file: `${key.sopInstanceUid}.dcm`,
      ...this.#digested(),
    });
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
    await this.#object.discard();
    if (this.#isInPlace) await unlinkIfThere(path.join(this.#layout.incoming, this.#name));
  }

  async #put(place: Place): Promise<Put> {
    const put = await this.#object.put(place);
    if (put.result === 'exists') return put;
    this.#name = doneName(this.#name, put.sha256);
    this.#isInPlace = true;
    try {
      await put.foldersSynced;
    } catch (error) {
      await unlinkIfThere(path.join(place.root, place.folder, place.file));
      throw storeError('put an object in place', error);
    }
    return put;
  }

  #digested(): { sha256?: string } {
    const sha256 = this.knownDigest;
    return sha256 === undefined ? {} : { sha256 };
  }

  #piece(slab: Slab): Piece {
    const length = this.#filled;
    const undigested = Math.min(this.#headLeft, length);
    this.#headLeft -= undigested;
    this.#slab = undefined;
    this.#filled = 0;
    return { slab, length, undigested, isDigested: this.#hash !== undefined };
  }
}

async function unlinkIfThere(file: string): Promise<void> {
  try {
    await unlinkFile(file);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw storeError('remove a staging link', error);
  }
}
