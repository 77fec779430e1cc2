/** What came in lately, per second. */
export interface IntakeRate {
  readonly imagesPerSecond: number;
  readonly bytesPerSecond: number;
  /** When the last image came since the start of the process; milliseconds since 1970. */
  readonly lastImageAt?: number;
}

const WINDOW_SECONDS = 10;

/** Counts images and bytes over the last ten seconds. */
export class IntakeRateMeter {
  readonly #images = new Array<number>(WINDOW_SECONDS).fill(0);
  readonly #bytes = new Array<number>(WINDOW_SECONDS).fill(0);
  #second = 0;
  #lastImageAt: number | undefined;

  /** @param at milliseconds since 1970. */
  count(at: number, bytes: number): void {
    const slot = this.#moveTo(at);
    this.#images[slot] = (this.#images[slot] ?? 0) + 1;
    this.#bytes[slot] = (this.#bytes[slot] ?? 0) + bytes;
    this.#lastImageAt = at;
  }

  rate(now: number): IntakeRate {
    this.#moveTo(now);
    const mean = (counts: readonly number[]): number =>
      counts.reduce((sum, count) => sum + count, 0) / WINDOW_SECONDS;
    return {
      imagesPerSecond: mean(this.#images),
      bytesPerSecond: mean(this.#bytes),
      ...(this.#lastImageAt !== undefined && { lastImageAt: this.#lastImageAt }),
    };
  }

  /** Empties the seconds that have passed. @returns the slot of the time. */
  #moveTo(at: number): number {
    const second = Math.floor(at / 1000);
    const first = Math.max(this.#second + 1, second - WINDOW_SECONDS + 1);
    for (let passed = first; passed <= second; passed += 1) {
      this.#images[passed % WINDOW_SECONDS] = 0;
      this.#bytes[passed % WINDOW_SECONDS] = 0;
    }
    // A clock that was set back counts where it stood.
    this.#second = Math.max(this.#second, second);
    return this.#second % WINDOW_SECONDS;
  }
}
