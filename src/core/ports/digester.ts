/**
 * A piece of memory that received bytes are gathered in: written to disk from it and digested from it at the same time,
 * then used again. A fixed set of them replaces an allocation per network read.
 */
export interface Slab {
  readonly bytes: Buffer;
}

/** SHA-256 over the slabs of one object, beside the thread that receives. */
export interface DigestSession {
  /** Adds the whole slab. The slab must not change until `done` is called; `done` is called exactly once. */
  update(slab: Slab, done: () => void): void;
  /** Adds `tail` (read before the call returns) and ends. @returns the digest as lower-case hex. */
  digest(tail: Buffer): Promise<string>;
  /** Ends without a digest. */
  drop(): void;
}

export interface Digester {
  /** A slab of {@link Digester.slabBytes}; give it back when nobody reads it any more. */
  take(): Slab;
  giveBack(slab: Slab): void;
  readonly slabBytes: number;
  begin(): DigestSession;
  close(): Promise<void>;
}
