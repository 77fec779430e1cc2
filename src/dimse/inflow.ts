import type { Socket } from 'node:net';

import { type HeldBytes, SpareMemory } from './spare-memory.ts';

/** Shared by all Associations: those that wait do so one after the other, mostly. */
const spares = new SpareMemory();

export interface InflowOptions {
  readonly socket: Pick<Socket, 'pause' | 'resume' | 'isPaused'>;
  /** Reads on in `chunk` from `from`; @returns how far it came, less than all of it where it has to be blocked. */
  readonly feed: (chunk: Buffer, from: number) => number;
  /** All that came in is read, and nothing blocks. */
  readonly onCaughtUp: () => void;
}

/** What came in and is not read yet, with its flow control; see {@link createInflow}. */
export interface Inflow {
  /** The socket read a chunk; its memory may be used again afterwards. */
  push(chunk: Buffer): void;
  /** Stops reading until the returned function is called, once; several blocks add up. */
  block(): () => void;
  isBlocked(): boolean;
  /** Everything is read as far as it came in. */
  isCaughtUp(): boolean;
  /** Drops what is there and whatever still comes, unread and unhindered. */
  discard(): void;
  isDiscarding(): boolean;
}

/**
 * Keeps chunks in order while reading is blocked. The socket is paused only when a chunk arrives during a block: a peer
 * that waits for its response, as nearly all do, costs no pause at all. So at most the chunk at hand and one behind it
 * are held here.
 */
export function createInflow({ socket, feed, onCaughtUp }: InflowOptions): Inflow {
  /** In the order in which they came. */
  const held: HeldBytes[] = [];
  let blocks = 0;
  let isDiscarding = false;
  let isReading = false;
  /** While reading: whoever reads goes on by itself. */
  let wasUnblockedWithin = false;

  /** @returns how far that came. */
  function read(bytes: Buffer): number {
    isReading = true;
    wasUnblockedWithin = false;
    const at = feed(bytes, 0);
    isReading = false;
    return at;
  }

  function readNew(chunk: Buffer): void {
    const at = read(chunk);
    // The socket reads into the same memory again, so what has to wait moves out of it.
    if (at < chunk.length && !isDiscarding) held.push(spares.hold(chunk.subarray(at)));
    if (blocks === 0 && wasUnblockedWithin) readOn();
  }

  function readHeld(): void {
    for (let next = held[0]; next !== undefined && blocks === 0; next = held[0]) {
      const at = read(next.bytes);
      // It was dropped meanwhile.
      if (isDiscarding) return;
      if (at < next.bytes.length) held[0] = { ...next, bytes: next.bytes.subarray(at) };
      else {
        held.shift();
        spares.giveBack(next);
      }
    }
  }

  function readOn(): void {
    if (isReading) {
      wasUnblockedWithin = true;
      return;
    }
    readHeld();
    if (blocks > 0) return;
    if (socket.isPaused()) socket.resume();
    onCaughtUp();
  }

  return {
    push(chunk) {
      if (isDiscarding) return;
      if (blocks === 0 && held.length === 0) readNew(chunk);
      else {
        held.push(spares.hold(chunk));
        socket.pause();
      }
    },
    block() {
      blocks += 1;
      return () => {
        blocks -= 1;
        if (blocks === 0) readOn();
      };
    },
    isBlocked: () => blocks > 0,
    isCaughtUp: () => isDiscarding || (blocks === 0 && held.length === 0),
    discard() {
      isDiscarding = true;
      for (const bytes of held.splice(0)) spares.giveBack(bytes);
      if (socket.isPaused()) socket.resume();
    },
    isDiscarding: () => isDiscarding,
  };
}
