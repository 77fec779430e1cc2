import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import { Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Buffer } from 'node:buffer';
import type { DicomWebEnv } from './env.ts';

export interface ChunkedReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The body; ended early (`return`) where the client goes away. */
  readonly chunks: AsyncIterable<Buffer>;
  /** What the body goes through on its way, such as an inflater. */
  readonly through?: () => Duplex;
}

/**
 * Sends a body piece by piece, no faster than the client takes it, straight to Node's response where there is one. The
 * first piece is made before the status is sent.
 * @throws what making the first piece throws, and then nothing was sent. Later failures cut the connection and go to
 * `onFailure`.
 */
export async function sendChunks(
  c: Context<DicomWebEnv>,
  { status, headers, chunks, through }: ChunkedReply,
  onFailure: (error: unknown) => void,
): Promise<Response> {
  const rest = chunks[Symbol.asyncIterator]();
  const first = await rest.next();
  let failure: { readonly error: unknown } | undefined;
  // Told apart from what the pipeline throws in here when the client leaves.
  function fail(error: unknown): never {
    failure = { error };
    throw error;
  }
  async function* all(): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (let next = first; next.done !== true; next = await rest.next().catch(fail)) yield next.value;
    } finally {
      await rest.return?.();
    }
  }
  const source = Readable.from(all(), { objectMode: false });
  const { outgoing } = c.env;
  if (outgoing === undefined) {
    const body = through === undefined ? source : source.pipe(through());
    return new Response(Readable.toWeb(body) as ReadableStream, { status, headers });
  }
  outgoing.writeHead(status, headers);
  try {
    await (through === undefined ? pipeline(source, outgoing) : pipeline(source, through(), outgoing));
  } catch {
    // Whatever else ended it is the client's leaving, which is no failure.
    if (failure !== undefined) onFailure(failure.error);
  } finally {
    // Where the client left before anything was sent, the pipeline may not have begun with the body, nor ended it.
    await rest.return?.();
  }
  return RESPONSE_ALREADY_SENT;
}
