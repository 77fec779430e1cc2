import { Buffer } from 'node:buffer';
import { createInflate, createInflateRaw } from 'node:zlib';
import { Readable, type Transform } from 'node:stream';

import { hasZlibHeader } from '../part10/inflate.ts';
import { PixelDataError, type RandomAccess } from './random-access.ts';

const READ_BYTES = 64 * 1024;
/** What a Data Set may inflate to. The work is done again whenever somebody reads backwards. */
const MAX_INFLATED_BYTES = 4 * 1024 ** 3;

/**
 * Reads what a deflated Data Set inflates to (PS3.5 A.5), in constant memory: forward reads go on where the last one
 * ended, a backward one begins anew. One read at a time.
 */
export class InflatedAccess implements RandomAccess {
  readonly #source: RandomAccess;
  readonly #start: number;
  #stream: Transform | undefined;
  #chunks: AsyncIterator<Buffer> | undefined;
  #chunk: Buffer | undefined;
  /** Of the chunk in what is inflated. */
  #chunkStart = 0;

  /** @param start where the deflated Data Set begins in the source. */
  constructor(source: RandomAccess, start: number) {
    this.#source = source;
    this.#start = start;
  }

  async read(target: Buffer, position: number): Promise<number> {
    if (position < this.#chunkStart) this.close();
    if (position > MAX_INFLATED_BYTES)
      throw new PixelDataError('unsupported', 'The Data Set inflates to more than 4 GiB.');
    this.#chunks ??= await this.#inflate();
    for (;;) {
      const chunk = this.#chunk;
      const offset = position - this.#chunkStart;
      if (chunk !== undefined && offset < chunk.length) return chunk.copy(target, 0, offset);
      const next = await this.#nextChunk(this.#chunks);
      if (next === undefined) return 0;
      this.#chunkStart += chunk?.length ?? 0;
      this.#chunk = next;
    }
  }

  /** Lets go of the memory; a later read begins anew. */
  close(): void {
    this.#stream?.destroy();
    this.#stream = undefined;
    this.#chunks = undefined;
    this.#chunk = undefined;
    this.#chunkStart = 0;
  }

  async #nextChunk(chunks: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
    try {
      const next = await chunks.next();
      return next.done === true ? undefined : next.value;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (typeof code === 'string' && code.startsWith('Z_'))
        throw new PixelDataError('damaged', 'The deflated Data Set is cut off or damaged.', { cause: error });
      throw error;
    }
  }

  async #inflate(): Promise<AsyncIterator<Buffer>> {
    const head = Buffer.alloc(8);
    const read = await this.#source.read(head, this.#start);
    const inflate = hasZlibHeader(head.subarray(0, read)) ? createInflate() : createInflateRaw();
    this.#stream = inflate;
    const deflated = Readable.from(this.#deflated(), { objectMode: false });
    deflated.on('error', (error) => inflate.destroy(error));
    inflate.on('close', () => deflated.destroy());
    return deflated.pipe(inflate)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async *#deflated(): AsyncGenerator<Buffer, void, undefined> {
    for (let position = this.#start; ;) {
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      const bytes = await this.#source.read(buffer, position);
      if (bytes === 0) return;
      position += bytes;
      yield buffer.subarray(0, bytes);
    }
  }
}
