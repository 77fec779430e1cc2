import { characterSet, type CharacterSet } from '../../dicom/character-set.ts';
import { TAGS, type TagKeyword, type Vr } from '../../dicom/dictionary/tags.ts';
import {
  type DataSetScan,
  type ScannedElement,
  type ScannedElements,
  tagText,
  type WantedElements,
} from '../../dicom/part10/data-set-scan.ts';
import { parseUid, type Uid } from '../../dicom/uid.ts';
import { parseDecimalString, parseIntegerString, readUnsignedShort } from '../../dicom/values/number.ts';
import { trimPersonNames } from '../../dicom/values/person-name.ts';
import { firstValue, trimFreeText, trimValues } from '../../dicom/values/text.ts';
import {
  type ImageAttributes,
  type InstanceHeader,
  SERIES_KEYWORDS,
  type SeriesKeyword,
  STUDY_KEYWORDS,
  type StudyKeyword,
} from './header.ts';

/** What an instance is known by. */
export type InstanceIdentity = Pick<
  InstanceHeader,
  'studyInstanceUid' | 'seriesInstanceUid' | 'sopInstanceUid' | 'sopClassUid'
>;

export type IdentityExtraction =
  | { readonly ok: true; readonly identity: InstanceIdentity }
  /** As of {@link HeaderExtraction}. */
  | { readonly ok: false; readonly reason: string };

export type HeaderExtraction =
  | { readonly ok: true; readonly header: InstanceHeader }
  /** Names the attribute that is missing or invalid; at most 64 characters, no patient data. */
  | { readonly ok: false; readonly reason: string };

/** Where a header value stands in the Data Set. */
interface Place {
  readonly tag: number;
  readonly vr: Vr;
  /** Where it comes from the first item of a sequence. */
  readonly sequence?: number;
}

const REQUEST = { sequence: TAGS.RequestAttributesSequence.tag };

/** Keywords of the header that are no attribute of the Data Set itself. */
const ITEM_PLACES = {
  ProcedureCodeMeaning: { ...TAGS.CodeMeaning, sequence: TAGS.ProcedureCodeSequence.tag },
  RequestAttributesRequestedProcedureDescription: { ...TAGS.RequestedProcedureDescription, ...REQUEST },
  RequestAttributesScheduledProcedureStepDescription: {
    ...TAGS.ScheduledProcedureStepDescription,
    ...REQUEST,
  },
  RequestAttributesReasonForTheRequestedProcedure: { ...TAGS.ReasonForTheRequestedProcedure, ...REQUEST },
  ScheduledProcedureStepID: { ...TAGS.ScheduledProcedureStepID, ...REQUEST },
  RequestedProcedureID: { ...TAGS.RequestedProcedureID, ...REQUEST },
} as const satisfies Partial<Record<StudyKeyword | SeriesKeyword, Place>>;

type ItemKeyword = keyof typeof ITEM_PLACES;

function isItemKeyword(keyword: string): keyword is ItemKeyword {
  return Object.hasOwn(ITEM_PLACES, keyword);
}

function placeOf(keyword: StudyKeyword | SeriesKeyword): Place {
  return isItemKeyword(keyword) ? ITEM_PLACES[keyword] : TAGS[keyword];
}

const STUDY_PLACES = STUDY_KEYWORDS.map((keyword) => [keyword, placeOf(keyword)] as const);
const SERIES_PLACES = SERIES_KEYWORDS.map((keyword) => [keyword, placeOf(keyword)] as const);

const UID_KEYWORDS = ['SOPClassUID', 'SOPInstanceUID', 'StudyInstanceUID', 'SeriesInstanceUID'] as const;
const IMAGE_KEYWORDS = [
  'InstanceNumber',
  'NumberOfFrames',
  'Rows',
  'Columns',
  'BitsAllocated',
  'BitsStored',
  'HighBit',
  'PixelRepresentation',
  'SamplesPerPixel',
  'PhotometricInterpretation',
  'RescaleIntercept',
  'RescaleSlope',
] as const satisfies readonly TagKeyword[];

function collectTags(): WantedElements {
  const elements = new Set<number>();
  const sequences = new Map<number, Set<number>>();
  for (const keyword of [...UID_KEYWORDS, ...IMAGE_KEYWORDS]) elements.add(TAGS[keyword].tag);
  for (const [, place] of [...STUDY_PLACES, ...SERIES_PLACES]) {
    if (place.sequence === undefined) {
      elements.add(place.tag);
      continue;
    }
    // An item may have a character set of its own (PS3.3 C.12.1.1.2).
    const ofItem = sequences.get(place.sequence) ?? new Set([TAGS.SpecificCharacterSet.tag]);
    sequences.set(place.sequence, ofItem.add(place.tag));
  }
  return { elements, sequences };
}

/** What a scanner must look out for so that {@link extractHeader} finds everything. */
export const HEADER_TAGS: WantedElements = collectTags();

/** A Data Set or item together with its character set. */
interface TextSource {
  readonly elements: ScannedElements;
  readonly charset: CharacterSet;
}

/** Text of the VRs that Specific Character Set does not apply to. */
function plainText(element: ScannedElement | undefined): string | undefined {
  return element?.value.toString('latin1');
}

function textSource(elements: ScannedElements, inherited?: CharacterSet): TextSource {
  const own = plainText(elements.get(TAGS.SpecificCharacterSet.tag));
  return { elements, charset: own === undefined && inherited ? inherited : characterSet(own) };
}

function readText(source: TextSource, { tag, vr }: Place): string | undefined {
  const element = source.elements.get(tag);
  if (element === undefined || element.value.length === 0) return undefined;
  switch (vr) {
    case 'PN':
      return trimPersonNames(source.charset.decode(element.value, 'person-name'));
    case 'LO':
    case 'SH':
      return trimValues(source.charset.decode(element.value));
    case 'LT':
      return trimFreeText(source.charset.decode(element.value));
    default:
      return trimValues(element.value.toString('latin1'));
  }
}

function readAll<K extends string>(
  places: readonly (readonly [K, Place])[],
  dataSet: TextSource,
  items: ReadonlyMap<number, TextSource>,
): Partial<Record<K, string>> {
  const values: Partial<Record<K, string>> = {};
  for (const [keyword, place] of places) {
    const source = place.sequence === undefined ? dataSet : items.get(place.sequence);
    const value = source === undefined ? undefined : readText(source, place);
    if (value !== undefined) values[keyword] = value;
  }
  return values;
}

function readImage(scan: DataSetScan): ImageAttributes {
  const short = (keyword: TagKeyword) => {
    const element = scan.elements.get(TAGS[keyword].tag);
    return element === undefined ? undefined : readUnsignedShort(element.value, element.littleEndian);
  };
  const first = (keyword: TagKeyword) => firstValue(plainText(scan.elements.get(TAGS[keyword].tag)) ?? '');
  const integer = (keyword: TagKeyword) => parseIntegerString(first(keyword) ?? '');
  const decimal = (keyword: TagKeyword) => parseDecimalString(first(keyword) ?? '');
  return withoutUndefined({
    instanceNumber: integer('InstanceNumber'),
    numberOfFrames: integer('NumberOfFrames'),
    rows: short('Rows'),
    columns: short('Columns'),
    bitsAllocated: short('BitsAllocated'),
    bitsStored: short('BitsStored'),
    highBit: short('HighBit'),
    pixelRepresentation: short('PixelRepresentation'),
    samplesPerPixel: short('SamplesPerPixel'),
    photometricInterpretation: first('PhotometricInterpretation'),
    rescaleIntercept: decimal('RescaleIntercept'),
    rescaleSlope: decimal('RescaleSlope'),
    pixelData: scan.pixelData === 'none' ? undefined : scan.pixelData,
  });
}

type Defined<T> = { -readonly [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(fields: T): Defined<T> {
  const defined: Defined<T> = {};
  for (const key of Object.keys(fields) as (keyof T)[]) {
    const value = fields[key];
    if (value !== undefined) defined[key] = value as Defined<T>[typeof key];
  }
  return defined;
}

function readUid(scan: DataSetScan, keyword: (typeof UID_KEYWORDS)[number]): Uid | { reason: string } {
  const { tag } = TAGS[keyword];
  const text = plainText(scan.elements.get(tag));
  const uid = parseUid(text ?? '');
  if (uid !== undefined) return uid;
  const fault =
    text === undefined && !scan.oversized.includes(tag)
      ? 'is missing'
      : text?.replace(/[\0 ]/g, '') === ''
        ? 'is empty'
        : 'is not a UID';
  return { reason: `${keyword} ${tagText(tag)} ${fault}.` };
}

/**
 * Takes from a scan what an instance is known by.
 * @param scan made with {@link HEADER_TAGS}; of any integrity, which is the caller's to judge.
 */
export function extractIdentity(scan: DataSetScan): IdentityExtraction {
  const sopClassUid = readUid(scan, 'SOPClassUID');
  const sopInstanceUid = readUid(scan, 'SOPInstanceUID');
  const studyInstanceUid = readUid(scan, 'StudyInstanceUID');
  const seriesInstanceUid = readUid(scan, 'SeriesInstanceUID');
  if (typeof sopClassUid === 'object') return { ok: false, ...sopClassUid };
  if (typeof sopInstanceUid === 'object') return { ok: false, ...sopInstanceUid };
  if (typeof studyInstanceUid === 'object') return { ok: false, ...studyInstanceUid };
  if (typeof seriesInstanceUid === 'object') return { ok: false, ...seriesInstanceUid };
  return { ok: true, identity: { studyInstanceUid, seriesInstanceUid, sopInstanceUid, sopClassUid } };
}

/** Takes from a scan what the index and Avara need to know of an instance. */
export function describeInstance(identity: InstanceIdentity, scan: DataSetScan): InstanceHeader {
  const dataSet = textSource(scan.elements);
  const items = new Map(
    [...scan.firstItems].map(([tag, elements]) => [tag, textSource(elements, dataSet.charset)]),
  );
  return {
    ...identity,
    study: readAll(STUDY_PLACES, dataSet, items),
    series: readAll(SERIES_PLACES, dataSet, items),
    image: readImage(scan),
  };
}

/** {@link extractIdentity} and {@link describeInstance} in one. */
export function extractHeader(scan: DataSetScan): HeaderExtraction {
  const extracted = extractIdentity(scan);
  return extracted.ok ? { ok: true, header: describeInstance(extracted.identity, scan) } : extracted;
}
