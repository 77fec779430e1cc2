import { PassThrough, Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { MIN_BYTES_PER_SECOND, readRequest } from './read-request.ts';

const IDLE_MS = 100;

async function readAll(body: Readable, betweenMs = 0): Promise<number> {
  let bytes = 0;
  for await (const chunk of readRequest(body, IDLE_MS)) {
    bytes += chunk.length;
    if (betweenMs > 0) await delay(betweenMs);
  }
  return bytes;
}

/** Sends pieces for ever, a while apart. */
async function* trickle(bytes: number, everyMs: number): AsyncGenerator<Buffer, void> {
  for (;;) {
    yield Buffer.alloc(bytes);
    await delay(everyMs);
  }
}

it('gives up a sender that is silent', async () => {
  await expect(readAll(new PassThrough())).rejects.toMatchObject({ status: 408, code: 'body-timeout' });
});

it('gives up a sender of a byte now and then, who is never silent for long', async () => {
  const body = Readable.from(trickle(1, IDLE_MS / 10), { objectMode: false });
  await expect(readAll(body)).rejects.toMatchObject({
    status: 408,
    message: `Less than ${MIN_BYTES_PER_SECOND} bytes a second came.`,
  });
});

it('takes its own time without blaming the sender', async () => {
  const pieces = Array.from({ length: 8 }, () => Buffer.alloc(1));
  expect(await readAll(Readable.from(pieces, { objectMode: false, highWaterMark: 1 }), IDLE_MS / 2)).toBe(8);
});
