import type { Uid } from '../../dicom/uid.ts';

/**
 * What is taken from an instance's header, once, at ingest: everything that the study record, QIDO-RS and Avara's
 * create calls and manifest need. Text is decoded (Specific Character Set), padding trimmed, empty values absent;
 * several values stay joined by `\`, Person Names keep their `=` and `^`.
 */
export interface InstanceHeader {
  readonly studyInstanceUid: Uid;
  readonly seriesInstanceUid: Uid;
  readonly sopInstanceUid: Uid;
  readonly sopClassUid: Uid;
  /** Holds patient data: never log it. */
  readonly study: StudyAttributes;
  readonly series: SeriesAttributes;
  readonly image: ImageAttributes;
}

export const STUDY_KEYWORDS = [
  'SpecificCharacterSet',
  'TimezoneOffsetFromUTC',
  'PatientName',
  'PatientID',
  'IssuerOfPatientID',
  'PatientBirthDate',
  'PatientSex',
  'PatientAge',
  'PatientSize',
  'PatientWeight',
  'AdditionalPatientHistory',
  'StudyDate',
  'StudyTime',
  'SeriesDate',
  'SeriesTime',
  'AcquisitionDate',
  'AcquisitionTime',
  'ContentDate',
  'ContentTime',
  'StudyID',
  'AccessionNumber',
  'StudyDescription',
  'ReferringPhysicianName',
  'InstitutionName',
  'InstitutionalDepartmentName',
  'AdmittingDiagnosesDescription',
  'ReasonForStudy',
  'ReasonForTheRequestedProcedure',
  'RequestedProcedureDescription',
  'RequestedProcedurePriority',
  'StudyPriorityID',
  'PerformedProcedureStepDescription',
  'ProtocolName',
  /** Code Meaning of the first item of Procedure Code Sequence. */
  'ProcedureCodeMeaning',
  /** From the first item of Request Attributes Sequence. */
  'RequestAttributesRequestedProcedureDescription',
  'RequestAttributesScheduledProcedureStepDescription',
  'RequestAttributesReasonForTheRequestedProcedure',
] as const;
export type StudyKeyword = (typeof STUDY_KEYWORDS)[number];
/** Patient and study level values by keyword, as one instance states them. */
export type StudyAttributes = Readonly<Partial<Record<StudyKeyword, string>>>;

export const SERIES_KEYWORDS = [
  'Modality',
  'SeriesNumber',
  'SeriesDescription',
  'ProtocolName',
  'BodyPartExamined',
  'Manufacturer',
  'StationName',
  'SeriesDate',
  'SeriesTime',
  'PerformedProcedureStepStartDate',
  'PerformedProcedureStepStartTime',
  /** From the first item of Request Attributes Sequence. */
  'ScheduledProcedureStepID',
  'RequestedProcedureID',
] as const;
export type SeriesKeyword = (typeof SERIES_KEYWORDS)[number];
export type SeriesAttributes = Readonly<Partial<Record<SeriesKeyword, string>>>;

/** Instance level values; a number is absent where the header has none or an unreadable one. */
export interface ImageAttributes {
  readonly instanceNumber?: number;
  readonly numberOfFrames?: number;
  readonly rows?: number;
  readonly columns?: number;
  readonly bitsAllocated?: number;
  readonly bitsStored?: number;
  readonly highBit?: number;
  readonly pixelRepresentation?: number;
  readonly samplesPerPixel?: number;
  readonly photometricInterpretation?: string;
  readonly rescaleIntercept?: number;
  readonly rescaleSlope?: number;
  /** Which pixel element the Data Set holds, if any. */
  readonly pixelData?: 'integer' | 'float' | 'double-float';
}
