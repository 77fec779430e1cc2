import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { OpenedInstance } from '../core/ports/instance-store.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { ObjectReply } from './object-reply.ts';

/** The file ended before the size that the index has for it. */
export class ShortObjectError extends Error {
  override readonly name = 'ShortObjectError';
}

export interface SendObjectOptions {
  readonly outgoing: ServerResponse;
  /** The connection, also where the response still waits behind an earlier one (pipelining). */
  readonly socket: Socket;
  readonly reply: ObjectReply;
  readonly opened: OpenedInstance;
  readonly pool: BufferPool;
  /** Called once the first bytes are on their way. */
  readonly onStarted?: () => void;
}

/**
 * Sends a reply with its bytes, straight to Node's response: at these sizes web streams would cost more than the
 * reading and writing. Reads the next piece while the last one is being written; never holds more than two. Closes
 * `opened` in every case.
 * @returns whether all bytes were handed to the operating system; false: the client went away.
 * @throws what reading failed with, or a ShortObjectError. Nothing was sent unless `outgoing.headersSent`; then the
 * connection has been cut, so that the client cannot take what it got for the whole.
 */
export async function sendObject({
  outgoing,
  socket,
  reply,
  opened,
  pool,
  onStarted,
}: SendObjectOptions): Promise<boolean> {
  let written = Promise.resolve(true);
  try {
    const end = reply.start + reply.length;
    for (let position = reply.start; position < end;) {
      const buffer = pool.take(end - position);
      const piece = buffer.bytes.subarray(0, end - position);
      let isFlowing = false;
      try {
        await readFully(opened, piece, position);
        isFlowing = (await written) && !socket.destroyed;
      } finally {
        if (!isFlowing) buffer.release();
      }
      if (!isFlowing) return false;
      position += piece.length;
      if (!outgoing.headersSent) outgoing.writeHead(reply.status, reply.headers);
      written = write(outgoing, socket, piece, position === end).then((isWritten) => {
        // After a cut the kernel may not be through with the buffer.
        if (isWritten) buffer.release();
        else buffer.abandon();
        return isWritten;
      });
      if (position === reply.start + piece.length) onStarted?.();
    }
  } catch (error) {
    if (outgoing.headersSent) socket.destroy();
    await written;
    throw error;
  } finally {
    await opened.close();
  }
  return written;
}

async function readFully(opened: OpenedInstance, target: Buffer, position: number): Promise<void> {
  let filled = 0;
  while (filled < target.length) {
    const bytes = await opened.read(filled === 0 ? target : target.subarray(filled), position + filled);
    if (bytes === 0) throw new ShortObjectError(`the file ends at byte ${position + filled}`);
    filled += bytes;
  }
}

/** Resolves once the operating system has the bytes (true), or the connection is gone (false). */
function write(outgoing: ServerResponse, socket: Socket, piece: Buffer, isLast: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const onClose = (): void => resolve(false);
    const onWritten = (error?: Error | null): void => {
      socket.off('close', onClose);
      resolve(!error);
    };
    socket.once('close', onClose);
    if (isLast) outgoing.end(piece, onWritten);
    else outgoing.write(piece, onWritten);
  });
}
