import { createHash } from 'node:crypto';

import type { Slab } from './object-lane.ts';

/** Digested at a time, about 50 µs: what arrives meanwhile waits no longer than that. */
const STEP_BYTES = 64 * 1024;
/** Bytes that may wait to be digested: a CT slice. Beyond them digesting goes before receiving, so memory is bounded. */
const MAX_WAITING_BYTES = 512 * 1024;

/** Bytes of a slab that are to be digested. */
interface Stretch {
  readonly slab: Slab;
  at: number;
  end: number;
  /** Nothing is added to it any more. */
  isClosed: boolean;
}

/**
 * SHA-256 of an object whose bytes lie in slabs, made when the event loop finds nothing else to do: while bytes arrive,
 * receiving them and handing them to the disk go first, so that the disk begins early and digesting goes on beside it.
 */
export class IdleDigest {
  readonly #hash = createHash('sha256');
  readonly #release: (slab: Slab) => void;
  readonly #stretches: Stretch[] = [];
  #waitingBytes = 0;
  #arrived = 0;
  #isScheduled = false;

  /** @param release called when a closed slab is digested. */
  constructor(release: (slab: Slab) => void) {
    this.#release = release;
  }

  /** The bytes of the slab between the two were filled; they follow those that were added before. */
  add(slab: Slab, from: number, to: number): void {
    const last = this.#stretches.at(-1);
    if (last?.slab === slab) last.end = to;
    else this.#stretches.push({ slab, at: from, end: to, isClosed: false });
    this.#waitingBytes += to - from;
    this.#arrived += 1;
    while (this.#waitingBytes > MAX_WAITING_BYTES) this.#step();
    if (!this.#isScheduled) this.#schedule();
  }

  /** Nothing more comes into the slab that bytes were added of last; it is released when they are digested. */
  close(): void {
    const last = this.#stretches.at(-1);
    if (last === undefined) return;
    last.isClosed = true;
    if (last.at === last.end) this.#step();
  }

  /** @returns lower-case hex. To be asked for once, when all is closed. */
  finish(): string {
    while (this.#stretches.length > 0) this.#step();
    return this.#hash.digest('hex');
  }

  /** Releases all closed slabs; nothing is digested any more. */
  drop(): void {
    const dropped = this.#stretches.splice(0);
    this.#waitingBytes = 0;
    for (const { slab, isClosed } of dropped) if (isClosed) this.#release(slab);
  }

  #schedule(): void {
    this.#isScheduled = true;
    const before = this.#arrived;
    setImmediate(() => {
      this.#isScheduled = false;
      // More has come in this turn, so there may be still more to receive.
      if (this.#arrived === before) this.#step();
      if (this.#waitingBytes > 0) this.#schedule();
    });
  }

  #step(): void {
    const [first] = this.#stretches;
    if (first === undefined) return;
    const { slab } = first;
    const to = Math.min(first.end, first.at + STEP_BYTES);
    this.#hash.update(slab.bytes.subarray(first.at, to));
    this.#waitingBytes -= to - first.at;
    first.at = to;
    if (to < first.end || !first.isClosed) return;
    this.#stretches.shift();
    this.#release(slab);
  }
}
