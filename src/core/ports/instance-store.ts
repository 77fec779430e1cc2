import type { CustomerKey, InstanceKey, Source } from '../study/instance.ts';

/** A Part 10 file being written, not yet visible under its key. */
export interface StagedInstance {
  /** Bytes written so far, preamble and File Meta Information included. */
  readonly bytes: number;
  /**
   * Appends bytes of the Data Set; their memory may be used again at once. Errors come out of what is called after.
   * @returns a promise to wait for where the disk lags behind.
   */
  write(bytes: Buffer): Promise<void> | undefined;
  /** Nothing more will be written: what there is can go to the disk. Called by what follows where it was not before. */
  end(): void;
  /** @returns SHA-256 of the Data Set, lower-case hex. @throws StoreError */
  digest(): Promise<string>;
  /**
   * Puts the file in place under its key and makes it durable: its data and its staging link are synced. That link stays,
   * with the digest in its name, until {@link InstanceStore.release}, as the mark that the index may not know the object
   * and that its name under the key may be lost; start-up recovery tells by the digest whether the file is whole, and
   * brings back both.
   * @param meanwhile what can be done while the disk works, in short pieces: called with the digest, one after the other,
   * before this returns, where the digest needs no waiting for, and else not at all. Must not throw.
   * @returns `exists` (and nothing changed) where the key is already taken; and the digest as {@link digest} does.
   * @throws StoreError; the key is then free again
   */
  commit(
    key: InstanceKey,
    meanwhile?: readonly ((sha256: string) => void)[],
  ): Promise<{ readonly kind: 'stored' | 'exists'; readonly sha256: string }>;
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
  /** File descriptor, where the operating system can tell which of its bytes are in memory. */
  readonly descriptor?: number;
  close(): Promise<void>;
}

/** A staging link found at start-up. */
export interface StagingLeftover {
  readonly stagingName: string;
  readonly customer: CustomerKey;
  readonly source: Source;
  /**
   * Digest of its Data Set, where that was received to its end: then it may have been acknowledged, and must be in place
   * and indexed, if its bytes come to that digest.
   */
  readonly sha256?: string;
  /** It has another name, in its place. */
  readonly isLinked: boolean;
  /** When its bytes were last written, ms since 1970. */
  readonly writtenAt: number;
  open(): Promise<OpenedInstance>;
  /** Where it is linked, once its key and digest are known. */
  locate(
    key: InstanceKey,
    sha256: string,
  ): Promise<{ kind: 'object' } | { kind: 'conflict'; path: string } | undefined>;
  /** Puts it in place under its key. @returns false (and nothing changed) where the key is taken. @throws StoreError */
  link(key: InstanceKey): Promise<boolean>;
  /** Puts it beside the objects, as a conflict of `key`. @returns its path below the data folder. @throws StoreError */
  keepApart(key: InstanceKey, sha256: string): Promise<string>;
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
  /** @param head what the file begins with before its Data Set: preamble and File Meta Information. */
  stage(customer: CustomerKey, source: Source, head: Buffer): StagedInstance;
  /** @throws StoreError `not-found` */
  open(key: InstanceKey): Promise<OpenedInstance>;
  /** Absolute path of the object, for readers that stream files themselves. */
  pathOf(key: InstanceKey): string;
  /**
   * Drops staging links whose instances are durably indexed, after the names of these are durable in their places; the
   * links do not come back when power fails after that. @throws StoreError; those that are left can be released again.
   */
  release(stagingNames: readonly string[]): Promise<void>;
  /** What a crash left in the staging folder. Call once, before the first {@link stage}. */
  leftovers(): AsyncIterable<StagingLeftover>;
  close(): Promise<void>;
}
