/** The middle value; of an even number, the mean of the two in the middle. @throws RangeError for no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (upper === undefined || lower === undefined) throw new RangeError('no values to take the median of');
  return (upper + lower) / 2;
}

/** The value that `share` (0 to 1) of the values do not exceed, by nearest rank. @throws RangeError for no values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('no values to take a percentile of');
  return value;
}

export interface Latency {
  readonly count: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Sums up durations in milliseconds. */
export function summarize(durationsMs: readonly number[]): Latency {
  return {
    count: durationsMs.length,
    p50: percentile(durationsMs, 0.5),
    p99: percentile(durationsMs, 0.99),
    max: percentile(durationsMs, 1),
  };
}
