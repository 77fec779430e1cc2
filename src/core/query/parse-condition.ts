import { parseDate } from '../../dicom/values/date-time.ts';
import { foldText, nameWords } from '../study/search-terms.ts';
import { queryAttribute } from './attributes.ts';
import type { QueryAttribute } from './attributes.ts';
import { LAST_MICROSECOND_OF_DAY, momentOf, normalName, timeSpan } from './conditions.ts';
import type { Condition, Span } from './conditions.ts';
import { QueryError } from './query-error.ts';

export interface ConditionOptions {
  /** `fuzzymatching` (PS3.18 8.3.4.2): names by the beginnings of their words, in any order. */
  readonly isFuzzy: boolean;
  /** `emptyvaluematching` (PS3.4 C.2.2.2.7): `""` is for what has no value. */
  readonly matchesEmpty: boolean;
  /** `multiplevaluematching` (PS3.4 C.2.2.2.8): several values, separated by backslashes, any of which will do. */
  readonly matchesSeveral: boolean;
}

/** Values in one list; more are no search. */
const MAX_VALUES = 1000;
/** Longest text to look for, in characters: none of the Value Representations holds more but LT. */
const MAX_TEXT_LENGTH = 1024;
/** Dates that belong to times. */
const DATE_TIMES = [
  ['StudyDate', 'StudyTime'],
  ['SeriesDate', 'SeriesTime'],
  ['PerformedProcedureStepStartDate', 'PerformedProcedureStepStartTime'],
] as const;

/**
 * Reads the value of a key.
 * @returns undefined for a value that matches everything (PS3.4 C.2.2.2.3).
 * @throws QueryError naming the key.
 */
export function conditionOf(
  attribute: QueryAttribute,
  name: string,
  value: string,
  options: ConditionOptions,
): Condition | undefined {
  const text = value.trim();
  if (text === '""' && options.matchesEmpty) return { kind: 'empty', attribute };
  if (text === '' || /^\*+$/.test(text)) return undefined;
  if (attribute.vr !== 'UI' && text.length > MAX_TEXT_LENGTH)
    throw new QueryError(`${name} may have at most ${MAX_TEXT_LENGTH} characters.`);
  switch (attribute.vr) {
    case 'UI':
      return {
        kind: 'uids',
        attribute,
        uids: new Set(listOf(text, /[,\\]/, name).map((one) => readUid(one, name))),
      };
    case 'DA':
      return { kind: 'date', attribute, span: readSpan(text, name, readDate) };
    case 'TM':
      return { kind: 'time', attribute, span: timesOf(readSpan(text, name, readTime)) };
    case 'IS':
    case 'DS':
    case 'US':
      return { kind: 'number', attribute, value: readNumber(text, name) };
    case 'PN':
      return nameCondition(attribute, text, name, options);
    case 'CS':
      return { kind: 'text', attribute, patterns: listOf(text, /[,\\]/, name) };
    default:
      return {
        kind: 'text',
        attribute,
        patterns: options.matchesSeveral ? listOf(text, /\\/, name) : [text],
      };
  }
}

/**
 * A range of dates and a range of times that belong together are one span, from the first time on the first date to
 * the last time on the last (PS3.4 C.2.2.2.5.4).
 */
export function combineDateTimes(conditions: readonly Condition[]): readonly Condition[] {
  let combined = [...conditions];
  for (const [dateKeyword, timeKeyword] of DATE_TIMES) {
    const date = combined.find(({ attribute }) => attribute.keyword === dateKeyword);
    const time = combined.find(({ attribute }) => attribute.keyword === timeKeyword);
    if (date?.kind !== 'date' || time?.kind !== 'time') continue;
    const { from, to } = date.span;
    const isOneDay = from !== undefined && from === to;
    const timeAttribute = queryAttribute(timeKeyword);
    if (isOneDay || timeAttribute === undefined) continue;
    const span: Span<number> = {
      ...(from !== undefined && { from: momentOf(from, time.span.from ?? 0) }),
      ...(to !== undefined && { to: momentOf(to, time.span.to ?? LAST_MICROSECOND_OF_DAY) }),
    };
    // The dates stay: they can be looked up.
    combined = combined.filter((one) => one !== time);
    combined.push({ kind: 'moment', attribute: date.attribute, timeAttribute, span });
  }
  return combined;
}

function nameCondition(
  attribute: QueryAttribute,
  text: string,
  name: string,
  { isFuzzy, matchesSeveral }: ConditionOptions,
): Condition | undefined {
  if (isFuzzy) {
    const words = nameWords(foldText(text).replace(/[*?\\]/g, ' '));
    return words.length === 0 ? undefined : { kind: 'words', attribute, words };
  }
  const patterns = (matchesSeveral ? listOf(text, /\\/, name) : [text]).map(normalName);
  return patterns.every((pattern) => pattern === '') ? undefined : { kind: 'name', attribute, patterns };
}

function listOf(text: string, separator: RegExp, name: string): string[] {
  const values = text
    .split(separator)
    .map((one) => one.trim())
    .filter((one) => one !== '');
  if (values.length > MAX_VALUES) throw new QueryError(`${name} may have at most ${MAX_VALUES} values.`);
  return values;
}

function readUid(text: string, name: string): string {
  if (text.length > 64 || !/^[\d.]+$/.test(text))
    throw new QueryError(`${name} must be a UID or a list of UIDs.`);
  return text;
}

function readNumber(text: string, name: string): number {
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text))
    throw new QueryError(`${name} must be a number.`);
  return Number(text);
}

function readDate(text: string, name: string): string {
  if (parseDate(text) === undefined)
    throw new QueryError(`${name} must be a date YYYYMMDD, or a range: from-to, from- or -to.`);
  return text.replaceAll('.', '');
}

function readTime(text: string, name: string): Required<Span<number>> {
  const span = timeSpan(text);
  if (span === undefined)
    throw new QueryError(`${name} must be a time HHMMSS, or a range: from-to, from- or -to.`);
  return span;
}

/** One value, or two with a hyphen between, one of which may be left out (PS3.4 C.2.2.2.5). */
function readSpan<T>(text: string, name: string, read: (text: string, name: string) => T): Span<T> {
  const [first = '', second, ...rest] = text.split('-').map((one) => one.trim());
  if (second === undefined) {
    const value = read(first, name);
    return { from: value, to: value };
  }
  if (rest.length > 0 || (first === '' && second === '')) {
    read(text, name);
    throw new QueryError(`${name} must be one value or a range.`);
  }
  return {
    ...(first !== '' && { from: read(first, name) }),
    ...(second !== '' && { to: read(second, name) }),
  };
}

/** A time is as long as it is precise: `-10` goes until the end of the hour. */
function timesOf({ from, to }: Span<Required<Span<number>>>): Span<number> {
  return { ...(from && { from: from.from }), ...(to && { to: to.to }) };
}
