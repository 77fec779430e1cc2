import { Buffer } from 'node:buffer';

/** Bytes that can be read at any place: an opened object, or what its deflated Data Set inflates to. */
export interface RandomAccess {
  /** Reads into `target`; @returns bytes read, which may be fewer than asked for; 0 at the end. */
  read(target: Buffer, position: number): Promise<number>;
}

/** Why the frames of an object cannot be had. The message names tags and numbers only. */
export class PixelDataError extends Error {
  override readonly name = 'PixelDataError';
  /**
   * `no-pixel-data`: it is no image; `unsupported`: its pixels are not in frames that can be told apart (video, an
   * unknown bit layout); `damaged`: it contradicts itself or ends too soon.
   */
  readonly code: 'no-pixel-data' | 'unsupported' | 'damaged';
  constructor(code: PixelDataError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const SMALL_WINDOW_BYTES = 512;
const LARGE_WINDOW_BYTES = 64 * 1024;

/**
 * Reads small pieces through a window, which is wide while the pieces lie close together and narrow while they are far
 * apart, as the headers of fragments are.
 */
export class WindowReader {
  readonly #source: RandomAccess;
  readonly #buffer = Buffer.allocUnsafeSlow(LARGE_WINDOW_BYTES);
  #start = 0;
  #length = 0;

  constructor(source: RandomAccess) {
    this.#source = source;
  }

  /**
   * @param length at most 64 KiB.
   * @returns the bytes from `position` on, fewer than `length` only where the source ends. Good until the next call.
   */
  async at(position: number, length: number): Promise<Buffer> {
    const offset = position - this.#start;
    if (offset >= 0 && offset + length <= this.#length) return this.#buffer.subarray(offset, offset + length);
    const isNear = offset >= 0 && offset < this.#length + SMALL_WINDOW_BYTES;
    const wanted = Math.max(length, isNear ? LARGE_WINDOW_BYTES : SMALL_WINDOW_BYTES);
    this.#length = await readFully(this.#source, this.#buffer.subarray(0, wanted), position);
    this.#start = position;
    return this.#buffer.subarray(0, Math.min(length, this.#length));
  }
}

/** Reads until `target` is full or the source ends. @returns bytes read. */
export async function readFully(source: RandomAccess, target: Buffer, position: number): Promise<number> {
  let filled = 0;
  while (filled < target.length) {
    const bytes = await source.read(filled === 0 ? target : target.subarray(filled), position + filled);
    if (bytes === 0) break;
    filled += bytes;
  }
  return filled;
}
