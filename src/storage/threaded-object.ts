import type { StoreError } from '../core/ports/instance-store.ts';
import { storeError } from './file-calls.ts';
import { type Answer, type LaneUser, ObjectLane, type Slab } from './object-lane.ts';

/** Slabs of one object that may still wait to be written before its sender has to (1 MiB). */
const MAX_OUTSTANDING = 8;

/** Bytes of an object for its thread. */
export interface Piece {
  readonly slab: Slab;
  readonly length: number;
  /** Bytes at the beginning that are no part of the Data Set. */
  readonly undigested: number;
  /** The thread need not digest it. */
  readonly isDigested: boolean;
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

/** An object that a lane's thread writes, digests and puts in place. */
export class ThreadedObject implements LaneUser {
  static readonly slabBytes = ObjectLane.slabBytes;
  /** No other object was under way when this one began. */
  readonly isAlone: boolean;
  readonly #lane: ObjectLane;
  readonly #id: number;
  readonly #name: string;
  #outstanding = 0;
  #isOver = false;
  #wait: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #failure: StoreError | undefined;

  /** @param id not used before in this process. @param name in the staging folder. */
  constructor(lane: ObjectLane, id: number, name: string, isAlone: boolean) {
    this.#lane = lane;
    this.#id = id;
    this.#name = name;
    this.isAlone = isAlone;
    lane.enter(this);
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

  /** @returns a promise to wait for where the thread lags. Never throws: what failed comes out of what is asked after. */
  write({ slab, ...piece }: Piece): Promise<void> | undefined {
    if (this.#failure !== undefined) return undefined;
    this.#outstanding += 1;
    this.#lane.order(this.#order('write', { piece: { ...piece, slab: slab.id } }), slab, this);
    if (this.#outstanding <= MAX_OUTSTANDING) return undefined;
    this.#lane.collect();
    return this.#outstanding > MAX_OUTSTANDING ? this.#untilTaken() : undefined;
  }

  /** @returns SHA-256 of the pieces that were for the thread to digest. @throws StoreError */
  async digest(): Promise<string> {
    const { sha256 = '' } = await this.#ask('digest', {});
    return sha256;
  }

  /** @throws StoreError; the place is then free again. */
  async put(place: Place): Promise<{ readonly result: 'stored' | 'exists'; readonly sha256: string }> {
    const { result = 'exists', sha256 = '' } = await this.#ask('put', place);
    if (result === 'stored') this.#end();
    return { result, sha256 };
  }

  /** Removes what was written, unless it is in place. @throws StoreError */
  async discard(): Promise<void> {
    if (this.#isOver) return;
    this.#end();
    if (this.#failure === undefined) await this.#ask('discard', {});
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

  async #ask(kind: 'digest' | 'put' | 'discard', more: object): Promise<Answer> {
    if (this.#failure !== undefined) throw this.#failure;
    const answer = await this.#lane.ask(this.#order(kind, more));
    if (answer.failure === undefined) return answer;
    const { doing, errno } = answer.failure;
    throw storeError(doing, Object.assign(new Error(errno), { code: errno }));
  }

  #order(kind: string, more: object): object {
    return { kind, object: this.#id, name: this.#name, ...more };
  }

  #end(): void {
    this.#isOver = true;
    this.#lane.leave(this);
  }
}
