import type { Buffer } from 'node:buffer';
import { MultipartTokenizer } from './multipart-tokenizer.ts';
import type { MultipartEvent } from './multipart-tokenizer.ts';

/** One part of a multipart body. */
export interface IncomingPart {
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** Its content as it arrives; to be read once, and not after the next part was asked for. */
  readonly body: AsyncIterable<Buffer>;
  /** Resolves when nobody reads the content any more. */
  readonly read: Promise<void>;
}

/** Reads a multipart body part by part, no faster than its parts are read. */
export class MultipartReader {
  readonly #source: AsyncIterator<Buffer>;
  readonly #tokenizer: MultipartTokenizer;
  #events: readonly MultipartEvent[] = [];
  #next = 0;

  /** @throws MultipartError for a boundary that none can be. */
  constructor(source: AsyncIterable<Buffer>, boundary: string) {
    this.#tokenizer = new MultipartTokenizer(boundary);
    this.#source = source[Symbol.asyncIterator]();
  }

  /**
   * Passes over what is left of the last part.
   * @returns undefined at the end of the body.
   * @throws MultipartError, or what the source throws.
   */
  async next(): Promise<IncomingPart | undefined> {
    for (;;) {
      const event = await this.#event();
      if (event.kind === 'end') return undefined;
      if (event.kind !== 'part') continue;
      let isRead = (): void => undefined;
      const read = new Promise<void>((resolve) => {
        isRead = resolve;
      });
      return { headers: event.headers, body: this.#body(isRead), read };
    }
  }

  async *#body(isRead: () => void): AsyncGenerator<Buffer, void> {
    try {
      for (;;) {
        const event = await this.#event();
        if (event.kind !== 'data') return;
        yield event.bytes;
      }
    } finally {
      isRead();
    }
  }

  async #event(): Promise<MultipartEvent> {
    for (;;) {
      const event = this.#events[this.#next];
      if (event !== undefined) {
        this.#next += 1;
        return event;
      }
      const chunk = await this.#source.next();
      if (chunk.done === true) this.#tokenizer.end();
      this.#events = chunk.done === true ? [{ kind: 'end' }] : this.#tokenizer.push(chunk.value);
      this.#next = 0;
    }
  }
}
