/** Free space of the data folder's file system at a time. */
export interface DiskSample {
  /** Milliseconds since 1970 UTC, whole hours. */
  readonly at: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Hourly samples of free space, for the forecast. */
export interface DiskHistory {
  /** Takes down the sample of its hour, or replaces it. Resolves on commit. */
  add(sample: DiskSample): Promise<void>;
  /** Ascending. */
  since(at: number): readonly DiskSample[];
  prune(before: number): Promise<void>;
}
