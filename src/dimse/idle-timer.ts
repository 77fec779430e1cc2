import type { Clock } from '../core/ports/clock.ts';

export interface IdleTimer {
  /** So much was heard. */
  touch(bytes: number): void;
  /** We held the peer back: what it did not send meanwhile is not held against it. */
  excuse(): void;
  stop(): void;
}

export interface IdleTimerOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Slowest transfer that is put up with inside a message; 0 puts up with any. */
  readonly minBytesPerSecond: number;
  /** Silence counts only while this holds. */
  readonly isPeersTurn: () => boolean;
  /** Tells messages apart: another number for each, undefined between them. */
  readonly messageUnderWay: () => number | undefined;
  readonly onIdle: (why: IdleReason) => void;
}

/** Nothing was heard; or some, but too little for the message that was under way all the time. */
export type IdleReason = 'silent' | 'slow';

/** How often per timeout the timer looks, so that a read costs one addition rather than a timer. */
const CHECKS = 4;

/**
 * Calls `onIdle` once after the peer was silent for `timeoutMs` (up to a quarter longer), or crept for as long: one that
 * sends a byte now and then inside a message would otherwise hold its Association for ever. A peer creeps in a quarter
 * of the timeout that began and ended in the same message and brought less than `minBytesPerSecond` on average.
 * Starts at once.
 */
export function createIdleTimer(options: IdleTimerOptions): IdleTimer {
  const { clock, timeoutMs, minBytesPerSecond, isPeersTurn, messageUnderWay, onIdle } = options;
  const minBytes = (minBytesPerSecond * timeoutMs) / 1000 / CHECKS;
  let heard = 0;
  let isExcused = false;
  let poorChecks = 0;
  let heardInPoorChecks = 0;
  let messageBefore = messageUnderWay();
  let cancel = next();

  function next(): () => void {
    return clock.after(timeoutMs / CHECKS, check);
  }

  function check(): void {
    const message = messageUnderWay();
    const isSameMessage = message !== undefined && message === messageBefore;
    const isPoor = heard === 0 || (isSameMessage && heard < minBytes);
    if (isPoor && !isExcused && isPeersTurn()) {
      poorChecks += 1;
      heardInPoorChecks += heard;
    } else poorChecks = heardInPoorChecks = 0;
    messageBefore = message;
    heard = 0;
    isExcused = false;
    if (poorChecks >= CHECKS) onIdle(heardInPoorChecks === 0 ? 'silent' : 'slow');
    else cancel = next();
  }

  return {
    touch(bytes) {
      heard += bytes;
    },
    excuse() {
      isExcused = true;
    },
    stop: () => cancel(),
  };
}
