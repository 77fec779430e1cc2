import type { CustomerKey, InstanceKey, Source } from '../study/instance.ts';

/** A Part 10 file being written, not yet visible under its key. */
export interface StagedInstance {
  /** Bytes written so far, preamble and File Meta Information included. */
  readonly bytes: number;
  /**
   * Appends bytes, which must not change until `onWritten` is called; it is called exactly once, also after a failure
   * or a discard. Errors come out of {@link commit} and {@link keepApart}.
   */
  write(bytes: Buffer, onWritten?: () => void): void;
  /**
   * Makes the file durable under its key: put in place, then data and folders synced at the same time, so that one
   * journal commit of the file system serves all of them. Its staging link stays, with the digest in its name, as the
   * mark that the index may not know it yet, until {@link InstanceStore.release}.
   * @param sha256 of the Data Set, lower-case hex: start-up recovery tells by it whether the file is whole.
   * @returns `exists` (and nothing changed) where the key is already taken.
   * @throws StoreError; the key is then free again
   */
  commit(key: InstanceKey, sha256: string): Promise<'stored' | 'exists'>;
  /** Makes the file durable beside the objects, as a conflict of `key`. @returns its path below the data folder. */
  keepApart(key: InstanceKey, sha256: string): Promise<string>;
  /** Removes what was written. Safe after a failure; not after a commit. */
  discard(): Promise<void>;
  /** Names the staging link to {@link InstanceStore.release}; changes with the commit. */
  readonly stagingName: string;
}

/** A stored object opened for reading. */
export interface OpenedInstance {
  readonly bytes: number;
  /** Reads into `target`; @returns bytes read, 0 at the end. */
  read(target: Buffer, position: number): Promise<number>;
  close(): Promise<void>;
}

/** A staging link found at start-up. */
export interface StagingLeftover {
  readonly stagingName: string;
  readonly customer: CustomerKey;
  readonly source: Source;
  /**
   * Digest of its Data Set, where it had been linked into place: then it may have been acknowledged and must be indexed,
   * if its bytes come to that digest.
   */
  readonly sha256?: string;
  /** When its bytes were last written, ms since 1970. */
  readonly writtenAt: number;
  open(): Promise<OpenedInstance>;
  /** Where a committed leftover was linked, once its key and digest are known. */
  locate(
    key: InstanceKey,
    sha256: string,
  ): Promise<{ kind: 'object' } | { kind: 'conflict'; path: string } | undefined>;
  /**
   * Takes the file out of its place, because power failed before its bytes were on disk: nobody was told that it was
   * stored. The staging link goes with {@link InstanceStore.release}.
   */
  takeOut(): Promise<void>;
}

/** Why the store could not do as asked; `out-of-resources` may pass by itself. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: 'out-of-resources' | 'not-found' | 'io';
  constructor(code: 'out-of-resources' | 'not-found' | 'io', message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * The Part 10 files on disk, the truth of the daemon: `objects/<customer>/<study>/<series>/<sop>.dcm`. Files are never
 * changed once in place.
 */
export interface InstanceStore {
  stage(customer: CustomerKey, source: Source): StagedInstance;
  /** @throws StoreError `not-found` */
  open(key: InstanceKey): Promise<OpenedInstance>;
  /** Absolute path of the object, for readers that stream files themselves. */
  pathOf(key: InstanceKey): string;
  /** Drops staging links whose instances are durably indexed. */
  release(stagingNames: readonly string[]): Promise<void>;
  /** What a crash left in the staging folder. Call once, before the first {@link stage}. */
  leftovers(): AsyncIterable<StagingLeftover>;
  close(): Promise<void>;
}
