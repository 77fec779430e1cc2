import { elapsed, parseDate } from './date-time.ts';
import { firstValue } from './text.ts';

/** A number with its unit, as Avara takes height and weight. */
export interface Measure<Unit extends string> {
  readonly value: number;
  readonly unit: Unit;
}

/** Plausible body heights in metres; `170` is a modality whose operator typed centimetres. */
const HEIGHT_RANGE_M = { min: 0.2, max: 2.8 };
/** Plausible body weights in kilograms. */
const WEIGHT_RANGE_KG = { min: 0.2, max: 700 };

const AGE_UNITS: Readonly<Record<string, string>> = { D: 'day', W: 'week', M: 'month', Y: 'year' };

/** Patient's Size (DS, metres) in centimetres, to the millimetre; implausible values are left out. */
export function convertHeight(ds: string | undefined): Measure<'cm'> | undefined {
  const metres = parseDecimalString(ds);
  if (metres === undefined || metres < HEIGHT_RANGE_M.min || metres > HEIGHT_RANGE_M.max) return undefined;
  return { value: Math.round(metres * 1000) / 10, unit: 'cm' };
}

/** Patient's Weight (DS, kilograms), to the gram; implausible values are left out. */
export function convertWeight(ds: string | undefined): Measure<'kg'> | undefined {
  const kilograms = parseDecimalString(ds);
  if (kilograms === undefined || kilograms < WEIGHT_RANGE_KG.min || kilograms > WEIGHT_RANGE_KG.max) {
    return undefined;
  }
  return { value: Math.round(kilograms * 1000) / 1000, unit: 'kg' };
}

/**
 * The patient's age at the study, in words: from Patient's Age (AS, `nnnD`, `nnnW`, `nnnM` or `nnnY`), else counted
 * from birth date to study date (years from 2 on, months from 1 on, else days).
 * @param studyDate DA, as are the other dates.
 */
export function describeAge(
  as: string | undefined,
  birthDate: string | undefined,
  studyDate: string | undefined,
): string | undefined {
  const match = /^(\d{1,3})([DWMY])$/i.exec((firstValue(as) ?? '').replace(/\0/g, '').trim());
  const unit = AGE_UNITS[match?.[2]?.toUpperCase() ?? ''];
  if (match !== null && unit !== undefined) return quantity(Number(match[1]), unit);

  const birth = parseDate(birthDate);
  const study = parseDate(studyDate);
  const age = birth && study && elapsed(birth, study);
  if (age === undefined) return undefined;
  if (age.years >= 2) return quantity(age.years, 'year');
  return age.months >= 1 ? quantity(age.months, 'month') : quantity(age.days, 'day');
}

/** Reads the first value of a DS (PS3.5 6.2). */
function parseDecimalString(ds: string | undefined): number | undefined {
  const text = (firstValue(ds) ?? '').replace(/\0/g, '').trim();
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

function quantity(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
