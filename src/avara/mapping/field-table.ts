import { PRODUCTS } from '../../core/study/study.ts';
import type { Product } from '../../core/study/study.ts';
import { formatDate, readDate } from './date-time.ts';
import { describeModality, describeProcedure, describeStudy, MAX_LINE_LENGTH } from './description.ts';
import { convertHeight, convertWeight, describeAge } from './measures.ts';
import { formatPatientName, formatPhysicianName } from './person-name.ts';
import {
  externalPatientId,
  facilityName,
  indicationOf,
  MAX_METADATA_VALUE_LENGTH,
  MAX_TEXT_LENGTH,
  severityOf,
  SEXES,
} from './study-values.ts';
import type { StudyContext } from './study-context.ts';
import { cleanLine, cleanText } from './text.ts';

/** One member of a create body: where it comes from, and what docs/avara.md says of it. */
export interface FieldRule {
  /** Name in the body; a dot leads into an object. */
  readonly field: string;
  readonly products: readonly Product[];
  /** DICOM elements, the first that has a value counts; or what else it comes from. */
  readonly source: string;
  readonly conversion: string;
  readonly whenAbsent: string;
  /** Undefined: not sent. */
  readonly value: (context: StudyContext) => unknown;
}

const BOTH = PRODUCTS;
const AUTO_SCRIBE: readonly Product[] = ['autoScribe'];
const NOT_SENT = 'not sent';

/** Every member of both create bodies. The documentation's table and the bodies are made from it. */
export const FIELD_TABLE: readonly FieldRule[] = [
  {
    field: 'studyInstanceUid',
    products: BOTH,
    source: '(0020,000D) StudyInstanceUID UI',
    conversion: 'padding removed',
    whenAbsent: 'the instance is refused at intake',
    value: ({ study }) => study.key.studyInstanceUid,
  },
  {
    field: 'studyDescription',
    products: BOTH,
    source:
      '(0008,1030) StudyDescription LO; (0032,1060) RequestedProcedureDescription LO; (0040,0275) RequestAttributesSequence > (0032,1060), > (0040,0007) ScheduledProcedureStepDescription LO; (0008,1032) ProcedureCodeSequence > (0008,0104) CodeMeaning LO; (0040,0254) PerformedProcedureStepDescription LO; (0018,1030) ProtocolName LO',
    conversion: 'one line, several values joined by a space, at most 64 characters',
    whenAbsent: '`<modality> study`, or `Imaging study`',
    value: ({ attributes, study }) => describeStudy(attributes, study.modalities),
  },
  {
    field: 'severity',
    products: BOTH,
    source: '(0040,1003) RequestedProcedurePriority SH; (0032,000C) StudyPriorityID CS',
    conversion: '`STAT` is `stat`, `HIGH` is `high`; any other value counts as absent',
    whenAbsent: 'the customer’s `severity` (always, with `"override": ["severity"]`)',
    value: severityOf,
  },
  {
    field: 'expressCustomerId',
    products: BOTH,
    source: 'the customer’s `expressCustomerId`',
    conversion: 'none',
    whenAbsent: 'the configuration is refused',
    value: ({ customer }) => customer.expressCustomerId,
  },
  {
    field: 'assignedTo',
    products: BOTH,
    source: 'the customer’s `assignedTo`',
    conversion: 'none',
    whenAbsent: NOT_SENT,
    value: ({ customer }) => customer.assignedTo,
  },
  {
    field: 'metadata.accessionNumber',
    products: BOTH,
    source: '(0008,0050) AccessionNumber SH',
    conversion: 'one line, at most 1000 characters',
    whenAbsent: NOT_SENT,
    value: ({ attributes }) => cleanLine(attributes.AccessionNumber, MAX_METADATA_VALUE_LENGTH),
  },
  {
    field: 'metadata.studyId',
    products: BOTH,
    source: '(0020,0010) StudyID SH',
    conversion: 'one line, at most 1000 characters',
    whenAbsent: NOT_SENT,
    value: ({ attributes }) => cleanLine(attributes.StudyID, MAX_METADATA_VALUE_LENGTH),
  },
  {
    field: 'metadata.source',
    products: BOTH,
    source: 'how the instance came in',
    conversion: '`dimse`, `folder`, `stow`, `import`',
    whenAbsent: 'always there',
    value: ({ study }) => study.origin.source,
  },
  {
    field: 'metadata.sourceAeTitle',
    products: BOTH,
    source: 'Calling AE title of the Association',
    conversion: 'none',
    whenAbsent: NOT_SENT,
    value: ({ study }) => cleanLine(study.origin.callingAeTitle, MAX_METADATA_VALUE_LENGTH),
  },
  {
    field: 'metadata.calledAeTitle',
    products: BOTH,
    source: 'Called AE title of the Association',
    conversion: 'none',
    whenAbsent: NOT_SENT,
    value: ({ study }) => cleanLine(study.origin.calledAeTitle, MAX_METADATA_VALUE_LENGTH),
  },
  {
    field: 'metadata.*',
    products: BOTH,
    source: 'the customer’s `metadata`',
    conversion: 'as configured',
    whenAbsent: NOT_SENT,
    value: ({ customer }) => customer.metadata,
  },
  {
    field: 'modality',
    products: AUTO_SCRIBE,
    source: '(0008,0060) Modality CS of every series',
    conversion:
      'distinct values joined by `/`, each by its name in the customer’s `modalityNames`; SR, PR, KO, SC, OT, DOC and SEG only where there is nothing else',
    whenAbsent: NOT_SENT,
    value: ({ study, customer }) => describeModality(study.modalities, customer.modalityNames),
  },
  {
    field: 'externalPatientId',
    products: AUTO_SCRIBE,
    source: '(0010,0020) PatientID LO with (0010,0021) IssuerOfPatientID LO',
    conversion: '`<expressCustomerId>:<issuer>:<PatientID>`, so that ids of two customers never meet',
    whenAbsent: NOT_SENT,
    value: ({ attributes, customer }) => externalPatientId(attributes, customer.expressCustomerId),
  },
  {
    field: 'clinicalIndication',
    products: AUTO_SCRIBE,
    source:
      '(0040,1002) ReasonForTheRequestedProcedure LO; (0040,0275) RequestAttributesSequence > (0040,1002); (0032,1030) ReasonForStudy LO; (0008,1080) AdmittingDiagnosesDescription LO',
    conversion: 'one line, several values joined by `; `',
    whenAbsent: NOT_SENT,
    value: ({ attributes }) => indicationOf(attributes),
  },
  {
    field: 'clinicalHistory',
    products: AUTO_SCRIBE,
    source: '(0010,21B0) AdditionalPatientHistory LT',
    conversion: 'trimmed, line ends kept',
    whenAbsent: NOT_SENT,
    value: ({ attributes }) => cleanText(attributes.AdditionalPatientHistory, MAX_TEXT_LENGTH),
  },
  {
    field: 'reportMetadata.patientName',
    products: AUTO_SCRIBE,
    source: '(0010,0010) PatientName PN',
    conversion:
      'alphabetic, else ideographic, else phonetic group as `Given Middle Family Suffix`; without carets as it stands',
    whenAbsent: NOT_SENT,
    value: ({ attributes }) => formatPatientName(attributes.PatientName),
  },
  {
    field: 'reportMetadata.dateOfBirth',
    products: AUTO_SCRIBE,
    source: '(0010,0030) PatientBirthDate DA',
    conversion: '`YYYY-MM-DD`, days of the calendar only',
    whenAbsent: NOT_SENT,
    value({ attributes }) {
      const date = readDate(attributes.PatientBirthDate);
      return date && formatDate(date);
    },
  },
  {
    field: 'reportMetadata.sex',
    products: AUTO_SCRIBE,
    source: '(0010,0040) PatientSex CS',
    conversion: 'M `male`, F `female`, O `other`; anything else counts as absent',
    whenAbsent: NOT_SENT,
    value: ({ attributes }) => SEXES[attributes.PatientSex?.trim().toUpperCase() ?? ''],
  },
  {
    field: 'reportMetadata.age',
    products: AUTO_SCRIBE,
    source: '(0010,1010) PatientAge AS; else counted from birth date to study date',
    conversion: '`034Y` is `34 years`; days, weeks, months likewise',
    whenAbsent: NOT_SENT,
    value: ({ attributes, moment }) =>
      describeAge(attributes.PatientAge, attributes.PatientBirthDate, moment?.da),
  },
  {
    field: 'reportMetadata.height',
    products: AUTO_SCRIBE,
    source: '(0010,1020) PatientSize DS, metres',
    conversion: '`{ value, unit: "cm" }`, to 0.1 cm; outside 0.2 to 2.8 m counts as absent',
    whenAbsent: NOT_SENT,
    value: ({ attributes }) => convertHeight(attributes.PatientSize),
  },
  {
    field: 'reportMetadata.weight',
    products: AUTO_SCRIBE,
    source: '(0010,1030) PatientWeight DS, kilograms',
    conversion: '`{ value, unit: "kg" }`, to 1 g; outside 0.2 to 700 kg counts as absent',
    whenAbsent: NOT_SENT,
    value: ({ attributes }) => convertWeight(attributes.PatientWeight),
  },
  {
    field: 'reportMetadata.mrn',
    products: AUTO_SCRIBE,
    source: '(0010,0020) PatientID LO',
    conversion: 'one line, at most 64 characters',
    whenAbsent: NOT_SENT,
    value: ({ attributes }) => cleanLine(attributes.PatientID, MAX_LINE_LENGTH),
  },
  {
    field: 'reportMetadata.facilityName',
    products: AUTO_SCRIBE,
    source: '(0008,0080) InstitutionName LO; (0008,1040) InstitutionalDepartmentName LO',
    conversion: 'one line, at most 64 characters',
    whenAbsent: 'the customer’s `facilityName` (always, with `"override": ["facilityName"]`)',
    value: facilityName,
  },
  {
    field: 'reportMetadata.referringPhysicianName',
    products: AUTO_SCRIBE,
    source: '(0008,0090) ReferringPhysicianName PN',
    conversion: '`Prefix Given Middle Family Suffix`',
    whenAbsent: NOT_SENT,
    value: ({ attributes }) => formatPhysicianName(attributes.ReferringPhysicianName),
  },
  {
    field: 'reportMetadata.procedure',
    products: AUTO_SCRIBE,
    source:
      'as `studyDescription`, the order before the performed step: (0032,1060); (0040,0275) > (0032,1060), > (0040,0007); (0008,1032) > (0008,0104); (0040,0254); (0008,1030)',
    conversion: 'one line, at most 64 characters',
    whenAbsent: NOT_SENT,
    value: ({ attributes }) => describeProcedure(attributes),
  },
  {
    field: 'reportMetadata.studyDate',
    products: AUTO_SCRIBE,
    source:
      '(0008,0020) StudyDate DA; (0008,0021) SeriesDate; (0008,0022) AcquisitionDate; (0008,0023) ContentDate',
    conversion: '`YYYY-MM-DD`, local to the place of the study',
    whenAbsent: NOT_SENT,
    value: ({ moment }) => moment?.date,
  },
  {
    field: 'reportMetadata.studyTime',
    products: AUTO_SCRIBE,
    source:
      '(0008,0030) StudyTime TM, or (0008,0031), (0008,0032), (0008,0033): that of the date’s own level',
    conversion: '`HH:MM`, cut and not rounded; an hour alone is the full hour',
    whenAbsent: NOT_SENT,
    value: ({ moment }) => moment?.time,
  },
];

/** The table of docs/avara.md, in Markdown. */
export function renderFieldTable(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const rows = FIELD_TABLE.map(({ field, products, source, conversion, whenAbsent }) =>
    [
      `\`${field}\``,
      products.length === 2 ? 'both' : products.join(', '),
      cell(source),
      cell(conversion),
      cell(whenAbsent),
    ].join(' | '),
  );
  return [
    '| Field | Product | Source | Conversion | When absent |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map((row) => `| ${row} |`),
    '',
  ].join('\n');
}
