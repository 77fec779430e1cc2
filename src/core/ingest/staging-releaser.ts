import type { Clock } from '../ports/clock.ts';
import type { InstanceStore } from '../ports/instance-store.ts';
import type { Logger } from '../ports/logger.ts';
import type { StudyIndex } from '../ports/study-index.ts';

const RELEASE_INTERVAL_MS = 1000;
/** Links that may wait; start-up recovery after power loss re-reads at most about so many objects. */
const MAX_WAITING = 1024;
/** How long a release that failed rests. */
const RETRY_INTERVAL_MS = 10_000;
/** Links that are tried again while releases fail; what is beyond is left to the next start. */
const MAX_KEPT = 65_536;

export interface StagingReleaserOptions {
  readonly store: Pick<InstanceStore, 'release'>;
  readonly index: Pick<StudyIndex, 'sync'>;
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
  /** Of the last release, where it failed. */
  #failure: Error | undefined;

  constructor(options: StagingReleaserOptions) {
    this.#options = options;
  }

  /** The object staged under this name is in the index. */
  add(stagingName: string): void {
    this.#waiting.push(stagingName);
    if (this.#waiting.length >= MAX_WAITING && this.#failure === undefined) this.#start();
    else this.#schedule();
  }

  /**
   * Releases everything added so far.
   * @throws what kept the links from being released; they are tried again later. Until then their objects would come
   *   back at the next start.
   */
  async flush(): Promise<void> {
    await this.#running;
    while (this.#waiting.length > 0) {
      this.#start();
      await this.#running;
      if (this.#failure !== undefined) throw this.#failure;
    }
  }

  #schedule(): void {
    const delayMs = this.#failure === undefined ? RELEASE_INTERVAL_MS : RETRY_INTERVAL_MS;
    this.#cancelTimer ??= this.#options.clock.after(delayMs, () => this.#start());
  }

  #start(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#running !== undefined || this.#waiting.length === 0) return;
    const names = this.#waiting;
    this.#waiting = [];
    this.#running = this.#release(names).finally(() => {
      this.#running = undefined;
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  async #release(names: readonly string[]): Promise<void> {
    const { index, store, logger } = this.#options;
    try {
      await index.sync();
      await store.release(names);
      if (this.#failure !== undefined)
        logger.info({ links: names.length }, 'staging links are released again');
      this.#failure = undefined;
    } catch (error) {
      // Harmless to what is stored: the next start, too, finds the objects indexed and drops the links.
      if (this.#failure === undefined)
        logger.warn({ err: error, links: names.length }, 'staging links could not be released yet');
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#waiting = [...names, ...this.#waiting].slice(-MAX_KEPT);
    }
  }
}
