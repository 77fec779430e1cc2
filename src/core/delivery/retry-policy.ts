/** How fast attempts thin out. */
export interface BackoffOptions {
  /** Bound of the first delay, milliseconds; it doubles with each attempt. */
  readonly baseMs: number;
  /** Bound of every delay that no server asked for, milliseconds. */
  readonly capMs: number;
}

/** Fast enough for a lost packet; slow enough that a thousand studies waiting out an outage ask about twice a second. */
export const DEFAULT_BACKOFF: BackoffOptions = { baseMs: 2_000, capMs: 600_000 };

export interface RetryDelayInput {
  /** Attempts made so far, at least 1. */
  readonly attempts: number;
  /** What the server asked for, milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** Never sooner than this, milliseconds; default 0. */
  readonly minimumMs?: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly backoff?: BackoffOptions;
}

/**
 * Milliseconds until the next attempt: exponential back-off with full jitter, so that studies which failed together
 * do not return together. What the server asked for is a lower bound; the jitter then comes on top of it.
 */
export function retryDelay(input: RetryDelayInput): number {
  const { attempts, retryAfterMs, minimumMs = 0, random, backoff = DEFAULT_BACKOFF } = input;
  const bound = Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.max(attempts - 1, 0));
  const jittered = random() * bound;
  if (retryAfterMs === undefined) return Math.max(Math.round(jittered), minimumMs);
  return Math.max(Math.round(retryAfterMs + Math.min(jittered, backoff.baseMs)), minimumMs);
}
