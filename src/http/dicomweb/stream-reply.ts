import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import type { BufferPool } from '../buffer-pool.ts';
import { ClientGoneError, ResponseWriter } from '../response-writer.ts';
import type { DicomWebEnv } from './env.ts';

export interface StreamReply {
  readonly status?: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly pool: BufferPool;
  /**
   * Writes the body; not called for HEAD.
   * @param signal aborted when the client goes away.
   */
  readonly produce: (writer: ResponseWriter, signal: AbortSignal) => Promise<void>;
}

/**
 * Sends a body of any length past Hono, straight to Node's response.
 * @throws what `produce` threw, if nothing was sent yet. Otherwise the connection has been cut: a client never takes a
 * part for the whole.
 */
export async function streamReply(c: Context<DicomWebEnv>, reply: StreamReply): Promise<Response> {
  const { status = 200, headers, pool, produce } = reply;
  if (c.req.method === 'HEAD') return new Response(null, { status, headers });
  const { incoming, outgoing, sendFile } = c.env;
  if (incoming === undefined || outgoing === undefined)
    throw new Error('files can be sent through an HTTP listener only');
  const { socket } = incoming;
  const gone = new AbortController();
  const onClose = (): void => gone.abort(new ClientGoneError('the connection was closed'));
  socket.once('close', onClose);
  const writer = new ResponseWriter({ outgoing, socket, pool, status, headers, sendFile });
  try {
    await produce(writer, gone.signal);
    await writer.end();
  } catch (error) {
    const isAnswerable = await writer.abandon();
    if (isAnswerable) throw error;
  } finally {
    socket.off('close', onClose);
  }
  return RESPONSE_ALREADY_SENT;
}

/**
 * Does work that may take long before a byte can be sent, such as transcoding: the listener would take the silence for a
 * dead connection. A client that goes away is noticed all the same.
 */
export async function withoutIdleTimeout<T>(c: Context<DicomWebEnv>, work: () => Promise<T>): Promise<T> {
  const socket = c.env.incoming?.socket;
  const timeoutMs = socket?.timeout ?? 0;
  socket?.setTimeout(0);
  try {
    return await work();
  } finally {
    socket?.setTimeout(timeoutMs);
  }
}
