/** As much as a socket reads at once; see fixed-read-buffer.ts. */
const SPARE_BYTES = 256 * 1024;
/** Kept for the next who need it (4 MiB). */
const MAX_SPARES = 16;
/** Fewer bytes are copied into memory of their own, which V8 has cheaply. */
const MIN_BYTES = 64 * 1024;

/** A copy of bytes whose own memory is about to be used again. */
export interface HeldBytes {
  readonly bytes: Buffer;
  /** Where they lie, if that is to be given back. */
  readonly memory?: Buffer;
}

/**
 * Memory for what has to wait before it is read. Where senders are faster than the disk that is most of what they send:
 * fresh memory for each piece would fill the process with what V8 has yet to collect.
 */
export class SpareMemory {
  readonly #spares: Buffer[] = [];

  hold(bytes: Buffer): HeldBytes {
    if (bytes.length < MIN_BYTES || bytes.length > SPARE_BYTES) return { bytes: Buffer.from(bytes) };
    const memory = this.#spares.pop() ?? Buffer.allocUnsafeSlow(SPARE_BYTES);
    bytes.copy(memory);
    return { bytes: memory.subarray(0, bytes.length), memory };
  }

  /** Nobody reads them any more. */
  giveBack({ memory }: HeldBytes): void {
    if (memory !== undefined && this.#spares.length < MAX_SPARES) this.#spares.push(memory);
  }
}
