import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { OpenedInstance } from '../core/ports/instance-store.ts';
import type { SendFile } from '../platform/send-file.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { ObjectReply } from './object-reply.ts';
import { ClientGoneError, objectContent, ResponseWriter } from './response-writer.ts';

export interface SendObjectOptions {
  readonly outgoing: ServerResponse;
  /** The connection, also where the response still waits behind an earlier one (pipelining). */
  readonly socket: Socket;
  readonly reply: ObjectReply;
  readonly opened: OpenedInstance;
  readonly pool: BufferPool;
  readonly sendFile: SendFile | undefined;
  /** Called once the first bytes are on their way. */
  readonly onStarted?: () => void;
}

/**
 * Sends a reply with its bytes, straight to Node's response: at these sizes web streams would cost more than the
 * reading and writing. Closes `opened` in every case.
 * @returns whether all bytes were handed to the operating system; false: the client went away.
 * @throws what reading failed with, or a ShortContentError. Nothing was sent unless `outgoing.headersSent`; then the
 * connection has been cut, so that the client cannot take what it got for the whole.
 */
export async function sendObject({ reply, opened, ...to }: SendObjectOptions): Promise<boolean> {
  const writer = new ResponseWriter({ ...to, status: reply.status, headers: reply.headers });
  try {
    await writer.send(objectContent(opened, reply.start, reply.length));
    await writer.end();
    return true;
  } catch (error) {
    await writer.abandon();
    if (error instanceof ClientGoneError) return false;
    throw error;
  } finally {
    await opened.close();
  }
}
