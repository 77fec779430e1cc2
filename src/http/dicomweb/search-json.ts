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

/** Makes the function that puts results into the DICOM JSON Model (PS3.18 10.6.3.3, Annex F). */
export function createResultForm({ level, include, within, serviceUrlOf }: ResultFormOptions) {
  const wanted = QUERY_ATTRIBUTES.filter(
    (attribute) => LEVELS.indexOf(attribute.level) <= LEVELS.indexOf(level),
  )
    .map((attribute) => ({
      attribute,
      tag: tagHex(attribute.tag),
      returned: returnedAs(attribute, include, within),
    }))
    .filter(({ returned }) => returned !== 'asked');

  return function toJson(found: Found): JsonDataSet {
    const elements: Record<string, JsonElement> = {
      [CHARACTER_SET]: { vr: 'CS', Value: ['ISO_IR 192'] },
      [AVAILABILITY]: { vr: 'CS', Value: ['ONLINE'] },
      [RETRIEVE_URL]: { vr: 'UR', Value: [serviceUrlOf(found) + pathOf(found)] },
    };
    const items = new Map<string, Record<string, JsonElement>>();
    for (const { attribute, tag, returned } of wanted) {
      const element = elementOf(attribute.vr, attribute.read(found));
      if (element.Value === undefined && returned === 'present') continue;
      if (attribute.sequence === undefined) elements[tag] = element;
      else {
        const sequence = tagHex(attribute.sequence.tag);
        const item = items.get(sequence) ?? {};
        item[tag] = element;
        items.set(sequence, item);
      }
    }
    for (const [tag, item] of items) elements[tag] = { vr: 'SQ', Value: [sorted(item)] };
    return sorted(elements);
  };
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

/** By tag (PS3.18 F.2.2). All of ours begin with 0, so they are no array indices and keep their order. */
function sorted(elements: Readonly<Record<string, JsonElement>>): JsonDataSet {
  return Object.fromEntries(Object.entries(elements).sort(([one], [other]) => (one < other ? -1 : 1)));
}
