import type { Clock } from '../ports/clock.ts';
import type { InstanceStore } from '../ports/instance-store.ts';
import type { Logger } from '../ports/logger.ts';
import type { StudyIndex } from '../ports/study-index.ts';

const RELEASE_INTERVAL_MS = 1000;
/** Links that may wait; start-up recovery after power loss re-reads at most about so many objects. */
const MAX_WAITING = 1024;

export interface StagingReleaserOptions {
  readonly store: InstanceStore;
  readonly index: StudyIndex;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Drops the staging links of indexed objects once their index rows are on stable storage: first sync the index, then
 * unlink. Runs beside the ingest path, never in it.
 */
export class StagingReleaser {
  readonly #options: StagingReleaserOptions;
  #waiting: string[] = [];
  #cancelTimer: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(options: StagingReleaserOptions) {
    this.#options = options;
  }

  /** The object staged under this name is in the index. */
  add(stagingName: string): void {
    this.#waiting.push(stagingName);
    if (this.#waiting.length >= MAX_WAITING) this.#start();
    else this.#cancelTimer ??= this.#options.clock.after(RELEASE_INTERVAL_MS, () => this.#start());
  }

  /** Releases everything added so far. */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#running !== undefined) {
      this.#start();
      await this.#running;
    }
  }

  #start(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#running !== undefined || this.#waiting.length === 0) return;
    const names = this.#waiting;
    this.#waiting = [];
    this.#running = this.#release(names).finally(() => {
      this.#running = undefined;
      if (this.#waiting.length > 0)
        this.#cancelTimer ??= this.#options.clock.after(RELEASE_INTERVAL_MS, () => this.#start());
    });
  }

  async #release(names: readonly string[]): Promise<void> {
    try {
      await this.#options.index.sync();
      await this.#options.store.release(names);
    } catch (error) {
      // Harmless: the links stay, and the next start finds their objects indexed and drops them.
      this.#options.logger.warn(
        { err: error, links: names.length },
        'staging links could not be released yet',
      );
    }
  }
}
