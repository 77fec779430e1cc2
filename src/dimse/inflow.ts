import type { Socket } from 'node:net';

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
  let rest: Buffer | undefined;
  const queue: Buffer[] = [];
  let blocks = 0;
  let isDiscarding = false;

  function read(chunk: Buffer): void {
    const at = feed(chunk, 0);
    if (at >= chunk.length || isDiscarding) return;
    // The socket reads into the same memory again, so what has to wait moves out of it.
    rest = Buffer.from(chunk.subarray(at));
  }

  function readOn(): void {
    while (blocks === 0) {
      const chunk = rest ?? queue.shift();
      if (chunk === undefined) break;
      rest = undefined;
      read(chunk);
    }
    if (blocks > 0) return;
    if (socket.isPaused()) socket.resume();
    onCaughtUp();
  }

  return {
    push(chunk) {
      if (isDiscarding) return;
      if (blocks === 0 && rest === undefined && queue.length === 0) read(chunk);
      else {
        queue.push(Buffer.from(chunk));
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
    isCaughtUp: () => isDiscarding || (blocks === 0 && rest === undefined && queue.length === 0),
    discard() {
      isDiscarding = true;
      rest = undefined;
      queue.length = 0;
      if (socket.isPaused()) socket.resume();
    },
    isDiscarding: () => isDiscarding,
  };
}
