import type { Clock } from '../../core/ports/clock.ts';

const WINDOW_MS = 10 * 60_000;
const MAX_FAILURES_PER_PEER = 8;
/** From all addresses together: a guess from many machines is still a guess. */
const MAX_FAILURES = 200;
const MAX_PEERS = 10_000;

/** Counts failed logins; the right token is not asked for while there are too many. */
export interface LoginLimit {
  /** Seconds to wait; 0: go on. */
  retryAfterSeconds(peerAddress: string): number;
  failed(peerAddress: string): void;
  succeeded(peerAddress: string): void;
}

/** Eight failures of an address, or two hundred of all, within ten minutes; then the ten minutes must pass. */
export function createLoginLimit(clock: Pick<Clock, 'now'>): LoginLimit {
  let windowEndsAt = -Infinity;
  let total = 0;
  const failures = new Map<string, number>();
  const turn = (): void => {
    if (clock.now() < windowEndsAt) return;
    windowEndsAt = clock.now() + WINDOW_MS;
    total = 0;
    failures.clear();
  };
  return {
    retryAfterSeconds(peerAddress) {
      turn();
      const isOver = total >= MAX_FAILURES || (failures.get(peerAddress) ?? 0) >= MAX_FAILURES_PER_PEER;
      return isOver ? Math.ceil((windowEndsAt - clock.now()) / 1000) : 0;
    },
    failed(peerAddress) {
      turn();
      total += 1;
      if (failures.size < MAX_PEERS || failures.has(peerAddress))
        failures.set(peerAddress, (failures.get(peerAddress) ?? 0) + 1);
    },
    succeeded(peerAddress) {
      failures.delete(peerAddress);
    },
  };
}
