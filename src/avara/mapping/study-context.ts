import type { StudyAttributes } from '../../core/study/header.ts';
import type { StudyRecord } from '../../core/study/study.ts';
import type { AvaraCustomer } from '../customers.ts';
import { formatDate, formatTime, readDate } from './date-time.ts';

/** When a study was made: date and time of the same level. */
export interface StudyMoment {
  /** DA. */
  readonly da: string;
  /** `YYYY-MM-DD`. */
  readonly date: string;
  /** `HH:MM`. */
  readonly time: string | undefined;
}

/** What the rules of the field table take their values from. */
export interface StudyContext {
  readonly study: StudyRecord;
  /** Of the study's deterministic instance. */
  readonly attributes: StudyAttributes;
  readonly customer: AvaraCustomer;
  readonly moment: StudyMoment | undefined;
}

export function studyContext(study: StudyRecord, customer: AvaraCustomer): StudyContext {
  const { attributes } = study;
  return { study, attributes, customer, moment: studyMoment(attributes) };
}

/** A study's date with a series' time would name a moment that never was, so both come from the same level. */
function studyMoment(attributes: StudyAttributes): StudyMoment | undefined {
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
