import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;

/**
 * Waits for a state of another process that no event tells of. @returns the first value that is not undefined.
 * @throws Error naming `what` when `timeoutMs` has passed.
 */
export async function waitUntil<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 30_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error(`still not so after ${timeoutMs} ms: ${what}`);
    await delay(POLL_MS);
  }
}
