import { firstValue } from './text.ts';

/** A day of the calendar. */
export interface CalendarDate {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
}

/**
 * Reads a DA value: `YYYYMMDD`, or `YYYY.MM.DD` as ACR-NEMA had it (PS3.5 6.2).
 * @returns undefined for anything that is not a whole day of the calendar.
 */
export function parseDate(da: string | undefined): CalendarDate | undefined {
  const match = /^(\d{4})(?:(\d{2})(\d{2})|\.(\d{2})\.(\d{2}))$/.exec(clean(da));
  if (match === null) return undefined;
  const year = Number(match[1]);
  const month = Number(match[2] ?? match[4]);
  const day = Number(match[3] ?? match[5]);
  const isReal = year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
  return isReal ? { year, month, day } : undefined;
}

/** `YYYY-MM-DD`. */
export function formatDate(date: CalendarDate): string {
  return [pad(date.year, 4), pad(date.month, 2), pad(date.day, 2)].join('-');
}

/**
 * A TM value as `HH:MM`: truncated, not rounded; `HH` alone is the full hour; ACR-NEMA's colons are read too.
 * @returns undefined where there is no valid time of day.
 */
export function formatTime(tm: string | undefined): string | undefined {
  const match = /^(\d{2})(?::?(\d{2})[\d:.]*)?$/.exec(clean(tm));
  if (match === null) return undefined;
  const [, hours = '', minutes = '00'] = match;
  return Number(hours) <= 23 && Number(minutes) <= 59 ? `${hours}:${minutes}` : undefined;
}

/** Whole years, months and days from one day to a later one; undefined where it is not later or equal. */
export function elapsed(
  from: CalendarDate,
  to: CalendarDate,
): { years: number; months: number; days: number } | undefined {
  const days = Math.round((utc(to) - utc(from)) / 86_400_000);
  if (days < 0) return undefined;
  const months = (to.year - from.year) * 12 + (to.month - from.month) - (to.day < from.day ? 1 : 0);
  return { years: Math.floor(months / 12), months, days };
}

function utc(date: CalendarDate): number {
  // Date.UTC takes the years 0 to 99 for 1900 to 1999.
  return new Date(0).setUTCFullYear(date.year, date.month - 1, date.day);
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function clean(text: string | undefined): string {
  return (firstValue(text) ?? '').replace(/\0/g, '').trim();
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
