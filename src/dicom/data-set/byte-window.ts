import { Buffer } from 'node:buffer';

/** Bytes that can be read at any place and at once: a file in a worker thread, or a buffer. */
export interface ReadableBytes {
  readonly length: number;
  /** Reads into `target`; @returns bytes read, which may be fewer than asked for; 0 at the end. */
  read(target: Buffer, position: number): number;
}

/** Of the first read: most headers of images end within. */
const FIRST_BYTES = 8 * 1024;
const WIDE_BYTES = 32 * 1024;
const NARROW_BYTES = 512;

/** The bytes of a buffer. */
export function readableBuffer(bytes: Buffer): ReadableBytes {
  return { length: bytes.length, read: (target, position) => bytes.copy(target, 0, position) };
}

/**
 * Reads pieces through a window, which is wide while they lie close together and narrow while they are far apart, as
 * the headers of fragments are. One window can serve one object after the other.
 */
export class ByteWindow {
  readonly #buffer = Buffer.allocUnsafeSlow(WIDE_BYTES);
  #source: ReadableBytes = { length: 0, read: () => 0 };
  #start = 0;
  #length = 0;

  /** Turns to another object. */
  open(source: ReadableBytes): void {
    this.#source = source;
    this.#start = 0;
    this.#length = 0;
  }

  /** Of the object, in bytes. */
  get length(): number {
    return this.#source.length;
  }

  /** @returns the bytes from `position` on, fewer than `length` only at the end. Good until the next call. */
  at(position: number, length: number): Buffer {
    const offset = position - this.#start;
    if (offset >= 0 && offset + length <= this.#length) return this.#buffer.subarray(offset, offset + length);
    const wanted = Math.max(0, Math.min(length, this.#source.length - position));
    if (wanted > WIDE_BYTES) {
      const large = Buffer.allocUnsafe(wanted);
      return large.subarray(0, this.#read(large, position));
    }
    const isNear = offset >= 0 && offset < this.#length + NARROW_BYTES;
    const usual = this.#length === 0 ? FIRST_BYTES : isNear ? WIDE_BYTES : NARROW_BYTES;
    const span = Math.max(wanted, usual);
    this.#length = this.#read(this.#buffer.subarray(0, span), position);
    this.#start = position;
    return this.#buffer.subarray(0, Math.min(wanted, this.#length));
  }

  #read(target: Buffer, position: number): number {
    let filled = 0;
    while (filled < target.length) {
      const bytes = this.#source.read(filled === 0 ? target : target.subarray(filled), position + filled);
      if (bytes === 0) break;
      filled += bytes;
    }
    return filled;
  }
}
