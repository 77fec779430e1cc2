import { statfs } from 'node:fs/promises';

import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';

const CHECK_INTERVAL_MS = 5000;
/** The same while there is too little: senders are waiting to be let in again. */
const SHORT_CHECK_INTERVAL_MS = 1000;

export interface FreeSpaceState {
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly reserveBytes: number;
  readonly isBelowReserve: boolean;
}

/** Watches the free space of the data folder's file system, so that input is refused before the disk is full. */
export interface FreeSpace {
  current(): FreeSpaceState;
  /**
   * Counts bytes that were just written against the last measurement: a fast sender fills gigabytes between two. Where
   * that leaves less than the reserve, it is measured at once.
   */
  consumed(bytes: number): void;
  /** Measures at once, because a write has failed. */
  remeasure(): void;
  stop(): void;
}

export interface FreeSpaceOptions {
  readonly dataDir: string;
  /** Free space below which nothing more is taken in. */
  readonly reserveBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Measures now and every few seconds; the change to short and back is logged once each. @throws where it cannot. */
export async function watchFreeSpace(options: FreeSpaceOptions): Promise<FreeSpace> {
  const { dataDir, reserveBytes, clock, logger } = options;
  const measure = async (): Promise<FreeSpaceState> => {
    const { bavail, blocks, bsize } = await statfs(dataDir);
    const freeBytes = bavail * bsize;
    return { freeBytes, totalBytes: blocks * bsize, reserveBytes, isBelowReserve: freeBytes < reserveBytes };
  };
  let state = await measure();
  let cancel: () => void = () => undefined;
  let isStopped = false;
  let isMeasuring = false;
  let isFailing = false;
  /** Written while a measurement was under way, which may have missed it. */
  let consumedMeanwhile = 0;

  const change = (next: FreeSpaceState): void => {
    const wasBelow = state.isBelowReserve;
    state = next;
    if (state.isBelowReserve !== wasBelow) report();
  };
  const report = (): void => {
    const fields = { freeBytes: state.freeBytes, reserveBytes };
    if (state.isBelowReserve)
      logger.error(fields, 'disk below its reserve: nothing more is accepted until space is freed');
    else logger.info(fields, 'disk has space again: accepting');
  };
  const check = async (): Promise<void> => {
    if (isMeasuring) return;
    isMeasuring = true;
    cancel();
    consumedMeanwhile = 0;
    try {
      const measured = await measure();
      change(less(measured, consumedMeanwhile));
      isFailing = false;
    } catch (error) {
      if (!isFailing) logger.error({ err: error }, 'free space cannot be measured; the last figure stands');
      isFailing = true;
    }
    isMeasuring = false;
    schedule();
  };
  const schedule = (): void => {
    if (isStopped) return;
    const intervalMs = state.isBelowReserve ? SHORT_CHECK_INTERVAL_MS : CHECK_INTERVAL_MS;
    cancel = clock.after(intervalMs, () => void check());
  };
  if (state.isBelowReserve) report();
  schedule();
  return {
    current: () => state,
    consumed(bytes) {
      consumedMeanwhile += bytes;
      const wasBelow = state.isBelowReserve;
      change(less(state, bytes));
      if (state.isBelowReserve && !wasBelow) void check();
    },
    remeasure: () => void check(),
    stop() {
      isStopped = true;
      cancel();
    },
  };
}

function less(state: FreeSpaceState, bytes: number): FreeSpaceState {
  const freeBytes = Math.max(0, state.freeBytes - bytes);
  return { ...state, freeBytes, isBelowReserve: freeBytes < state.reserveBytes };
}
