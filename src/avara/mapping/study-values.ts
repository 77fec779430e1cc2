import type { StudyAttributes } from '../../core/study/header.ts';
import type { Severity } from '../customers.ts';
import { MAX_LINE_LENGTH } from './description.ts';
import type { StudyContext } from './study-context.ts';
import { cleanLine, firstOf, joinValues } from './text.ts';

/** Limit that Avara states for a value of `metadata`, characters. */
export const MAX_METADATA_VALUE_LENGTH = 1000;
/** Length of the VR LT. */
export const MAX_TEXT_LENGTH = 10_240;

export const SEXES: Readonly<Record<string, 'male' | 'female' | 'other'>> = {
  M: 'male',
  F: 'female',
  O: 'other',
};

/** Of Requested Procedure Priority, else the retired Study Priority ID; other priorities leave it to the customer. */
export function severityOf({ attributes, customer }: StudyContext): Severity {
  if (customer.override?.includes('severity') === true) return customer.severity;
  const priority = firstOf(
    cleanLine(attributes.RequestedProcedurePriority, 16),
    cleanLine(attributes.StudyPriorityID, 16),
  )?.toUpperCase();
  if (priority === 'STAT') return 'stat';
  return priority === 'HIGH' ? 'high' : customer.severity;
}

export function facilityName({ attributes, customer }: StudyContext): string | undefined {
  const configured = cleanLine(customer.facilityName, MAX_LINE_LENGTH);
  if (customer.override?.includes('facilityName') === true && configured !== undefined) return configured;
  return firstOf(
    joinValues(attributes.InstitutionName, ' ', MAX_LINE_LENGTH),
    joinValues(attributes.InstitutionalDepartmentName, ' ', MAX_LINE_LENGTH),
    configured,
  );
}

/**
 * Avara links the studies of one `externalPatientId` across a whole account, and Patient IDs repeat between
 * customers, and between issuers within one: both stand before the id.
 */
export function externalPatientId(
  attributes: StudyAttributes,
  expressCustomerId: string,
): string | undefined {
  const patientId = cleanLine(attributes.PatientID, 64);
  if (patientId === undefined) return undefined;
  const issuer = cleanLine(attributes.IssuerOfPatientID, 64);
  return [expressCustomerId, issuer, patientId].filter((part) => part !== undefined).join(':');
}

/** Why the study was made, from the order before the admission. */
export function indicationOf(attributes: StudyAttributes): string | undefined {
  return firstOf(
    indication(attributes.ReasonForTheRequestedProcedure),
    indication(attributes.RequestAttributesReasonForTheRequestedProcedure),
    indication(attributes.ReasonForStudy),
    indication(attributes.AdmittingDiagnosesDescription),
  );
}

function indication(value: string | undefined): string | undefined {
  return joinValues(value, '; ', MAX_TEXT_LENGTH);
}
