import type { StudyAttributes } from '../../core/study/header.ts';
import { formatDate, formatTime, readDate } from './date-time.ts';
import { describeProcedure, MAX_LINE_LENGTH } from './description.ts';
import { convertHeight, convertWeight, describeAge } from './measures.ts';
import type { Measure } from './measures.ts';
import { formatPatientName, formatPhysicianName } from './person-name.ts';
import { cleanLine, firstOf, joinValues, present } from './text.ts';

/** Avara's `StudyReportMetadata`, with the names of its SDK. Patient data: never log it. */
export interface ReportMetadata {
  readonly patientName?: string;
  /** `YYYY-MM-DD`. */
  readonly dateOfBirth?: string;
  readonly sex?: 'male' | 'female' | 'other';
  readonly age?: string;
  readonly height?: Measure<'cm'>;
  readonly weight?: Measure<'kg'>;
  readonly mrn?: string;
  readonly facilityName?: string;
  readonly referringPhysicianName?: string;
  readonly procedure?: string;
  /** `YYYY-MM-DD`, local to the place of the study. */
  readonly studyDate?: string;
  /** `HH:MM`, local to the place of the study. */
  readonly studyTime?: string;
}

const SEXES: Readonly<Record<string, 'male' | 'female' | 'other'>> = { M: 'male', F: 'female', O: 'other' };

/**
 * What an AutoScribe report says of patient and study.
 * @param facilityName of the customer, where the images name no institution.
 */
export function mapReportMetadata(
  attributes: StudyAttributes,
  facilityName: string | undefined,
): ReportMetadata {
  const birthDate = readDate(attributes.PatientBirthDate);
  const moment = studyMoment(attributes);
  return present({
    patientName: formatPatientName(attributes.PatientName),
    dateOfBirth: birthDate && formatDate(birthDate),
    sex: SEXES[attributes.PatientSex?.trim().toUpperCase() ?? ''],
    age: describeAge(attributes.PatientAge, attributes.PatientBirthDate, moment?.da),
    height: convertHeight(attributes.PatientSize),
    weight: convertWeight(attributes.PatientWeight),
    mrn: cleanLine(attributes.PatientID, MAX_LINE_LENGTH),
    facilityName: firstOf(
      joinValues(attributes.InstitutionName, ' ', MAX_LINE_LENGTH),
      joinValues(attributes.InstitutionalDepartmentName, ' ', MAX_LINE_LENGTH),
      cleanLine(facilityName, MAX_LINE_LENGTH),
    ),
    referringPhysicianName: formatPhysicianName(attributes.ReferringPhysicianName),
    procedure: describeProcedure(attributes),
    studyDate: moment?.date,
    studyTime: moment?.time,
  });
}

/** Date and time of the same level: a study's date with a series' time would name a moment that never was. */
function studyMoment(
  attributes: StudyAttributes,
): { da: string; date: string; time: string | undefined } | undefined {
  const levels = [
    [attributes.StudyDate, attributes.StudyTime],
    [attributes.SeriesDate, attributes.SeriesTime],
    [attributes.AcquisitionDate, attributes.AcquisitionTime],
    [attributes.ContentDate, attributes.ContentTime],
  ] as const;
  for (const [da, tm] of levels) {
    const date = readDate(da);
    if (da !== undefined && date !== undefined) return { da, date: formatDate(date), time: formatTime(tm) };
  }
  return undefined;
}
