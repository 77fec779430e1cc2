import { availableParallelism } from 'node:os';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';

import { StoreError } from '../core/ports/instance-store.ts';
import { ANSWER, createLaneMemory, LaneMemory, ORDER } from './lane-memory.mjs';

/** Bytes per slab: the thread begins early with what a CT slice brings, and large objects take few enough orders. */
const SLAB_BYTES = 128 * 1024;
/** Behind the bytes of a slab: one number, 1 while the thread uses them. */
const SLAB_TRAILER_BYTES = 4;
/** Free slabs that a lane keeps for its next objects. */
const MAX_FREE = 32;
/** How long an answer is looked for without pause; a disk that takes longer is waited for asleep. */
const WATCH_MS = 1;
/** Looking without pause would keep the thread from its work where there is one processor. */
const MAY_WATCH = availableParallelism() > 1;

/** Memory that received bytes are gathered in, shared with the thread. */
export interface Slab {
  readonly id: number;
  readonly bytes: Buffer;
  readonly inUse: Int32Array;
  /** This side still reads what it gave to the thread. */
  isHeld: boolean;
}

/** What the thread has to say to a question. */
export interface Answer {
  readonly question: number;
  readonly sha256?: string;
  readonly result?: 'stored' | 'exists';
  readonly failure?: { readonly doing: string; readonly errno: string };
}

/** An order in numbers and names, or any other as a message; see object-thread.mjs. */
export type LaneOrder =
  | {
      readonly kind: 'open' | 'write' | 'put';
      readonly object: number;
      readonly numbers: readonly number[];
      readonly texts: readonly string[];
    }
  | { readonly kind: 'message'; readonly message: object };

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
  readonly onLinked: (() => void) | undefined;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: StoreError) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly memory: LaneMemory;
}

/**
 * One thread that writes objects, and the memory shared with it. Orders are written there for the thread to find: waking
 * it is all that they cost. Free slabs and short answers are found by looking, too; the thread sends a message only where
 * nobody looks.
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
  /** Orders that the shared memory has no room for yet. */
  #backlog: LaneOrder[] = [];
  #returnedSeen = 0;
  /** Some slab is held no longer: it may be free. */
  #isReleased = false;
  #lastSlab = 0;
  #lastQuestion = 0;
  #isWatching = false;
  /** Whether the last answer that was looked for came in time. */
  #isPrompt = MAY_WATCH;

  /** @param generation shared by all lanes; see thread-folders.mjs. */
  constructor(incoming: string, generation: Int32Array) {
    this.#incoming = incoming;
    this.#generation = generation;
  }

  /** Objects under way. */
  get load(): number {
    return this.#users.size;
  }

  /** @param order its first one. */
  enter(user: LaneUser, order: LaneOrder): void {
    this.#users.add(user);
    this.#send(order);
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
    const memory = sharedPages(SLAB_BYTES + SLAB_TRAILER_BYTES);
    this.#send({ kind: 'message', message: { kind: 'slab', slab: this.#lastSlab, memory } });
    return {
      id: this.#lastSlab,
      bytes: Buffer.from(memory, 0, SLAB_BYTES),
      inUse: new Int32Array(memory, SLAB_BYTES, 1),
      isHeld: false,
    };
  }

  /** Of a slab that was taken and not given to the thread. */
  giveBack(slab: Slab): void {
    if (this.#free.length < MAX_FREE) this.#free.push(slab);
    else this.#send({ kind: 'message', message: { kind: 'forget-slab', slab: slab.id } });
  }

  /** A slab that was held when it was given is so no longer. */
  release(slab: Slab): void {
    slab.isHeld = false;
    this.#isReleased = true;
    if (this.#held.size > 0) this.collect();
  }

  /** An order that nothing is said to. @param slab belongs to the thread until it is through with it. */
  give(order: LaneOrder, slab: Slab, user: LaneUser): void {
    Atomics.store(slab.inUse, 0, 1);
    this.#given.push({ slab, user });
    this.#send(order);
  }

  /**
   * An order that is answered. @throws StoreError where the thread fails.
   * @param onLinked called where the thread leaves the syncing of folders to this side.
   */
  ask(orderOf: (question: number) => LaneOrder, onLinked?: () => void): Promise<Answer> {
    this.#lastQuestion = (this.#lastQuestion + 1) | 0;
    const question = this.#lastQuestion;
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) this.#running().worker.ref();
      this.#waiting.set(question, { resolve, reject, onLinked });
      this.#send(orderOf(question));
    });
  }

  /**
   * Looks for the answer to what was asked last without pause for a moment, between everything else that this thread has
   * to do: woken by a message, it would begin a good part of a disk's sync later.
   */
  watch(): void {
    const memory = this.#thread?.memory;
    if (memory === undefined || this.#isWatching || !MAY_WATCH) return;
    if (!this.#isPrompt) {
      // Tried again with the next one: disks have their moments.
      this.#isPrompt = true;
      return;
    }
    this.#isWatching = true;
    memory.watch(true);
    const until = performance.now() + WATCH_MS;
    const look = (): void => {
      this.#takeAnswers();
      const isAnswered = this.#waiting.size === 0;
      if (!isAnswered && performance.now() < until) {
        setImmediate(look);
        return;
      }
      this.#isWatching = false;
      this.#isPrompt = isAnswered;
      memory.watch(false);
      // What was answered before the thread could see that nobody looks any more.
      this.#takeAnswers();
    };
    setImmediate(look);
  }

  /** Looks, once, for answers that have come; for in between work that keeps the event loop. */
  look(): void {
    if (this.#isWatching) this.#takeAnswers();
  }

  /** Asks for {@link LaneUser.letGo} to be called when slabs come back. */
  hold(user: LaneUser): void {
    this.#held.add(user);
    this.collect();
  }

  /** Takes back the slabs that the thread is through with, and lets senders go on. */
  collect(): void {
    const memory = this.#thread?.memory;
    if (memory === undefined) return;
    for (;;) {
      const returned = memory.slabsReturned;
      if (returned !== this.#returnedSeen || this.#isReleased) {
        this.#returnedSeen = returned;
        this.#isReleased = false;
        this.#takeBack();
      }
      this.#giveBacklog();
      if (this.#held.size === 0 && this.#backlog.length === 0) return;
      memory.await();
      // What came back just before the thread could see that it is waited for, it will not tell of.
      if (memory.slabsReturned === returned && (this.#backlog.length === 0 || !memory.hasRoom())) return;
    }
  }

  async close(): Promise<void> {
    const worker = this.#thread?.worker;
    this.#fail(new StoreError('io', 'the store was closed'));
    await worker?.terminate();
  }

  #takeBack(): void {
    this.#given = this.#given.filter(({ slab, user }) => {
      if (slab.isHeld || Atomics.load(slab.inUse, 0) === 1) return true;
      this.giveBack(slab);
      user.slabReturned();
      return false;
    });
    for (const user of this.#held) if (user.letGo()) this.#held.delete(user);
  }

  #send(order: LaneOrder): void {
    const thread = this.#running();
    if (this.#backlog.length === 0 && giveOrder(thread, order)) return;
    this.#backlog.push(order);
    if (this.#backlog.length === 1) this.collect();
  }

  #giveBacklog(): void {
    const thread = this.#thread;
    if (thread === undefined || this.#backlog.length === 0) return;
    const given = this.#backlog.findIndex((order) => !giveOrder(thread, order));
    this.#backlog = given < 0 ? [] : this.#backlog.slice(given);
  }

  #running(): Thread {
    if (this.#thread !== undefined) return this.#thread;
    const { port1, port2 } = new MessageChannel();
    const memory = createLaneMemory();
    const worker = new Worker(new URL('./object-thread.mjs', import.meta.url), {
      name: 'objects',
      workerData: { port: port2, memory, generation: this.#generation, incoming: this.#incoming },
      transferList: [port2],
    });
    worker.unref();
    port1.unref();
    worker.on('message', (answer: Answer | null) => this.#onMessage(answer));
    worker.on('error', (error) => {
      if (this.#thread?.worker === worker)
        this.#fail(new StoreError('io', 'a thread that stores objects failed', { cause: error }));
    });
    this.#returnedSeen = 0;
    this.#isWatching = false;
    this.#thread = { worker, port: port1, memory: new LaneMemory(memory) };
    return this.#thread;
  }

  /** @param answer null where there is something to be found by looking. */
  #onMessage(answer: Answer | null): void {
    this.collect();
    this.#takeAnswers();
    if (answer !== null) this.#onAnswer(answer);
  }

  #takeAnswers(): void {
    this.#thread?.memory.takeAnswers((question, answer) => {
      if (answer === ANSWER.linked) this.#waiting.get(question)?.onLinked?.();
      else this.#onAnswer({ question, result: answer === ANSWER.stored ? 'stored' : 'exists' });
    });
  }

  #onAnswer(answer: Answer): void {
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
    this.#backlog = [];
    this.#held.clear();
    for (const user of this.#users) user.lost(error);
    const lost = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of lost) reject(error);
  }
}

/**
 * Memory that begins where a page does, as writing past the page cache asks for: V8 reserves whole pages for memory that
 * could grow, and only for that.
 */
function sharedPages(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(bytes, { maxByteLength: bytes });
}

/** @returns false where the shared memory has no room for it now. */
function giveOrder({ port, memory }: Thread, order: LaneOrder): boolean {
  if (order.kind === 'message') return giveMessage(port, memory, order.message);
  const { object, numbers, texts } = order;
  if (!LaneMemory.holds(texts)) return giveMessage(port, memory, order);
  return memory.give({ kind: ORDER[order.kind], object, numbers, texts });
}

function giveMessage(port: MessagePort, memory: LaneMemory, message: object): boolean {
  if (!memory.hasRoom()) return false;
  port.postMessage(message);
  return memory.give({ kind: ORDER.message, object: 0, numbers: [], texts: [] });
}
