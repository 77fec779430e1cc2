import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { HttpProblem } from '../errors.ts';

/** A hundredth of what an old DSL line sends. */
export const MIN_BYTES_PER_SECOND = 1024;

/**
 * The bytes of a request's body as they arrive, no faster than they are taken. Leaves the connection open where they are
 * not read to their end, so that the request can still be answered.
 * @param idleTimeoutMs how long the sender may be silent while bytes are waited for. Over as long a time of waiting, it
 * must send {@link MIN_BYTES_PER_SECOND} on average: otherwise a byte now and then would keep a request for ever.
 * @throws HttpProblem 408 for a sender that is silent or slow too long; Node's error where the connection breaks.
 */
export async function* readRequest(
  incoming: Pick<IncomingMessage, 'iterator'>,
  idleTimeoutMs: number,
): AsyncGenerator<Buffer, void> {
  // Of the time in which nobody but the sender is waited for.
  let waitedMs = 0;
  let bytes = 0;
  const chunks = incoming.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  try {
    for (;;) {
      const reading = chunks.next();
      reading.catch(() => undefined);
      const since = performance.now();
      const next = await within(reading, idleTimeoutMs);
      if (next.done === true) return;
      waitedMs += performance.now() - since;
      bytes += next.value.length;
      if (waitedMs >= idleTimeoutMs) {
        if (bytes < (MIN_BYTES_PER_SECOND * waitedMs) / 1000)
          throw bodyTimeout(`Less than ${MIN_BYTES_PER_SECOND} bytes a second came.`);
        waitedMs = 0;
        bytes = 0;
      }
      yield next.value;
    }
  } finally {
    // Not awaited: it waits for a read under way, which may never end. That one fails when the connection does.
    chunks.return?.().catch(() => undefined);
  }
}

function bodyTimeout(detail: string): HttpProblem {
  return new HttpProblem(408, { code: 'body-timeout', detail, headers: { Connection: 'close' } });
}

async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(bodyTimeout(`Nothing came for ${timeoutMs / 1000} seconds.`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
