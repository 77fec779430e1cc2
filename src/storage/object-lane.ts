import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';

import { StoreError } from '../core/ports/instance-store.ts';

/** Bytes per slab: the thread begins early with what a CT slice brings, and large objects take few enough orders. */
const SLAB_BYTES = 128 * 1024;
/** Behind the bytes of a slab: one number, 1 while the thread uses them. */
const SLAB_TRAILER_BYTES = 4;
/** Free slabs that a lane keeps for its next objects. */
const MAX_FREE = 32;

/** What the shared state of a lane holds; see object-thread.mjs. */
const GIVEN = 0;
const TAKEN = 1;
const IS_AWAITED = 2;

/** Memory that received bytes are gathered in, shared with the thread. */
export interface Slab {
  readonly id: number;
  readonly bytes: Buffer;
  readonly inUse: Int32Array;
}

/** What the thread has to say to a question. */
export interface Answer {
  readonly question: number;
  readonly sha256?: string;
  readonly result?: 'stored' | 'exists';
  readonly failure?: { readonly doing: string; readonly errno: string };
}

/** An object on its way through a lane. */
export interface LaneUser {
  /** A slab that was given to the thread is free again. */
  slabReturned(): void;
  /** @returns whether it need not be held any longer. */
  letGo(): boolean;
  /** The thread is gone, and with it all that it was given. */
  lost(error: StoreError): void;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: StoreError) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly state: Int32Array;
}

/**
 * One thread that writes objects, and the memory shared with it. Orders go through a message port that the thread looks
 * into without an event loop, and a number that it sleeps on: waking it is all that an order costs. Free slabs are found
 * by looking, too; the thread sends a message only where somebody waits.
 */
export class ObjectLane {
  static readonly slabBytes = SLAB_BYTES;
  readonly #incoming: string;
  readonly #generation: Int32Array;
  readonly #users = new Set<LaneUser>();
  /** Users whose senders wait until the thread has caught up. */
  readonly #held = new Set<LaneUser>();
  readonly #waiting = new Map<number, Waiting>();
  #thread: Thread | undefined;
  #free: Slab[] = [];
  /** Slabs that the thread was given and may still use. */
  #given: { readonly slab: Slab; readonly user: LaneUser }[] = [];
  #takenSeen = 0;
  #lastSlab = 0;
  #lastQuestion = 0;

  /** @param generation shared by all lanes; see thread-folders.mjs. */
  constructor(incoming: string, generation: Int32Array) {
    this.#incoming = incoming;
    this.#generation = generation;
  }

  /** Objects under way. */
  get load(): number {
    return this.#users.size;
  }

  enter(user: LaneUser): void {
    this.#users.add(user);
  }

  leave(user: LaneUser): void {
    this.#users.delete(user);
  }

  /** A slab to fill. */
  take(): Slab {
    if (this.#free.length === 0) this.collect();
    const known = this.#free.pop();
    if (known !== undefined) return known;
    this.#lastSlab += 1;
    const memory = new SharedArrayBuffer(SLAB_BYTES + SLAB_TRAILER_BYTES);
    this.#running().port.postMessage({ kind: 'slab', slab: this.#lastSlab, memory });
    return {
      id: this.#lastSlab,
      bytes: Buffer.from(memory, 0, SLAB_BYTES),
      inUse: new Int32Array(memory, SLAB_BYTES, 1),
    };
  }

  /** Of a slab that was taken and not given to the thread. */
  giveBack(slab: Slab): void {
    if (this.#free.length < MAX_FREE) this.#free.push(slab);
    else this.#thread?.port.postMessage({ kind: 'forget-slab', slab: slab.id });
  }

  /** An order that nothing is said to. @param slab belongs to the thread until it is through with it. */
  order(order: object, slab: Slab, user: LaneUser): void {
    Atomics.store(slab.inUse, 0, 1);
    this.#given.push({ slab, user });
    this.#send(order);
  }

  /** An order that is answered. @throws StoreError where the thread fails. */
  ask(order: object): Promise<Answer> {
    this.#lastQuestion += 1;
    const question = this.#lastQuestion;
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) this.#running().worker.ref();
      this.#waiting.set(question, { resolve, reject });
      this.#send({ ...order, question });
    });
  }

  /** Asks for {@link LaneUser.letGo} to be called when slabs come back. */
  hold(user: LaneUser): void {
    this.#held.add(user);
    this.collect();
  }

  /** Takes back the slabs that the thread is through with, and lets senders go on. */
  collect(): void {
    const state = this.#thread?.state;
    if (state === undefined) return;
    for (;;) {
      const taken = Atomics.load(state, TAKEN);
      if (taken !== this.#takenSeen) {
        this.#takenSeen = taken;
        this.#takeBack();
      }
      if (this.#held.size === 0) return;
      Atomics.store(state, IS_AWAITED, 1);
      // What came back just before the thread could see that it is waited for, it will not tell of.
      if (Atomics.load(state, TAKEN) === taken) return;
    }
  }

  async close(): Promise<void> {
    const worker = this.#thread?.worker;
    this.#fail(new StoreError('io', 'the store was closed'));
    await worker?.terminate();
  }

  #takeBack(): void {
    this.#given = this.#given.filter(({ slab, user }) => {
      if (Atomics.load(slab.inUse, 0) === 1) return true;
      this.giveBack(slab);
      user.slabReturned();
      return false;
    });
    for (const user of this.#held) if (user.letGo()) this.#held.delete(user);
  }

  #send(order: object): void {
    const { port, state } = this.#running();
    port.postMessage(order);
    Atomics.add(state, GIVEN, 1);
    Atomics.notify(state, GIVEN);
  }

  #running(): Thread {
    if (this.#thread !== undefined) return this.#thread;
    const { port1, port2 } = new MessageChannel();
    const state = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
    const worker = new Worker(new URL('./object-thread.mjs', import.meta.url), {
      name: 'objects',
      workerData: { port: port2, state, generation: this.#generation, incoming: this.#incoming },
      transferList: [port2],
    });
    worker.unref();
    port1.unref();
    worker.on('message', (answer: Answer) => this.#onAnswer(answer));
    worker.on('error', (error) => {
      if (this.#thread?.worker === worker)
        this.#fail(new StoreError('io', 'a thread that stores objects failed', { cause: error }));
    });
    this.#takenSeen = 0;
    this.#thread = { worker, port: port1, state };
    return this.#thread;
  }

  #onAnswer(answer: Answer): void {
    this.collect();
    const waiting = this.#waiting.get(answer.question);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.question);
    if (this.#waiting.size === 0) this.#thread?.worker.unref();
    waiting.resolve(answer);
  }

  /** The thread is gone: its objects fail (their senders try again), the next one gets a new thread. */
  #fail(error: StoreError): void {
    this.#thread?.port.close();
    this.#thread = undefined;
    this.#free = [];
    this.#given = [];
    this.#held.clear();
    for (const user of this.#users) user.lost(error);
    const lost = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of lost) reject(error);
  }
}
