import type { Logger } from '../core/ports/logger.ts';

/** What has been opened, to be closed in reverse order whatever happens in between. */
export class Lifecycle {
  readonly #logger: Logger;
  readonly #open: { readonly name: string; readonly close: () => unknown }[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Notes how to close `part`. @returns it */
  opened<T>(name: string, part: T, close: (part: T) => unknown): T {
    this.#open.push({ name, close: () => close(part) });
    return part;
  }

  /** Closes everything, latest first. One part that fails does not keep the others open. */
  async close(): Promise<void> {
    for (let part = this.#open.pop(); part !== undefined; part = this.#open.pop()) {
      try {
        await part.close();
      } catch (error) {
        this.#logger.error({ err: error, part: part.name }, 'a part could not be closed cleanly');
      }
    }
  }
}
