import { QUERY_ATTRIBUTES, tagHex } from '../../core/query/attributes.ts';
import type { QueryAttribute, QueryVr } from '../../core/query/attributes.ts';
import type { Found, QueryLevel } from '../../core/query/found.ts';
import type { SearchRequest } from '../../core/query/search-query.ts';

/** An attribute of the DICOM JSON Model (PS3.18 F.2.2). */
interface JsonElement {
  readonly vr: string;
  readonly Value?: readonly unknown[];
}
export type JsonDataSet = Readonly<Record<string, JsonElement>>;

export interface ResultFormOptions {
  readonly level: QueryLevel;
  readonly include: SearchRequest['include'];
  /** The path names the study, or the series, so that answers need not repeat what is known of them. */
  readonly within: 'all' | 'study' | 'series';
  /** @returns what the URLs of this study start with: the service's URL. */
  readonly serviceUrlOf: (found: Found) => string;
}

const CHARACTER_SET = '00080005';
const AVAILABILITY = '00080056';
const RETRIEVE_URL = '00081190';
const LEVELS: readonly QueryLevel[] = ['study', 'series', 'instance'];
/** What names the result, returned whatever the path has. */
const IDENTIFIERS = new Set(['StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID']);
/** Components of Person Name groups (PS3.18 F.2.2). */
const NAME_GROUPS = ['Alphabetic', 'Ideographic', 'Phonetic'] as const;

/** An element of every result, in the order of tags. */
interface Part {
  readonly tag: string;
  /** @returns undefined where the result goes without it. */
  readonly of: (found: Found) => JsonElement | undefined;
}

/** Makes the function that puts results into the DICOM JSON Model (PS3.18 10.6.3.3, Annex F). */
export function createResultForm({ level, include, within, serviceUrlOf }: ResultFormOptions) {
  const wanted = QUERY_ATTRIBUTES.flatMap((attribute) => {
    if (LEVELS.indexOf(attribute.level) > LEVELS.indexOf(level)) return [];
    const returned = returnedAs(attribute, include, within);
    if (returned === 'asked') return [];
    const of = (found: Found): JsonElement | undefined => {
      const element = elementOf(attribute.vr, attribute.read(found));
      return element.Value === undefined && returned === 'present' ? undefined : element;
    };
    return [{ sequence: attribute.sequence, part: { tag: tagHex(attribute.tag), of } }];
  });
  const sequences = new Map<string, Part[]>();
  for (const { sequence, part } of wanted) {
    if (sequence === undefined) continue;
    const tag = tagHex(sequence.tag);
    sequences.set(tag, [...(sequences.get(tag) ?? []), part]);
  }
  const parts = sorted([
    { tag: CHARACTER_SET, of: () => ({ vr: 'CS', Value: ['ISO_IR 192'] }) },
    { tag: AVAILABILITY, of: () => ({ vr: 'CS', Value: ['ONLINE'] }) },
    { tag: RETRIEVE_URL, of: (found) => ({ vr: 'UR', Value: [serviceUrlOf(found) + pathOf(found)] }) },
    ...wanted.flatMap(({ sequence, part }) => (sequence === undefined ? part : [])),
    ...[...sequences].map(([tag, items]) => sequencePart(tag, sorted(items))),
  ]);
  return (found: Found): JsonDataSet => dataSetOf(parts, found) ?? {};
}

/** A sequence of one item; without elements there is none. */
function sequencePart(tag: string, items: readonly Part[]): Part {
  return {
    tag,
    of(found) {
      const item = dataSetOf(items, found);
      return item && { vr: 'SQ', Value: [item] };
    },
  };
}

/** All tags of ours begin with 0, so they are no array indices and keep their order. */
function dataSetOf(parts: readonly Part[], found: Found): JsonDataSet | undefined {
  const elements: Record<string, JsonElement> = {};
  let isEmpty = true;
  for (const { tag, of } of parts) {
    const element = of(found);
    if (element === undefined) continue;
    elements[tag] = element;
    isEmpty = false;
  }
  return isEmpty ? undefined : elements;
}

/** By tag (PS3.18 F.2.2). */
function sorted(parts: readonly Part[]): readonly Part[] {
  return parts.toSorted((one, other) => (one.tag < other.tag ? -1 : 1));
}

/** What a request makes of an attribute. What it asks for is there even without a value. */
function returnedAs(
  attribute: QueryAttribute,
  include: SearchRequest['include'],
  within: ResultFormOptions['within'],
): QueryAttribute['returned'] {
  if (include !== 'all' && include.has(attribute)) return 'always';
  const isKnown =
    (attribute.level === 'study' && within !== 'all') ||
    (attribute.level === 'series' && within === 'series');
  if (isKnown && !IDENTIFIERS.has(attribute.keyword) && include !== 'all') return 'asked';
  return include === 'all' && attribute.returned === 'asked' ? 'present' : attribute.returned;
}

function pathOf({ study, series, instance }: Found): string {
  const ofSeries = series === undefined ? '' : `/series/${series.seriesInstanceUid}`;
  const ofInstance = instance === undefined ? '' : `/instances/${instance.sopInstanceUid}`;
  return `/studies/${study.studyInstanceUid}${ofSeries}${ofInstance}`;
}

function elementOf(vr: QueryVr, value: string | number | undefined): JsonElement {
  if (value === undefined || value === '') return { vr };
  if (typeof value === 'number') return { vr, Value: [value] };
  // Line breaks and backslashes of long text are part of it.
  const values = vr === 'LT' ? [value] : value.split('\\');
  return { vr, Value: values.map((one) => valueOf(vr, one)) };
}

function valueOf(vr: QueryVr, text: string): unknown {
  if (text === '') return null;
  if (vr === 'PN') return nameOf(text);
  if (vr !== 'IS' && vr !== 'DS' && vr !== 'US') return text;
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
}

function nameOf(text: string): Readonly<Record<string, string>> {
  const groups = text.split('=');
  return Object.fromEntries(
    NAME_GROUPS.flatMap((name, place) => {
      const group = groups[place]?.trim() ?? '';
      return group === '' ? [] : [[name, group]];
    }),
  );
}
