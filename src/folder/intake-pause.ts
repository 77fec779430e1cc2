import type PQueue from 'p-queue';

import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import { StoreError } from '../core/ports/instance-store.ts';
import { errorCode } from './source-file.ts';

const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 60_000;
const SHORT_OF_SPACE = new Set(['ENOSPC', 'EDQUOT']);

export interface IntakePauseOptions {
  /** What is held back. */
  readonly queue: PQueue;
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Holds the work of a folder back while nothing can be stored, longer each time, until something was. */
export class IntakePause {
  readonly #options: IntakePauseOptions;
  #pauseMs = 0;
  #reason: string | undefined;
  #cancel: (() => void) | undefined;

  constructor(options: IntakePauseOptions) {
    this.#options = options;
  }

  /** Why nothing is taken at the moment, if that is so. */
  get reason(): string | undefined {
    return this.#reason === undefined ? undefined : `paused: ${this.#reason}`;
  }

  begin(reason: string): void {
    if (this.#cancel !== undefined) return;
    const { clock, logger, folder, queue } = this.#options;
    if (this.#pauseMs === 0)
      logger.error({ folder, reason }, 'watched folder pauses until there is space again');
    this.#pauseMs = Math.min(MAX_PAUSE_MS, this.#pauseMs === 0 ? FIRST_PAUSE_MS : this.#pauseMs * 2);
    this.#reason = reason;
    queue.pause();
    this.#cancel = clock.after(this.#pauseMs, () => {
      this.#cancel = undefined;
      queue.start();
    });
  }

  /** Something was stored. What was under way when the pause began says nothing of the space there is now. */
  recovered(): void {
    this.#end('watched folder goes on: there is space again');
  }

  /** Nothing waits any more that could not be stored. */
  nothingWaits(): void {
    this.#end('watched folder goes on: nothing is waiting for space any more');
  }

  #end(message: string): void {
    if (this.#reason === undefined || this.#cancel !== undefined) return;
    this.#reason = undefined;
    this.#pauseMs = 0;
    this.#options.logger.info({ folder: this.#options.folder }, message);
  }

  /** Holds nothing back any more. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}

/** Whether a write failed because a disk is full, or the index cannot grow: it concerns every file, and passes. */
export function isShortOfSpace(error: unknown): boolean {
  if (error instanceof StoreError) return error.code === 'out-of-resources';
  return SHORT_OF_SPACE.has(errorCode(error));
}

/** What failed, for people: without paths, which may name patients. */
export function failureText(error: unknown): string {
  return error instanceof StoreError ? error.message : errorCode(error);
}
