import type { Digester, DigestSession, Slab } from '../ports/digester.ts';
import type { StagedInstance } from '../ports/instance-store.ts';

/** Slabs of one object that disk and digest may still be reading before its sender has to wait (1 MiB). */
const MAX_OUTSTANDING = 4;

/**
 * Gathers the received fragments of one Data Set in slabs; each full one goes to the staging file and the digest at the
 * same time, and is used again when both have read it.
 */
export class ObjectWriter {
  readonly #staged: StagedInstance;
  readonly #digester: Digester;
  readonly #digest: DigestSession;
  #slab: Slab | undefined;
  #filled = 0;
  #outstanding = 0;
  #wait: { promise: Promise<void>; resolve: () => void } | undefined;

  constructor(staged: StagedInstance, digester: Digester) {
    this.#staged = staged;
    this.#digester = digester;
    this.#digest = digester.begin();
  }

  /** Takes bytes; their memory may be used again at once. @returns a promise to wait for where disk or digest lag. */
  write(bytes: Buffer): Promise<void> | undefined {
    let at = 0;
    while (at < bytes.length) {
      this.#slab ??= this.#digester.take();
      const copied = Math.min(bytes.length - at, this.#digester.slabBytes - this.#filled);
      // fill() is a plain memory copy; copy() into shared memory goes word by word before Node 22, six times slower.
      this.#slab.bytes.fill(
        copied === bytes.length ? bytes : bytes.subarray(at, at + copied),
        this.#filled,
        this.#filled + copied,
      );
      at += copied;
      this.#filled += copied;
      if (this.#filled === this.#digester.slabBytes) this.#passOn(this.#slab);
    }
    return this.#outstanding > MAX_OUTSTANDING ? this.#untilRead() : undefined;
  }

  /** Passes the rest on. @returns the digest of everything, lower-case hex. */
  end(): Promise<string> {
    const slab = this.#slab;
    if (slab === undefined) return this.#digest.digest(Buffer.alloc(0));
    const rest = slab.bytes.subarray(0, this.#filled);
    this.#slab = undefined;
    this.#outstanding += 1;
    this.#staged.write(rest, () => this.#release(slab));
    return this.#digest.digest(rest);
  }

  /** Gives up: nothing more will come, no digest is wanted. */
  abandon(): void {
    if (this.#slab !== undefined) this.#digester.giveBack(this.#slab);
    this.#slab = undefined;
    this.#digest.drop();
  }

  #passOn(slab: Slab): void {
    this.#slab = undefined;
    this.#filled = 0;
    this.#outstanding += 1;
    let readers = 2;
    const done = (): void => {
      readers -= 1;
      if (readers === 0) this.#release(slab);
    };
    this.#digest.update(slab, done);
    this.#staged.write(slab.bytes, done);
  }

  #release(slab: Slab): void {
    this.#digester.giveBack(slab);
    this.#outstanding -= 1;
    if (this.#wait === undefined || this.#outstanding > MAX_OUTSTANDING / 2) return;
    this.#wait.resolve();
    this.#wait = undefined;
  }

  #untilRead(): Promise<void> {
    if (this.#wait === undefined) {
      let resolve: () => void = () => undefined;
      const promise = new Promise<void>((settle) => {
        resolve = settle;
      });
      this.#wait = { promise, resolve };
    }
    return this.#wait.promise;
  }
}
