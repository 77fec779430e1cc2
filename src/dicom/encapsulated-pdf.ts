import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME } from './implementation.ts';
import { readFileMeta } from './part10/file-meta.ts';
import { uid } from './uid.ts';
import type { Uid } from './uid.ts';

export const ENCAPSULATED_PDF_STORAGE = uid('1.2.840.10008.5.1.4.1.1.104.1');
const EXPLICIT_VR_LITTLE_ENDIAN = uid('1.2.840.10008.1.2.1');

/** What the new object says of patient and study, as the study's images say it. Text decoded; absent: left empty. */
export interface DocumentSubject {
  readonly studyInstanceUid: Uid;
  readonly PatientName?: string;
  readonly PatientID?: string;
  readonly IssuerOfPatientID?: string;
  readonly PatientBirthDate?: string;
  readonly PatientSex?: string;
  readonly StudyDate?: string;
  readonly StudyTime?: string;
  readonly StudyID?: string;
  readonly AccessionNumber?: string;
  readonly StudyDescription?: string;
  readonly ReferringPhysicianName?: string;
  readonly InstitutionName?: string;
}

const SUBJECT_KEYWORDS = [
  'PatientName',
  'PatientID',
  'IssuerOfPatientID',
  'PatientBirthDate',
  'PatientSex',
  'StudyDate',
  'StudyTime',
  'StudyID',
  'AccessionNumber',
  'StudyDescription',
  'ReferringPhysicianName',
  'InstitutionName',
] as const;

export interface EncapsulatedPdfOptions {
  readonly subject: DocumentSubject;
  readonly pdf: Buffer;
  /** Document Title and Series Description, at most 64 characters. */
  readonly title: string;
  /** Same name, same object: the UIDs are made from it, so that sending again is no second document. */
  readonly name: string;
  /** 1 for the first version, and so on. */
  readonly instanceNumber: number;
  /** When the document was made, ms since 1970; written in this machine's time zone, as the images' times are. */
  readonly at: number;
}

/** An Encapsulated PDF IOD (PS3.3 A.45.1), ready to be sent. */
export interface EncapsulatedPdf {
  readonly sopClassUid: Uid;
  readonly sopInstanceUid: Uid;
  readonly seriesInstanceUid: Uid;
  readonly transferSyntaxUid: Uid;
  readonly dataSet: Buffer;
}

interface Dcmjs {
  readonly data: {
    readonly DicomMetaDictionary: { denaturalizeDataset(natural: object): object };
    readonly DicomDict: new (meta: object) => { dict: object; write(): ArrayBuffer };
  };
  readonly log: { setLevel(level: string): void };
}

/** Makes a DICOM object of a PDF. Text is written in UTF-8, which every name fits into. */
export function encapsulatePdf(options: EncapsulatedPdfOptions): EncapsulatedPdf {
  const { subject, pdf, title, name, instanceNumber, at } = options;
  const { studyInstanceUid } = subject;
  const dcmjs = createRequire(import.meta.url)('dcmjs') as Dcmjs;
  dcmjs.log.setLevel('silent');
  const sopInstanceUid = uidOf(`document ${name}`);
  const seriesInstanceUid = uidOf(`documents of ${studyInstanceUid}`);
  const { date, clock, offset } = localTime(new Date(at));
  const empty = {
    PatientName: '',
    PatientID: '',
    PatientBirthDate: '',
    PatientSex: '',
    StudyDate: '',
    StudyTime: '',
    StudyID: '',
    AccessionNumber: '',
    ReferringPhysicianName: '',
  };
  const stated: Partial<Record<(typeof SUBJECT_KEYWORDS)[number], string>> = {};
  for (const keyword of SUBJECT_KEYWORDS) {
    const value = subject[keyword];
    if (value !== undefined) stated[keyword] = first(value);
  }
  const natural = {
    ...empty,
    ...stated,
    PatientSex: ['M', 'F', 'O'].includes(stated.PatientSex ?? '') ? stated.PatientSex : '',
    SpecificCharacterSet: 'ISO_IR 192',
    SOPClassUID: ENCAPSULATED_PDF_STORAGE,
    SOPInstanceUID: sopInstanceUid,
    StudyInstanceUID: studyInstanceUid,
    SeriesInstanceUID: seriesInstanceUid,
    Modality: 'DOC',
    SeriesNumber: '9901',
    SeriesDescription: title,
    // Type 2 in the SC Equipment and General Equipment modules.
    ConversionType: 'WSD',
    Manufacturer: 'avara-ingest',
    InstanceNumber: String(instanceNumber),
    ContentDate: date,
    ContentTime: clock,
    AcquisitionDateTime: `${date}${clock}${offset}`,
    BurnedInAnnotation: 'YES',
    DocumentTitle: title,
    ConceptNameCodeSequence: [
      { CodeValue: '18748-4', CodingSchemeDesignator: 'LN', CodeMeaning: 'Diagnostic Imaging Report' },
    ],
    VerificationFlag: 'VERIFIED',
    MIMETypeOfEncapsulatedDocument: 'application/pdf',
    EncapsulatedDocumentLength: pdf.length,
    EncapsulatedDocument: [evenBuffer(pdf)],
    _vrMap: { EncapsulatedDocument: 'OB' },
  };
  const { DicomMetaDictionary, DicomDict } = dcmjs.data;
  const meta = {
    FileMetaInformationVersion: Uint8Array.of(0, 1).buffer,
    MediaStorageSOPClassUID: ENCAPSULATED_PDF_STORAGE,
    MediaStorageSOPInstanceUID: sopInstanceUid,
    TransferSyntaxUID: EXPLICIT_VR_LITTLE_ENDIAN,
    ImplementationClassUID: IMPLEMENTATION_CLASS_UID,
    ImplementationVersionName: IMPLEMENTATION_VERSION_NAME,
  };
  const document = new DicomDict(DicomMetaDictionary.denaturalizeDataset(meta));
  document.dict = DicomMetaDictionary.denaturalizeDataset(natural);
  const file = Buffer.from(document.write());
  return {
    sopClassUid: ENCAPSULATED_PDF_STORAGE,
    sopInstanceUid,
    seriesInstanceUid,
    transferSyntaxUid: EXPLICIT_VR_LITTLE_ENDIAN,
    dataSet: file.subarray(dataSetOffsetOf(file)),
  };
}

/** DA, TM and the offset of a DT. */
function localTime(at: Date): { date: string; clock: string; offset: string } {
  const pad = (value: number, width = 2): string => String(value).padStart(width, '0');
  const minutes = -at.getTimezoneOffset();
  const distance = Math.abs(minutes);
  return {
    date: `${pad(at.getFullYear(), 4)}${pad(at.getMonth() + 1)}${pad(at.getDate())}`,
    clock: `${pad(at.getHours())}${pad(at.getMinutes())}${pad(at.getSeconds())}`,
    offset: `${minutes < 0 ? '-' : '+'}${pad(Math.floor(distance / 60))}${pad(distance % 60)}`,
  };
}

/** A UID made from a text: the same one for the same text (PS3.5 B.2, from 128 bits of its digest). */
function uidOf(text: string): Uid {
  const hex = createHash('sha256').update(`avara-ingest ${text}`).digest('hex').slice(0, 32);
  return uid(`2.25.${BigInt(`0x${hex}`)}`);
}

function first(value: string): string {
  return (value.split('\\')[0] ?? '').trim();
}

/** Values of OB have an even length (PS3.5 7.1.1); Encapsulated Document Length tells the true one. */
function evenBuffer(bytes: Buffer): ArrayBuffer {
  const even = new Uint8Array(bytes.length + (bytes.length % 2));
  even.set(bytes);
  return even.buffer;
}

function dataSetOffsetOf(file: Buffer): number {
  const reading = readFileMeta(file);
  if (reading.kind !== 'complete') throw new Error('the object just written has no File Meta Information');
  return reading.dataSetOffset;
}
