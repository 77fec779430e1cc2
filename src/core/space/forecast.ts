import type { DiskSample } from '../ports/disk-history.ts';

/** When the disk will be full, as far as the last two weeks tell. */
export type DiskForecast =
  /** Less than two days are known. */
  | { readonly kind: 'learning' }
  /** It does not fill up, or only in years. `bytesPerDay` may be negative: space is being freed. */
  | { readonly kind: 'steady'; readonly bytesPerDay: number; readonly days: number }
  | {
      readonly kind: 'filling';
      /** On average. */
      readonly bytesPerDay: number;
      /** Days that this is the average of. */
      readonly days: number;
      /** When the reserve is reached and nothing more is accepted; milliseconds since 1970. */
      readonly fullAt: number;
    };

export interface DiskForecastQuestion {
  readonly now: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Free space below which nothing is taken in. */
  readonly reserveBytes: number;
  /** Ascending. */
  readonly samples: readonly DiskSample[];
}

const DAY_MS = 86_400_000;
/** Two weeks, so that weekends count for what they are. */
export const FORECAST_DAYS = 14;
const MIN_DAYS = 2;
/** With so many days known, the one in which most was written and the one in which most was freed are left out. */
const DAYS_WITHOUT_EXTREMES = 7;
/** A sample counts for a time if it is not further from it. */
const NEARNESS_MS = 3 * 3_600_000;
const STEADY_AFTER_MS = 5 * 365 * DAY_MS;

/** Works out what the disk loses per day, whatever writes on it, and when the reserve is reached at that pace. */
export function forecastDisk(question: DiskForecastQuestion): DiskForecast {
  const { now, freeBytes, totalBytes, reserveBytes, samples } = question;
  // A disk that was made larger starts anew.
  const comparable = samples.filter((sample) => sample.totalBytes === totalBytes);
  const losses: number[] = [];
  let later = freeBytes;
  for (let day = 1; day <= FORECAST_DAYS; day += 1) {
    const at = now - day * DAY_MS;
    const sample = nearest(comparable, at);
    if (sample === undefined) break;
    losses.push(sample.freeBytes - later);
    later = sample.freeBytes;
  }
  const days = losses.length;
  if (days < MIN_DAYS) return { kind: 'learning' };
  const sorted = losses.sort((a, b) => a - b);
  const counted = days >= DAYS_WITHOUT_EXTREMES ? sorted.slice(1, -1) : sorted;
  const bytesPerDay = Math.round(counted.reduce((sum, loss) => sum + loss, 0) / counted.length);
  const leftMs = (Math.max(0, freeBytes - reserveBytes) / Math.max(bytesPerDay, 1)) * DAY_MS;
  if (bytesPerDay <= 0 || leftMs > STEADY_AFTER_MS) return { kind: 'steady', bytesPerDay, days };
  return { kind: 'filling', bytesPerDay, days, fullAt: Math.round(now + leftMs) };
}

function nearest(samples: readonly DiskSample[], at: number): DiskSample | undefined {
  let best: DiskSample | undefined;
  for (const sample of samples)
    if (best === undefined || Math.abs(sample.at - at) < Math.abs(best.at - at)) best = sample;
  return best !== undefined && Math.abs(best.at - at) <= NEARNESS_MS ? best : undefined;
}
