import { parseAge } from '../../dicom/values/date-time.ts';
import type { DicomAge } from '../../dicom/values/date-time.ts';
import { parseDecimalString } from '../../dicom/values/number.ts';
import { firstValue } from '../../dicom/values/text.ts';
import { elapsed, readDate } from './date-time.ts';

/** A number with its unit, as Avara takes height and weight. */
export interface Measure<Unit extends string> {
  readonly value: number;
  readonly unit: Unit;
}

/** Plausible body heights in metres; `170` is a modality whose operator typed centimetres. */
const HEIGHT_RANGE_M = { min: 0.2, max: 2.8 };
/** Plausible body weights in kilograms. */
const WEIGHT_RANGE_KG = { min: 0.2, max: 700 };

/** Patient's Size (DS, metres) in centimetres, to the millimetre; implausible values are left out. */
export function convertHeight(ds: string | undefined): Measure<'cm'> | undefined {
  const metres = parseDecimalString(firstValue(ds ?? '') ?? '');
  if (metres === undefined || metres < HEIGHT_RANGE_M.min || metres > HEIGHT_RANGE_M.max) return undefined;
  return { value: Math.round(metres * 1000) / 10, unit: 'cm' };
}

/** Patient's Weight (DS, kilograms), to the gram; implausible values are left out. */
export function convertWeight(ds: string | undefined): Measure<'kg'> | undefined {
  const kilograms = parseDecimalString(firstValue(ds ?? '') ?? '');
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
  const stated = parseAge(firstValue(as ?? '') ?? '');
  if (stated !== undefined) return quantity(stated.count, stated.unit);

  const birth = readDate(birthDate);
  const study = readDate(studyDate);
  const age = birth && study && elapsed(birth, study);
  if (age === undefined) return undefined;
  if (age.years >= 2) return quantity(age.years, 'years');
  return age.months >= 1 ? quantity(age.months, 'months') : quantity(age.days, 'days');
}

function quantity(count: number, unit: DicomAge['unit']): string {
  return `${count} ${count === 1 ? unit.slice(0, -1) : unit}`;
}
