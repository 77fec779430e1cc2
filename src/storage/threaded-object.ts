import type { StoreError } from '../core/ports/instance-store.ts';
import { storeError } from './file-calls.ts';
import { type Answer, type LaneOrder, type LaneUser, ObjectLane, type Slab } from './object-lane.ts';

/** Slabs of one object that may still wait to be written before its sender has to (1 MiB). */
const MAX_OUTSTANDING = 8;

/** Bytes of an object for its thread. */
export interface Piece {
  readonly slab: Slab;
  readonly length: number;
  /** Bytes at the beginning that are no part of the Data Set. */
  readonly undigested: number;
  /** The thread need not digest it: that is done here, until {@link ThreadedObject.release}. */
  readonly isDigested: boolean;
  /** Nothing follows it, so the disk need not wait for more. */
  readonly isLast: boolean;
}

/** Where an object is to be put. */
export interface Place {
  /** Absolute path of a folder that exists. */
  readonly root: string;
  /** Below it; made where missing. */
  readonly folder: string;
  readonly file: string;
  /** Of the Data Set, where its pieces were not for the thread to digest. */
  readonly sha256?: string;
}

export interface Put {
  readonly result: 'stored' | 'exists';
  readonly sha256: string;
  /** Its staging name is durable as well. Rejects where that fails. */
  readonly folderSynced: Promise<void>;
}

export interface ThreadedObjectOptions {
  readonly lane: ObjectLane;
  /** Not used before in this process. */
  readonly id: number;
  /** In the staging folder. */
  readonly name: string;
  readonly isAlone: boolean;
  /** Makes the names in the staging folder durable. */
  readonly syncFolder: () => Promise<void>;
}

/** An object that a lane's thread writes, digests and puts in place. */
export class ThreadedObject implements LaneUser {
  static readonly slabBytes = ObjectLane.slabBytes;
  /** No other object was under way when this one began. */
  readonly isAlone: boolean;
  readonly #lane: ObjectLane;
  readonly #id: number;
  readonly #syncFolder: () => Promise<void>;
  #outstanding = 0;
  #isOver = false;
  #wait: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #failure: StoreError | undefined;

  constructor({ lane, id, name, isAlone, syncFolder }: ThreadedObjectOptions) {
    this.#lane = lane;
    this.#id = id;
    this.isAlone = isAlone;
    this.#syncFolder = syncFolder;
    // At once: making the file takes as long as its first bytes are under way.
    lane.enter(this, { kind: 'open', object: id, numbers: [], texts: [name] });
  }

  /** Its thread is gone: nothing that is still written would go anywhere. */
  get isLost(): boolean {
    return this.#failure !== undefined;
  }

  /** A slab to fill; to be written or given back. */
  take(): Slab {
    return this.#lane.take();
  }

  giveBack(slab: Slab): void {
    // A thread that is gone has taken its memory with it.
    if (this.#failure === undefined) this.#lane.giveBack(slab);
  }

  /** This side is through with a slab that was written. */
  release(slab: Slab): void {
    if (this.#failure === undefined) this.#lane.release(slab);
  }

  /** @returns a promise to wait for where the thread lags. Never throws: what failed comes out of what is asked after. */
  write({ slab, length, undigested, isDigested, isLast }: Piece): Promise<void> | undefined {
    if (this.#failure !== undefined) return undefined;
    this.#outstanding += 1;
    slab.isHeld = isDigested && undigested < length;
    this.#lane.give(
      {
        kind: 'write',
        object: this.#id,
        numbers: [slab.id, length, undigested, isDigested ? 1 : 0, isLast ? 1 : 0],
        texts: [],
      },
      slab,
      this,
    );
    if (this.#outstanding <= MAX_OUTSTANDING) return undefined;
    this.#lane.collect();
    return this.#outstanding > MAX_OUTSTANDING ? this.#untilTaken() : undefined;
  }

  /** @returns SHA-256 of the pieces that were for the thread to digest. @throws StoreError */
  async digest(): Promise<string> {
    const { sha256 = '' } = await this.#ask((question) => this.#message('digest', question));
    return sha256;
  }

  /** @param meanwhile short pieces of work that are done first. @throws StoreError; the place is then free again. */
  async put(
    { root, folder, file, sha256: known = '' }: Place,
    meanwhile: readonly (() => void)[] = [],
  ): Promise<Put> {
    let folderSynced = Promise.resolve();
    const asked = this.#ask(
      (question) => ({
        kind: 'put',
        object: this.#id,
        numbers: [question, this.isAlone ? 1 : 0],
        texts: [root, folder, file, known],
      }),
      () => {
        folderSynced = this.#syncFolder();
        // Looked at when the thread is through with the file.
        folderSynced.catch(() => undefined);
      },
    );
    if (this.isAlone) this.#lane.watch();
    for (const work of meanwhile) {
      work();
      this.#lane.look();
    }
    const { result = 'exists', sha256 = known } = await asked;
    if (result === 'stored') this.#end();
    return { result, sha256, folderSynced };
  }

  /** Removes what was written, unless it is in place. @throws StoreError */
  async discard(): Promise<void> {
    if (this.#isOver) return;
    this.#end();
    if (this.#failure === undefined) await this.#ask((question) => this.#message('discard', question));
  }

  slabReturned(): void {
    this.#outstanding -= 1;
  }

  letGo(): boolean {
    if (this.#outstanding > MAX_OUTSTANDING / 2) return false;
    this.#wait?.resolve();
    this.#wait = undefined;
    return true;
  }

  lost(error: StoreError): void {
    this.#failure ??= error;
    this.#outstanding = 0;
    this.letGo();
  }

  #untilTaken(): Promise<void> {
    if (this.#wait !== undefined) return this.#wait.promise;
    let resolve: () => void = () => undefined;
    const promise = new Promise<void>((settle) => {
      resolve = settle;
    });
    this.#wait = { promise, resolve };
    this.#lane.hold(this);
    return promise;
  }

  async #ask(orderOf: (question: number) => LaneOrder, onLinked?: () => void): Promise<Answer> {
    if (this.#failure !== undefined) throw this.#failure;
    const answer = await this.#lane.ask(orderOf, onLinked);
    if (answer.failure === undefined) return answer;
    throw failureOf(answer.failure);
  }

  #message(kind: 'digest' | 'discard', question: number): LaneOrder {
    return { kind: 'message', message: { kind, question, object: this.#id } };
  }

  #end(): void {
    this.#isOver = true;
    this.#lane.leave(this);
  }
}

/** What failed in a thread. */
export function failureOf({ doing, errno }: NonNullable<Answer['failure']>): StoreError {
  return storeError(doing, Object.assign(new Error(errno), { code: errno }));
}
