import type { StudyAttributes } from '../core/study/header.ts';
import type { Product, StudyRecord } from '../core/study/study.ts';
import type { AvaraCustomer, Severity } from './customers.ts';
import { describeModality, describeStudy } from './mapping/description.ts';
import { mapReportMetadata } from './mapping/report-metadata.ts';
import type { ReportMetadata } from './mapping/report-metadata.ts';
import { cleanLine, cleanText, firstOf, joinValues, present } from './mapping/text.ts';

/** Limit that Avara states for a value of `metadata`, characters. */
const MAX_METADATA_VALUE_LENGTH = 1000;
/** Length of the VR LT. */
const MAX_TEXT_LENGTH = 10_240;

/** Body of `POST /v1/viewer/studies`: nothing of the patient. */
export interface ViewerStudyBody {
  readonly studyInstanceUid: string;
  readonly studyDescription: string;
  readonly severity: Severity;
  readonly expressCustomerId: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Body of `POST /v1/autoScribe/studies`. Patient data: never log it. */
export interface AutoScribeStudyBody extends ViewerStudyBody {
  readonly reportMetadata: ReportMetadata;
  readonly modality?: string;
  readonly externalPatientId?: string;
  readonly clinicalIndication?: string;
  readonly clinicalHistory?: string;
}

/** What a create call says of a study; nothing empty is in it. */
export function mapStudy(
  study: StudyRecord,
  product: Product,
  customer: AvaraCustomer,
): ViewerStudyBody | AutoScribeStudyBody {
  return product === 'viewer' ? mapViewerStudy(study, customer) : mapAutoScribeStudy(study, customer);
}

export function mapViewerStudy(study: StudyRecord, customer: AvaraCustomer): ViewerStudyBody {
  return {
    studyInstanceUid: study.key.studyInstanceUid,
    studyDescription: describeStudy(study.attributes, study.modalities),
    severity: severityOf(study.attributes) ?? customer.severity,
    expressCustomerId: customer.expressCustomerId,
    metadata: mapMetadata(study),
  };
}

export function mapAutoScribeStudy(study: StudyRecord, customer: AvaraCustomer): AutoScribeStudyBody {
  const { attributes } = study;
  return {
    ...mapViewerStudy(study, customer),
    reportMetadata: mapReportMetadata(attributes, customer.facilityName),
    ...present({
      modality: describeModality(study.modalities),
      externalPatientId: externalPatientId(attributes, customer.expressCustomerId),
      clinicalIndication: firstOf(
        indication(attributes.ReasonForTheRequestedProcedure),
        indication(attributes.RequestAttributesReasonForTheRequestedProcedure),
        indication(attributes.ReasonForStudy),
        indication(attributes.AdmittingDiagnosesDescription),
      ),
      clinicalHistory: cleanText(attributes.AdditionalPatientHistory, MAX_TEXT_LENGTH),
    }),
  };
}

/** Members of a create body that identify no patient and that an operator wants to read in a message. */
const OPEN_MEMBERS: ReadonlySet<string> = new Set([
  'studyInstanceUid',
  'expressCustomerId',
  'severity',
  'modality',
  'sex',
  'unit',
  'source',
  'sourceAeTitle',
  'calledAeTitle',
]);

/**
 * Values of a study that may identify the patient, names also word by word: an error message that repeats one must
 * not reach the log or the status page.
 */
export function privateValues(study: StudyRecord, customer: AvaraCustomer): readonly string[] {
  const { PatientName, ReferringPhysicianName, PatientBirthDate } = study.attributes;
  const words = [PatientName, ReferringPhysicianName].flatMap((name) => name?.split(/[\s^=\\]+/) ?? []);
  return [...textMembers(mapAutoScribeStudy(study, customer)), ...words, PatientBirthDate ?? ''].filter(
    (value) => value !== '',
  );
}

function textMembers(value: object): string[] {
  return Object.entries(value).flatMap(([name, member]: [string, unknown]) => {
    if (OPEN_MEMBERS.has(name)) return [];
    if (typeof member === 'string') return [member];
    return typeof member === 'object' && member !== null ? textMembers(member) : [];
  });
}

function mapMetadata(study: StudyRecord): Record<string, string> {
  const limit = MAX_METADATA_VALUE_LENGTH;
  const members = present({
    accessionNumber: cleanLine(study.attributes.AccessionNumber, limit),
    studyId: cleanLine(study.attributes.StudyID, limit),
    sourceAeTitle: cleanLine(study.origin.callingAeTitle, limit),
    calledAeTitle: cleanLine(study.origin.calledAeTitle, limit),
    source: study.origin.source,
  });
  return { ...members };
}

/** Of Requested Procedure Priority, else the retired Study Priority ID; other priorities leave it to the customer. */
function severityOf(attributes: StudyAttributes): Severity | undefined {
  const priority = firstOf(
    cleanLine(attributes.RequestedProcedurePriority, 16),
    cleanLine(attributes.StudyPriorityID, 16),
  )?.toUpperCase();
  if (priority === 'STAT') return 'stat';
  return priority === 'HIGH' ? 'high' : undefined;
}

/**
 * Avara links the studies of one `externalPatientId` across a whole account, and Patient IDs repeat between
 * customers, and between issuers within one: both stand before the id.
 */
function externalPatientId(attributes: StudyAttributes, expressCustomerId: string): string | undefined {
  const patientId = cleanLine(attributes.PatientID, 64);
  if (patientId === undefined) return undefined;
  const issuer = cleanLine(attributes.IssuerOfPatientID, 64);
  return [expressCustomerId, issuer, patientId].filter((part) => part !== undefined).join(':');
}

function indication(value: string | undefined): string | undefined {
  return joinValues(value, '; ', MAX_TEXT_LENGTH);
}
