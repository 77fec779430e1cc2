/** Large enough for one read of most single-frame objects. */
export const LARGE_BUFFER_BYTES = 1_048_576;
const SMALL_BUFFER_BYTES = 65_536;
const MAX_LARGE_BUFFERS = 32;

/** A buffer on loan. */
export interface PooledBuffer {
  readonly bytes: Buffer;
  /** Gives the buffer back; only once nothing reads or writes it any more. */
  release(): void;
  /** Leaves the buffer to the garbage collector: something may still be using it. */
  abandon(): void;
}

export type BufferPool = ReturnType<typeof createBufferPool>;

/**
 * Lends large buffers, as many as `maxLargeBuffers`, and small ones beyond that: slow clients then cost 64 KiB each
 * rather than 1 MiB, and nobody waits for them.
 */
export function createBufferPool({ maxLargeBuffers = MAX_LARGE_BUFFERS }: { maxLargeBuffers?: number } = {}) {
  const free: Buffer[] = [];
  let onLoan = 0;

  const lend = (bytes: Buffer): PooledBuffer => {
    onLoan += 1;
    return {
      bytes,
      release() {
        onLoan -= 1;
        free.push(bytes);
      },
      abandon() {
        onLoan -= 1;
      },
    };
  };
  return {
    /** Large buffers in use now. */
    get onLoan(): number {
      return onLoan;
    },
    /** @param wanted bytes; the buffer may be smaller or larger. */
    take(wanted: number): PooledBuffer {
      if (wanted > SMALL_BUFFER_BYTES && onLoan < maxLargeBuffers)
        return lend(free.pop() ?? Buffer.allocUnsafeSlow(LARGE_BUFFER_BYTES));
      const bytes = Buffer.allocUnsafe(Math.min(wanted, SMALL_BUFFER_BYTES));
      return { bytes, release: () => undefined, abandon: () => undefined };
    },
  };
}
