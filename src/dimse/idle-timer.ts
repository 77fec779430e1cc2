import type { Clock } from '../core/ports/clock.ts';

export interface IdleTimer {
  /** Something was heard. */
  touch(): void;
  stop(): void;
}

export interface IdleTimerOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Silence counts only while this holds. */
  readonly isPeersTurn: () => boolean;
  readonly onIdle: () => void;
}

/** How often per timeout the timer looks, so that a read costs one assignment rather than a timer. */
const CHECKS = 4;

/** Calls `onIdle` once after the peer was silent for `timeoutMs` (up to a quarter longer). Starts at once. */
export function createIdleTimer({ clock, timeoutMs, isPeersTurn, onIdle }: IdleTimerOptions): IdleTimer {
  let wasTouched = false;
  let quietChecks = 0;
  let cancel = next();

  function next(): () => void {
    return clock.after(timeoutMs / CHECKS, () => {
      quietChecks = wasTouched || !isPeersTurn() ? 0 : quietChecks + 1;
      wasTouched = false;
      if (quietChecks >= CHECKS) onIdle();
      else cancel = next();
    });
  }

  return {
    touch: () => (wasTouched = true),
    stop: () => cancel(),
  };
}
