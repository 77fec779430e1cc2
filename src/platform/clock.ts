/** Longest delay that `setTimeout` takes, milliseconds; longer ones would fire at once. */
const MAX_TIMEOUT_MS = 2_147_483_647;

/** The machine's time; implements the clock port of core. */
export interface SystemClock {
  /** Wall clock, milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Runs `callback` once after `delayMs`; the returned function cancels it. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): () => void;
}

export function createSystemClock(): SystemClock {
  function after(delayMs: number, callback: () => void): () => void {
    let timer: NodeJS.Timeout;
    const wait = (remainingMs: number): void => {
      const stepMs = Math.min(Math.max(0, remainingMs), MAX_TIMEOUT_MS);
      timer = setTimeout(() => {
        if (remainingMs > stepMs) wait(remainingMs - stepMs);
        else callback();
      }, stepMs);
      timer.unref();
    };
    wait(delayMs);
    return () => clearTimeout(timer);
  }
  return { now: () => Date.now(), after };
}
