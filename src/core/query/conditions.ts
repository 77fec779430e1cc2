import { parseTime } from '../../dicom/values/date-time.ts';
import { foldText, nameWords } from '../study/search-terms.ts';
import type { QueryAttribute } from './attributes.ts';
import type { Found } from './found.ts';
import { matchesWildcards } from './text-pattern.ts';

/** A span of dates or times, both ends included; an end that is left out is open. */
export interface Span<T> {
  readonly from?: T;
  readonly to?: T;
}

/** One thing that a result must satisfy (PS3.4 C.2.2.2). */
export type Condition =
  | { readonly kind: 'uids'; readonly attribute: QueryAttribute; readonly uids: ReadonlySet<string> }
  /** Any of the patterns; case counts. */
  | { readonly kind: 'text'; readonly attribute: QueryAttribute; readonly patterns: readonly string[] }
  /** Any of the patterns, which are folded; case and accents do not count. */
  | { readonly kind: 'name'; readonly attribute: QueryAttribute; readonly patterns: readonly string[] }
  /** Every folded word is the beginning of a word of the name. */
  | { readonly kind: 'words'; readonly attribute: QueryAttribute; readonly words: readonly string[] }
  /** `YYYYMMDD`. */
  | { readonly kind: 'date'; readonly attribute: QueryAttribute; readonly span: Span<string> }
  /** Microseconds of the day. */
  | { readonly kind: 'time'; readonly attribute: QueryAttribute; readonly span: Span<number> }
  /** A span from a time of one date to a time of another; see {@link momentOf}. */
  | {
      readonly kind: 'moment';
      readonly attribute: QueryAttribute;
      readonly timeAttribute: QueryAttribute;
      readonly span: Span<number>;
    }
  | { readonly kind: 'number'; readonly attribute: QueryAttribute; readonly value: number }
  /** It has no value. */
  | { readonly kind: 'empty'; readonly attribute: QueryAttribute };

export const LAST_MICROSECOND_OF_DAY = 86_399_999_999;
const MICROSECONDS_PER_SECOND = 1_000_000;

export function matchesAll(conditions: readonly Condition[], found: Found): boolean {
  return conditions.every((condition) => matches(condition, found));
}

function matches(condition: Condition, found: Found): boolean {
  const value = condition.attribute.read(found);
  if (condition.kind === 'empty') return value === undefined || value === '';
  if (value === undefined || value === '') return false;
  const values = (): readonly string[] => String(value).split('\\');
  switch (condition.kind) {
    case 'uids':
      return values().some((one) => condition.uids.has(one));
    case 'text':
      return values().some((one) =>
        condition.patterns.some((pattern) => matchesWildcards(pattern, one.trim())),
      );
    case 'name':
      return values().some((one) => matchesName(condition.patterns, one));
    case 'words':
      return matchesWords(condition.words, String(value));
    case 'number':
      return values().some((one) => one.trim() !== '' && Number(one) === condition.value);
    case 'date':
      return values().some((one) => isWithin(condition.span, normalDate(one)));
    case 'time':
      return values().some((one) => isWithin(condition.span, timeSpan(one)?.from));
    case 'moment':
      return overlaps(condition.span, momentSpan(String(value), condition.timeAttribute.read(found)));
  }
}

/** Spaces around components and delimiters at the end of a name say nothing (PS3.5 6.2.1). */
export function normalName(name: string): string {
  const groups = foldText(name).split('=').map(normalGroup);
  while (groups.length > 1 && groups.at(-1) === '') groups.pop();
  return groups.join('=');
}

function normalGroup(group: string): string {
  const components = group.split('^').map((component) => component.trim());
  while (components.length > 1 && components.at(-1) === '') components.pop();
  return components.join('^');
}

/** A name matches as a whole, or with one of its groups: alphabetic, ideographic, phonetic. */
function matchesName(patterns: readonly string[], name: string): boolean {
  const whole = normalName(name);
  const forms = whole.includes('=') ? [whole, ...whole.split('=')] : [whole];
  return forms.some(
    (form) =>
      form !== '' &&
      // `DOE^*` also finds somebody who has no other name.
      patterns.some((pattern) => matchesWildcards(pattern, form) || matchesWildcards(pattern, `${form}^`)),
  );
}

function matchesWords(words: readonly string[], name: string): boolean {
  const known = nameWords(foldText(name).replaceAll('\\', '^'));
  return words.every((word) => known.some((one) => one.startsWith(word)));
}

/** `YYYYMMDD`, also of what ACR-NEMA wrote; undefined for anything else. */
function normalDate(text: string): string | undefined {
  const date = text.trim().replace(/^(\d{4})\.(\d{2})\.(\d{2})$/, '$1$2$3');
  return /^\d{8}$/.test(date) ? date : undefined;
}

/** From the first to the last microsecond that a time, as precise as it is written, stands for. */
export function timeSpan(text: string): Required<Span<number>> | undefined {
  const time = parseTime(text.trim());
  if (time === undefined) return undefined;
  const { hour, minute, second, microsecond } = time;
  const from =
    ((hour * 60 + (minute ?? 0)) * 60 + (second ?? 0)) * MICROSECONDS_PER_SECOND + (microsecond ?? 0);
  const seconds = minute === undefined ? 3600 : second === undefined ? 60 : 1;
  const digits = /\.(\d+)$/.exec(text.trim())?.[1]?.length;
  const length = digits === undefined ? seconds * MICROSECONDS_PER_SECOND : 10 ** (6 - digits);
  return { from, to: from + length - 1 };
}

/** A number that grows with date and time. @param time microseconds of the day. */
export function momentOf(date: string, time: number): number {
  const day =
    Date.UTC(Number(date.slice(0, 4)), Number(date.slice(4, 6)) - 1, Number(date.slice(6, 8))) / 86_400_000;
  return day * (LAST_MICROSECOND_OF_DAY + 1) + time;
}

function momentSpan(date: string, time: string | number | undefined): Required<Span<number>> | undefined {
  const day = normalDate(date.split('\\')[0] ?? '');
  if (day === undefined) return undefined;
  // Without a time, it may have been at any of that day.
  const [first = ''] = String(time ?? '').split('\\');
  const { from = 0 } = timeSpan(first) ?? {};
  const to = timeSpan(first)?.from ?? LAST_MICROSECOND_OF_DAY;
  return { from: momentOf(day, from), to: momentOf(day, to) };
}

function isWithin<T extends string | number>({ from, to }: Span<T>, value: T | undefined): boolean {
  return value !== undefined && (from === undefined || value >= from) && (to === undefined || value <= to);
}

function overlaps({ from, to }: Span<number>, other: Required<Span<number>> | undefined): boolean {
  return (
    other !== undefined && (from === undefined || other.to >= from) && (to === undefined || other.from <= to)
  );
}
