import { statfs } from 'node:fs/promises';

import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';

const CHECK_INTERVAL_MS = 5000;

export interface FreeSpaceState {
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly reserveBytes: number;
  readonly isBelowReserve: boolean;
}

/** Watches the free space of the data folder's file system, so that input is refused before the disk is full. */
export interface FreeSpace {
  current(): FreeSpaceState;
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
  let isFailing = false;

  const report = (before: FreeSpaceState | undefined): void => {
    if (state.isBelowReserve === (before?.isBelowReserve ?? false)) return;
    const fields = { freeBytes: state.freeBytes, reserveBytes };
    if (state.isBelowReserve)
      logger.error(fields, 'disk below its reserve: nothing more is accepted until space is freed');
    else logger.info(fields, 'disk has space again: accepting');
  };
  const check = async (): Promise<void> => {
    const before = state;
    try {
      state = await measure();
      report(before);
      isFailing = false;
    } catch (error) {
      if (!isFailing) logger.error({ err: error }, 'free space cannot be measured; the last figure stands');
      isFailing = true;
    }
    schedule();
  };
  const schedule = (): void => {
    cancel = clock.after(CHECK_INTERVAL_MS, () => void check());
  };
  report(undefined);
  schedule();
  return {
    current: () => state,
    stop() {
      cancel();
      cancel = () => undefined;
    },
  };
}
