/** Kinds of value that the daemon reads, PS3.5 6.2. */
export type Vr =
  | 'AE'
  | 'AS'
  | 'CS'
  | 'DA'
  | 'DS'
  | 'IS'
  | 'LO'
  | 'LT'
  | 'OB or OW'
  | 'OF'
  | 'OD'
  | 'PN'
  | 'SH'
  | 'SQ'
  | 'TM'
  | 'UI'
  | 'US';

export interface TagEntry {
  /** Group in the upper 16 bits, element in the lower ones. */
  readonly tag: number;
  readonly vr: Vr;
}

function entry<V extends Vr>(tag: number, vr: V): { readonly tag: number; readonly vr: V } {
  return { tag, vr };
}

/** Attributes that the daemon knows by keyword, from PS3.6 section 6. */
export const TAGS = {
  SpecificCharacterSet: entry(0x00080005, 'CS'),
  SOPClassUID: entry(0x00080016, 'UI'),
  SOPInstanceUID: entry(0x00080018, 'UI'),
  StudyDate: entry(0x00080020, 'DA'),
  SeriesDate: entry(0x00080021, 'DA'),
  AcquisitionDate: entry(0x00080022, 'DA'),
  ContentDate: entry(0x00080023, 'DA'),
  StudyTime: entry(0x00080030, 'TM'),
  SeriesTime: entry(0x00080031, 'TM'),
  AcquisitionTime: entry(0x00080032, 'TM'),
  ContentTime: entry(0x00080033, 'TM'),
  AccessionNumber: entry(0x00080050, 'SH'),
  Modality: entry(0x00080060, 'CS'),
  Manufacturer: entry(0x00080070, 'LO'),
  InstitutionName: entry(0x00080080, 'LO'),
  ReferringPhysicianName: entry(0x00080090, 'PN'),
  CodeMeaning: entry(0x00080104, 'LO'),
  TimezoneOffsetFromUTC: entry(0x00080201, 'SH'),
  StationName: entry(0x00081010, 'SH'),
  StudyDescription: entry(0x00081030, 'LO'),
  ProcedureCodeSequence: entry(0x00081032, 'SQ'),
  SeriesDescription: entry(0x0008103e, 'LO'),
  InstitutionalDepartmentName: entry(0x00081040, 'LO'),
  AdmittingDiagnosesDescription: entry(0x00081080, 'LO'),
  PatientName: entry(0x00100010, 'PN'),
  PatientID: entry(0x00100020, 'LO'),
  IssuerOfPatientID: entry(0x00100021, 'LO'),
  PatientBirthDate: entry(0x00100030, 'DA'),
  PatientSex: entry(0x00100040, 'CS'),
  PatientAge: entry(0x00101010, 'AS'),
  PatientSize: entry(0x00101020, 'DS'),
  PatientWeight: entry(0x00101030, 'DS'),
  AdditionalPatientHistory: entry(0x001021b0, 'LT'),
  BodyPartExamined: entry(0x00180015, 'CS'),
  ProtocolName: entry(0x00181030, 'LO'),
  StudyInstanceUID: entry(0x0020000d, 'UI'),
  SeriesInstanceUID: entry(0x0020000e, 'UI'),
  StudyID: entry(0x00200010, 'SH'),
  SeriesNumber: entry(0x00200011, 'IS'),
  InstanceNumber: entry(0x00200013, 'IS'),
  SamplesPerPixel: entry(0x00280002, 'US'),
  PhotometricInterpretation: entry(0x00280004, 'CS'),
  PlanarConfiguration: entry(0x00280006, 'US'),
  NumberOfFrames: entry(0x00280008, 'IS'),
  Rows: entry(0x00280010, 'US'),
  Columns: entry(0x00280011, 'US'),
  BitsAllocated: entry(0x00280100, 'US'),
  BitsStored: entry(0x00280101, 'US'),
  HighBit: entry(0x00280102, 'US'),
  PixelRepresentation: entry(0x00280103, 'US'),
  RescaleIntercept: entry(0x00281052, 'DS'),
  RescaleSlope: entry(0x00281053, 'DS'),
  StudyPriorityID: entry(0x0032000c, 'CS'),
  ReasonForStudy: entry(0x00321030, 'LO'),
  RequestedProcedureDescription: entry(0x00321060, 'LO'),
  ScheduledProcedureStepDescription: entry(0x00400007, 'LO'),
  ScheduledProcedureStepID: entry(0x00400009, 'SH'),
  PerformedProcedureStepStartDate: entry(0x00400244, 'DA'),
  PerformedProcedureStepStartTime: entry(0x00400245, 'TM'),
  PerformedProcedureStepDescription: entry(0x00400254, 'LO'),
  RequestAttributesSequence: entry(0x00400275, 'SQ'),
  RequestedProcedureID: entry(0x00401001, 'SH'),
  ReasonForTheRequestedProcedure: entry(0x00401002, 'LO'),
  RequestedProcedurePriority: entry(0x00401003, 'SH'),
  FloatPixelData: entry(0x7fe00008, 'OF'),
  DoubleFloatPixelData: entry(0x7fe00009, 'OD'),
  PixelData: entry(0x7fe00010, 'OB or OW'),
} as const satisfies Record<string, TagEntry>;

export type TagKeyword = keyof typeof TAGS;
