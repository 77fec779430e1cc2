/** A calendar date of VR DA. */
export interface DicomDate {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
}

/** A time of day of VR TM, as precise as written: parts that are left out are undefined. */
export interface DicomTime {
  readonly hour: number;
  readonly minute?: number;
  /** 0 to 60, for leap seconds. */
  readonly second?: number;
  readonly microsecond?: number;
}

const DATE = /^(\d{4})(\d{2})(\d{2})$/;
/** The form of ACR-NEMA, which PS3.5 6.2 asks readers to keep accepting. */
const LEGACY_DATE = /^(\d{4})\.(\d{2})\.(\d{2})$/;
const TIME = /^(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,6}))?)?)?$/;
const LEGACY_TIME = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?$/;

function daysInMonth(year: number, month: number): number {
  // Day 0 of the next month. Two-digit years would be taken for 1900 and later by the constructor.
  const date = new Date(0);
  date.setUTCFullYear(year, month, 0);
  return date.getUTCDate();
}

/**
 * Reads one value of VR DA: `YYYYMMDD`, or `YYYY.MM.DD` of old devices.
 * @returns undefined for anything else, days that no calendar has included.
 */
export function parseDate(text: string): DicomDate | undefined {
  const match = DATE.exec(text) ?? LEGACY_DATE.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = match.slice(1).map(Number);
  if (year === undefined || month === undefined || day === undefined) return undefined;
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  return { year, month, day };
}

/** Reads one value of VR TM: `HH` to `HHMMSS.FFFFFF`, or with colons as old devices write it. */
export function parseTime(text: string): DicomTime | undefined {
  const match = TIME.exec(text) ?? LEGACY_TIME.exec(text);
  if (match === null) return undefined;
  const part = (index: number) => (match[index] === undefined ? undefined : Number(match[index]));
  const hour = Number(match[1]);
  const minute = part(2);
  const second = part(3);
  if (hour > 23 || (minute ?? 0) > 59 || (second ?? 0) > 60) return undefined;
  const fraction = match[4];
  return {
    hour,
    ...(minute === undefined ? {} : { minute }),
    ...(second === undefined ? {} : { second }),
    ...(fraction === undefined ? {} : { microsecond: Number(fraction.padEnd(6, '0')) }),
  };
}

/** An age of VR AS. */
export interface DicomAge {
  readonly count: number;
  readonly unit: 'days' | 'weeks' | 'months' | 'years';
}

const AGE = /^(\d{3})([DWMY])$/;
const AGE_UNITS = { D: 'days', W: 'weeks', M: 'months', Y: 'years' } as const;

/** Reads one value of VR AS: three digits and a unit, as in `018M`. */
export function parseAge(text: string): DicomAge | undefined {
  const match = AGE.exec(text);
  const letter = match?.[2];
  if (letter !== 'D' && letter !== 'W' && letter !== 'M' && letter !== 'Y') return undefined;
  return { count: Number(match?.[1]), unit: AGE_UNITS[letter] };
}
