import type { StudyAttributes } from '../../core/study/header.ts';
import { cleanLine, firstOf, joinValues } from './text.ts';

/** Length of the VR LO: the API names no limit, and what DICOM holds is what the field is made for. */
export const MAX_LINE_LENGTH = 64;

/** Series that accompany images and do not say what was examined. */
const ACCOMPANYING_MODALITIES: ReadonlySet<string> = new Set(['SR', 'PR', 'KO', 'SC', 'OT', 'DOC', 'SEG']);

/** What was examined, from the order before the performed step. */
export function describeProcedure(attributes: StudyAttributes): string | undefined {
  return firstOf(procedureOf(attributes), line(attributes.StudyDescription));
}

/** Never empty: Avara requires a description and DICOM does not (type 3). */
export function describeStudy(attributes: StudyAttributes, modalities: readonly string[]): string {
  return (
    firstOf(line(attributes.StudyDescription), procedureOf(attributes), line(attributes.ProtocolName)) ??
    fallbackDescription(modalities)
  );
}

/**
 * Distinct modalities joined by `/`, without those that only accompany the images where there are others.
 * @param names what a modality is to be called instead, such as `MRI` for `MR`.
 */
export function describeModality(
  modalities: readonly string[],
  names: Readonly<Record<string, string>> = {},
): string | undefined {
  const all = [...new Set(modalities.flatMap((modality) => cleanLine(modality, 16) ?? []))];
  const imaging = all.filter((modality) => !ACCOMPANYING_MODALITIES.has(modality));
  const named = (imaging.length > 0 ? imaging : all).map((modality) => names[modality] ?? modality);
  return cleanLine([...new Set(named)].join('/'), MAX_LINE_LENGTH);
}

function procedureOf(attributes: StudyAttributes): string | undefined {
  return firstOf(
    line(attributes.RequestedProcedureDescription),
    line(attributes.RequestAttributesRequestedProcedureDescription),
    line(attributes.RequestAttributesScheduledProcedureStepDescription),
    line(attributes.ProcedureCodeMeaning),
    line(attributes.PerformedProcedureStepDescription),
  );
}

function fallbackDescription(modalities: readonly string[]): string {
  const modality = describeModality(modalities);
  return modality === undefined ? 'Imaging study' : (cleanLine(modality, 50) ?? modality) + ' study';
}

function line(value: string | undefined): string | undefined {
  return joinValues(value, ' ', MAX_LINE_LENGTH);
}
