import type { Uid } from '../../dicom/uid.ts';
import type { CustomerKey, InstanceKey, StudyKey } from '../study/instance.ts';
import type { OpenedInstance } from './instance-store.ts';

/** Where objects lie: those that are served, and those kept apart. */
export type ObjectArea = 'objects' | 'conflicts';

/** A file as a folder lists it. */
export interface FoundFile {
  /** Below the data folder. */
  readonly path: string;
  readonly bytes: number;
  /** When its bytes were last written, ms since 1970. */
  readonly modifiedAt: number;
  /** Of the instance that its name and folders stand for; absent: nothing of ours has such a name. */
  readonly key?: InstanceKey;
  /** Conflicts only: how the digest of its Data Set starts, by its name. */
  readonly digestStart?: string;
}

/** What reading a file through came to; see `platform/file-worker.ts`. */
export type FileContent =
  | {
      readonly kind: 'read';
      readonly bytes: number;
      readonly sha256: string;
      readonly head: Uint8Array;
    }
  | { readonly kind: 'failed'; readonly code: string };

/** Something in the data folder that is on its way, or was left behind. */
export interface Leftover {
  readonly area: 'incoming' | 'quarantine';
  readonly path: string;
  readonly modifiedAt: number;
  /**
   * - `staged`: an object in place whose staging link is still there
   * - `partial`: a transfer that has not ended
   * - `foreign`: nothing of ours has such a name
   * - `no-reason`, `no-file`: one half of a quarantine entry
   */
  readonly kind: 'staged' | 'partial' | 'foreign' | 'no-reason' | 'no-file';
}

/** The files of the data folder, as proof and repair look at them. All paths are below the data folder. */
export interface ProofFiles {
  customers(area: ObjectArea): Promise<readonly CustomerKey[]>;
  /** Study folders of a customer, in no order. */
  studies(area: ObjectArea, customer: CustomerKey): AsyncIterable<Uid>;
  /** Every file below a study's folder. Nothing where there is no such folder. */
  filesOf(area: ObjectArea, study: StudyKey): AsyncIterable<FoundFile>;
  /** Files and folders outside of any study's folder, which should hold none. */
  foreign(area: ObjectArea): AsyncIterable<string>;
  /** Whether a file is on its way in: a staging link of it is still there. */
  isStaged(path: string): Promise<boolean>;
  exists(path: string): Promise<boolean>;
  pathOf(key: InstanceKey): string;
  /** Where a conflicting object of this digest lies, if it is there. */
  conflictPathOf(key: InstanceKey, sha256: string): string;
  /** Digests a file from `offset` on, off the event loop. */
  read(path: string, offset: number, maxBytesPerSecond: number): Promise<FileContent>;
  /** @throws StoreError */
  open(path: string): Promise<OpenedInstance>;
  leftovers(): AsyncIterable<Leftover>;
  /** Moves a file below `damaged/`, durably; never over another. @returns its new path. @throws StoreError */
  setAside(path: string): Promise<string>;
  /** Gives a file a second name, durably; never over another. @throws StoreError */
  link(from: string, to: string): Promise<void>;
}
