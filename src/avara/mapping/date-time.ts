import { parseDate, parseTime } from '../../dicom/values/date-time.ts';
import type { DicomDate } from '../../dicom/values/date-time.ts';
import { firstValue } from '../../dicom/values/text.ts';

/** Reads the first value of a DA. @returns undefined for anything that is not a whole day of the calendar. */
export function readDate(da: string | undefined): DicomDate | undefined {
  return parseDate(firstValue(da ?? '') ?? '');
}

/** `YYYY-MM-DD`. */
export function formatDate(date: DicomDate): string {
  return [pad(date.year, 4), pad(date.month, 2), pad(date.day, 2)].join('-');
}

/**
 * The first value of a TM as `HH:MM`: truncated, not rounded; an hour alone is the full hour.
 * @returns undefined where there is no valid time of day.
 */
export function formatTime(tm: string | undefined): string | undefined {
  const time = parseTime(firstValue(tm ?? '') ?? '');
  return time && `${pad(time.hour, 2)}:${pad(time.minute ?? 0, 2)}`;
}

/** Whole years, months and days from one day to a later one; undefined where it is not later or equal. */
export function elapsed(
  from: DicomDate,
  to: DicomDate,
): { years: number; months: number; days: number } | undefined {
  const days = Math.round((utc(to) - utc(from)) / 86_400_000);
  if (days < 0) return undefined;
  const months = (to.year - from.year) * 12 + (to.month - from.month) - (to.day < from.day ? 1 : 0);
  return { years: Math.floor(months / 12), months, days };
}

function utc(date: DicomDate): number {
  // Date.UTC takes the years 0 to 99 for 1900 to 1999.
  return new Date(0).setUTCFullYear(date.year, date.month - 1, date.day);
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
