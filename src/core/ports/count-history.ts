/** What a count was, at its lowest, around a time. */
export interface CountSample {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly lowest: number;
}

/** Samples of a count over restarts. */
export interface CountHistory {
  /** Ascending. */
  list(): readonly CountSample[];
  /** Keeps a sample, in the place of one of the same time, and drops those before `since`. Resolves on commit. */
  put(sample: CountSample, since: number): Promise<void>;
}
