import type { AlertEntry } from '../alerts/alert.ts';

/** What is wrong and who was told, over restarts. */
export interface AlertRecords {
  list(): readonly AlertEntry[];
  /** Takes the place of everything before. Resolves on commit. */
  replace(entries: readonly AlertEntry[]): Promise<void>;
}

/** Runs of the daemon, to tell one that crashed. Times are milliseconds since 1970. */
export interface ServiceRuns {
  /** A run begins; it counts as crashed until it {@link ended}. */
  began(now: number): Promise<void>;
  /** The run that began last ends in order. */
  ended(now: number): Promise<void>;
  /** Starts since `since` whose run before did not end in order. */
  uncleanStarts(since: number): number;
}
