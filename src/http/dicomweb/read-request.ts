import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { HttpProblem } from '../errors.ts';

/**
 * The bytes of a request's body as they arrive, no faster than they are taken. Leaves the connection open where they are
 * not read to their end, so that the request can still be answered.
 * @param idleTimeoutMs how long the sender may be silent while bytes are waited for.
 * @throws HttpProblem 408 for a sender that is silent too long; Node's error where the connection breaks.
 */
export async function* readRequest(
  incoming: IncomingMessage,
  idleTimeoutMs: number,
): AsyncGenerator<Buffer, void> {
  const chunks = incoming.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  try {
    for (;;) {
      const reading = chunks.next();
      reading.catch(() => undefined);
      const next = await within(reading, idleTimeoutMs);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not awaited: it waits for a read under way, which may never end. That one fails when the connection does.
    chunks.return?.().catch(() => undefined);
  }
}

async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(
        new HttpProblem(408, {
          code: 'body-timeout',
          detail: `Nothing came for ${timeoutMs / 1000} seconds.`,
          headers: { Connection: 'close' },
        }),
      );
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
