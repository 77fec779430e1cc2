import type { Clock } from '../../src/core/ports/clock.ts';

/** A clock that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** Moves time on and runs what falls due, in order. */
  advance(byMs: number): void;
  /** As {@link advance}, letting each callback's asynchronous consequences finish before the next. */
  advanceAsync(byMs: number): Promise<void>;
  /** Sets the wall clock back; timers keep their remaining time. */
  setBack(byMs: number): void;
  /** Timers waiting. */
  readonly pending: number;
}

/** Turns of the event loop that a promise chain with a database write in it may take. */
const SETTLING_TURNS = 5;

async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLING_TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** @param startAt milliseconds since 1970 UTC; default 2026-01-01T00:00:00Z. */
export function createFakeClock(startAt = Date.UTC(2026, 0, 1)): FakeClock {
  let elapsed = 0;
  let offset = startAt;
  const timers = new Set<{ at: number; callback: () => void }>();
  const runNext = (end: number): boolean => {
    const next = [...timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
    if (next === undefined) return false;
    timers.delete(next);
    elapsed = Math.max(elapsed, next.at);
    next.callback();
    return true;
  };

  return {
    now: () => offset + elapsed,
    after(delayMs, callback) {
      const timer = { at: elapsed + delayMs, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance(byMs) {
      const end = elapsed + byMs;
      while (runNext(end));
      elapsed = end;
    },
    async advanceAsync(byMs) {
      const end = elapsed + byMs;
      await settle();
      while (runNext(end)) await settle();
      elapsed = end;
    },
    setBack(byMs) {
      offset -= byMs;
    },
    get pending() {
      return timers.size;
    },
  };
}
