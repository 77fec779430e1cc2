import { TAGS } from '../../dicom/dictionary/tags.ts';
import type { SeriesKeyword, StudyKeyword } from '../study/header.ts';
import type { Found, FoundInstance, FoundSeries, FoundStudy, QueryLevel } from './found.ts';

/** Value Representations of what can be searched for or returned. */
export type QueryVr =
  'AE' | 'AS' | 'CS' | 'DA' | 'DS' | 'IS' | 'LO' | 'LT' | 'PN' | 'SH' | 'TM' | 'UI' | 'UR' | 'US';

/** An attribute that searches know: as a key, in answers, or both. */
export interface QueryAttribute {
  readonly keyword: string;
  /** Group in the upper 16 bits, element in the lower ones. */
  readonly tag: number;
  readonly vr: QueryVr;
  readonly level: QueryLevel;
  /** It stands in the one item of this sequence. */
  readonly sequence?: { readonly keyword: string; readonly tag: number };
  /** When it is in an answer unasked: `always`, then also without a value; `present`: where it has one. */
  readonly returned: 'always' | 'present' | 'asked';
  /** Whether it can be matched against. */
  readonly isKey: boolean;
  /** Several values are joined by backslashes; undefined: none, or it is not of the result's level. */
  readonly read: (found: Found) => string | number | undefined;
}

type Flags = Partial<Pick<QueryAttribute, 'returned' | 'isKey' | 'sequence'>>;

const ALWAYS = { returned: 'always' } as const;
const PRESENT = { returned: 'present' } as const;
const NO_KEY = { isKey: false } as const;
const REQUEST = {
  sequence: { keyword: 'RequestAttributesSequence', tag: TAGS.RequestAttributesSequence.tag },
  returned: 'present',
} as const;

function attribute(
  level: QueryLevel,
  keyword: string,
  tag: number,
  vr: QueryVr,
  flags: Flags,
  read: QueryAttribute['read'],
): QueryAttribute {
  return { keyword, tag, vr, level, returned: 'asked', isKey: true, ...flags, read };
}

const study = (
  keyword: string,
  tag: number,
  vr: QueryVr,
  flags: Flags,
  read: (study: FoundStudy) => string | number | undefined,
): QueryAttribute => attribute('study', keyword, tag, vr, flags, ({ study: found }) => read(found));

const series = (
  keyword: string,
  tag: number,
  vr: QueryVr,
  flags: Flags,
  read: (series: FoundSeries) => string | number | undefined,
): QueryAttribute =>
  attribute('series', keyword, tag, vr, flags, ({ series: found }) => found && read(found));

const instance = (
  keyword: string,
  tag: number,
  vr: QueryVr,
  flags: Flags,
  read: (instance: FoundInstance) => string | number | undefined,
): QueryAttribute =>
  attribute('instance', keyword, tag, vr, flags, ({ instance: found }) => found && read(found));

type TextTag<K> = K & keyof typeof TAGS;

const ofStudy = (keyword: TextTag<StudyKeyword>, flags: Flags = {}): QueryAttribute =>
  study(keyword, TAGS[keyword].tag, TAGS[keyword].vr, flags, ({ attributes }) => attributes[keyword]);

const ofSeries = (keyword: TextTag<SeriesKeyword>, flags: Flags = {}): QueryAttribute =>
  series(keyword, TAGS[keyword].tag, TAGS[keyword].vr, flags, ({ attributes }) => attributes[keyword]);

/** Everything that a search can be asked for, PS3.18 10.6.1.2 and 10.6.3.3 and what the index has besides. */
export const QUERY_ATTRIBUTES: readonly QueryAttribute[] = [
  study('StudyInstanceUID', TAGS.StudyInstanceUID.tag, 'UI', ALWAYS, (found) => found.studyInstanceUid),
  ofStudy('StudyDate', ALWAYS),
  ofStudy('StudyTime', ALWAYS),
  ofStudy('AccessionNumber', ALWAYS),
  study('ModalitiesInStudy', 0x00080061, 'CS', ALWAYS, ({ modalities }) => modalities.join('\\')),
  ofStudy('ReferringPhysicianName', ALWAYS),
  ofStudy('PatientName', ALWAYS),
  ofStudy('PatientID', ALWAYS),
  ofStudy('PatientBirthDate', ALWAYS),
  ofStudy('PatientSex', ALWAYS),
  ofStudy('StudyID', ALWAYS),
  study('NumberOfStudyRelatedSeries', 0x00201206, 'IS', ALWAYS, (found) => found.seriesCount),
  study('NumberOfStudyRelatedInstances', 0x00201208, 'IS', ALWAYS, (found) => found.instanceCount),
  ofStudy('StudyDescription', PRESENT),
  study('SOPClassesInStudy', 0x00080062, 'UI', PRESENT, ({ sopClasses }) => sopClasses.join('\\')),
  ofStudy('IssuerOfPatientID', PRESENT),
  ofStudy('TimezoneOffsetFromUTC', { ...PRESENT, ...NO_KEY }),
  ofStudy('InstitutionName'),
  ofStudy('InstitutionalDepartmentName'),
  ofStudy('AdmittingDiagnosesDescription'),
  ofStudy('ReasonForStudy'),
  ofStudy('RequestedProcedureDescription'),
  ofStudy('PatientAge'),
  ofStudy('PatientSize'),
  ofStudy('PatientWeight'),
  ofStudy('AdditionalPatientHistory'),

  series('SeriesInstanceUID', TAGS.SeriesInstanceUID.tag, 'UI', ALWAYS, (found) => found.seriesInstanceUid),
  ofSeries('Modality', ALWAYS),
  ofSeries('SeriesNumber', ALWAYS),
  series('NumberOfSeriesRelatedInstances', 0x00201209, 'IS', ALWAYS, (found) => found.instanceCount),
  ofSeries('SeriesDescription', PRESENT),
  ofSeries('PerformedProcedureStepStartDate', PRESENT),
  ofSeries('PerformedProcedureStepStartTime', PRESENT),
  ofSeries('ScheduledProcedureStepID', REQUEST),
  ofSeries('RequestedProcedureID', REQUEST),
  ofSeries('BodyPartExamined', PRESENT),
  ofSeries('SeriesDate', PRESENT),
  ofSeries('SeriesTime', PRESENT),
  ofSeries('ProtocolName'),
  ofSeries('Manufacturer'),
  ofSeries('StationName'),

  instance('SOPClassUID', TAGS.SOPClassUID.tag, 'UI', ALWAYS, (found) => found.sopClassUid),
  instance('SOPInstanceUID', TAGS.SOPInstanceUID.tag, 'UI', ALWAYS, (found) => found.sopInstanceUid),
  instance('InstanceNumber', TAGS.InstanceNumber.tag, 'IS', ALWAYS, ({ image }) => image.instanceNumber),
  instance('Rows', TAGS.Rows.tag, 'US', PRESENT, ({ image }) => image.rows),
  instance('Columns', TAGS.Columns.tag, 'US', PRESENT, ({ image }) => image.columns),
  instance('BitsAllocated', TAGS.BitsAllocated.tag, 'US', PRESENT, ({ image }) => image.bitsAllocated),
  instance('NumberOfFrames', TAGS.NumberOfFrames.tag, 'IS', PRESENT, ({ image }) => image.numberOfFrames),
  instance('AvailableTransferSyntaxUID', 0x00083002, 'UI', PRESENT, (found) => found.transferSyntaxUid),
  instance('BitsStored', TAGS.BitsStored.tag, 'US', {}, ({ image }) => image.bitsStored),
  instance('HighBit', TAGS.HighBit.tag, 'US', {}, ({ image }) => image.highBit),
  instance(
    'PixelRepresentation',
    TAGS.PixelRepresentation.tag,
    'US',
    {},
    ({ image }) => image.pixelRepresentation,
  ),
  instance('SamplesPerPixel', TAGS.SamplesPerPixel.tag, 'US', {}, ({ image }) => image.samplesPerPixel),
  instance(
    'PhotometricInterpretation',
    TAGS.PhotometricInterpretation.tag,
    'CS',
    {},
    ({ image }) => image.photometricInterpretation,
  ),
  instance('RescaleIntercept', TAGS.RescaleIntercept.tag, 'DS', {}, ({ image }) => image.rescaleIntercept),
  instance('RescaleSlope', TAGS.RescaleSlope.tag, 'DS', {}, ({ image }) => image.rescaleSlope),
];

/** Sequences that hold some of them. */
export const QUERY_SEQUENCES: readonly { readonly keyword: string; readonly tag: number }[] = [
  REQUEST.sequence,
];

/** Eight upper-case hexadecimal digits, as DICOM JSON and URLs name a tag. */
export function tagHex(tag: number): string {
  return tag.toString(16).toUpperCase().padStart(8, '0');
}

const BY_NAME = new Map<string, QueryAttribute>();
for (const one of QUERY_ATTRIBUTES) {
  const { keyword, tag, sequence } = one;
  for (const name of [keyword, tagHex(tag)]) {
    // Bare names of what stands in a sequence are understood as well.
    BY_NAME.set(name, one);
    if (sequence !== undefined)
      for (const prefix of [sequence.keyword, tagHex(sequence.tag)]) BY_NAME.set(`${prefix}.${name}`, one);
  }
}

/** @param name keyword or tag, upper-case; of an item after the sequence's and a dot. */
export function queryAttribute(name: string): QueryAttribute | undefined {
  return BY_NAME.get(name);
}
