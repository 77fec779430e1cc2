import type { Socket } from 'node:net';

/** Bytes of each connection that are accounted for. */
const counted = new WeakMap<Socket, number>();
/** Bytes that went over a connection without Node.js. */
const beside = new WeakMap<Socket, number>();

/** Adds bytes that Node.js did not write itself, and cannot know of. */
export function addSentBytes(socket: Socket, bytes: number): void {
  beside.set(socket, (beside.get(socket) ?? 0) + bytes);
}

/**
 * Begins to count what a request is answered with, the head included.
 * @returns a function that tells the bytes since, or since it was last asked on this connection: answers to requests
 * that were sent one behind the other are never counted twice.
 */
export function countSentBytes(socket: Socket): () => number {
  const from = Math.max(counted.get(socket) ?? 0, sentOver(socket));
  counted.set(socket, from);
  return () => {
    const before = counted.get(socket) ?? 0;
    // A connection that is gone tells less: what it had not sent is not counted.
    const now = Math.max(before, sentOver(socket));
    counted.set(socket, now);
    return now - before;
  };
}

function sentOver(socket: Socket): number {
  return socket.bytesWritten + (beside.get(socket) ?? 0);
}
