import { Buffer } from 'node:buffer';

import type { ByteSource } from '../ports/byte-source.ts';
import { type FileKind, identifyFile } from './identify-file.ts';

/**
 * A source whose first bytes have been looked at. The first {@link SourceReader.from} goes on where the look ended, so
 * that a file which is what it seems to be is read once.
 */
export class SourceReader {
  readonly kind: FileKind;
  readonly #source: ByteSource;
  #head: Buffer | undefined;
  #rest: AsyncIterator<Buffer>;

  private constructor(source: ByteSource, kind: FileKind, head: Buffer, rest: AsyncIterator<Buffer>) {
    this.#source = source;
    this.kind = kind;
    this.#head = head;
    this.#rest = rest;
  }

  /** Reads as much as it takes to tell what the source is. @throws SourceError */
  static async open(source: ByteSource): Promise<SourceReader> {
    const rest = source.read()[Symbol.asyncIterator]();
    try {
      let head: Buffer = Buffer.alloc(0);
      for (;;) {
        const next = await rest.next();
        if (next.done !== true) head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
        const kind = identifyFile(head, next.done === true);
        if (kind.kind !== 'needs-more') return new SourceReader(source, kind, head, rest);
      }
    } catch (error) {
      await rest.return?.();
      throw error;
    }
  }

  /** The bytes from `offset` on. @throws SourceError while iterating. */
  async *from(offset: number): AsyncGenerator<Buffer, void, undefined> {
    let toSkip = offset;
    for await (const chunk of this.#chunks()) {
      const kept = toSkip < chunk.length ? chunk.subarray(toSkip) : undefined;
      toSkip = Math.max(0, toSkip - chunk.length);
      if (kept !== undefined && kept.length > 0) yield kept;
    }
  }

  /** Lets go of the source. */
  async close(): Promise<void> {
    this.#head = undefined;
    await this.#rest.return?.();
  }

  async *#chunks(): AsyncGenerator<Buffer, void, undefined> {
    const head = this.#head;
    this.#head = undefined;
    if (head === undefined) this.#rest = this.#source.read()[Symbol.asyncIterator]();
    const rest = this.#rest;
    try {
      if (head !== undefined) yield head;
      for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
    } finally {
      await rest.return?.();
    }
  }
}
