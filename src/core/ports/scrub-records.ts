import type { FindingKind } from '../proof/finding.ts';
import type { InstanceKey } from '../study/instance.ts';
import type { ObjectArea } from './proof-files.ts';

/** How far a round of the background check has come. Times are milliseconds since 1970. */
export interface ScrubRound {
  readonly startedAt: number;
  /** Absent: under way. */
  readonly finishedAt?: number;
  readonly area: ObjectArea;
  /** Row number of the last object of the area that was looked at. */
  readonly afterId: number;
  /** Looked at in this round. */
  readonly objects: number;
  readonly bytes: number;
}

/** Where the background check stands, over restarts. */
export interface ScrubRecords {
  round(): ScrubRound | undefined;
  /** Objects up to `afterId` count as looked at since the round was saved last, or earlier in the hour. Resolves on commit. */
  save(round: ScrubRound, now: number): Promise<void>;
  /**
   * When the object whose last check is the longest ago was checked; where it never was, when it was received, which
   * digests it as well. To the hour. Undefined: there are no objects.
   */
  oldestCheckAt(): number | undefined;
}

/** A stored object that is not what was acknowledged. UIDs and path, no patient data. */
export interface DamagedObject {
  readonly key: InstanceKey;
  readonly kind: FindingKind;
  /** Below the data folder. */
  readonly path: string;
  /** One line. */
  readonly detail: string;
  /** What can be done. */
  readonly remedy?: string;
  readonly foundAt: number;
  /** Of the latest look. */
  readonly seenAt: number;
}

/** Damaged objects that are known of, over restarts: by path, each once. */
export interface DamageRecords {
  count(): number;
  has(path: string): boolean;
  /** By path, ascending. */
  list(limit: number, afterPath?: string): readonly DamagedObject[];
  /** Keeps when it was first found. Resolves on commit. */
  put(damaged: Omit<DamagedObject, 'foundAt'>): Promise<void>;
  forget(path: string): Promise<void>;
}
