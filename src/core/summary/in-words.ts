const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `1 study`, `3 studies`, `1,204 images`. @param plural where adding an s will not do. */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? noun : plural}`;
}

/** A span of time as people say it: `a few seconds`, `4 minutes`, `3 hours`, `12 days`, `8 months`. */
export function spanOf(ms: number): string {
  if (ms < 10_000) return 'a few seconds';
  if (ms < MINUTE_MS) return `${Math.round(ms / 1000)} seconds`;
  if (ms < 90 * MINUTE_MS) return countOf(Math.round(ms / MINUTE_MS), 'minute');
  if (ms < 36 * HOUR_MS) return countOf(Math.round(ms / HOUR_MS), 'hour');
  if (ms < 100 * DAY_MS) return countOf(Math.round(ms / DAY_MS), 'day');
  if (ms < 730 * DAY_MS) return countOf(Math.round(ms / DAY_MS / 30.4), 'month');
  return countOf(Math.round(ms / DAY_MS / 365.25), 'year');
}

/** Decimal, as disks are sold: `526 KB`, `1.2 TB`. */
export function bytesOf(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB', 'PB'];
  const size = Math.abs(bytes);
  const power = size < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(size) / 3));
  const value = bytes / 1000 ** power;
  return `${value.toFixed(power === 0 || Math.abs(value) >= 100 ? 0 : 1)} ${units[power] ?? ''}`;
}
