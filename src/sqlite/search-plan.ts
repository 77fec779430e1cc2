import type { Condition } from '../core/query/conditions.ts';
import type { SearchQuery } from '../core/query/search-query.ts';
import { hasWildcards, literalPrefix } from '../core/query/text-pattern.ts';
import { foldForSearch, nameWords } from '../core/study/search-terms.ts';

/** A way to the studies that may match, by an index that holds few of them. */
export interface StudySource {
  /** A query of `study.id, study_date, study_time` with these values, then the customer, then a limit. */
  readonly sql: string;
  readonly values: readonly string[];
}

/** Longest prefix that the index of words can be asked for. */
const MAX_TERM_LENGTH = 64;
/** Above everything that text begins with. */
const END = '\u{10ffff}';

const COLUMNS = 'study.id, study.study_date, study.study_time';
const TEXT_COLUMNS: Readonly<Record<string, { readonly column: string; readonly index: string }>> = {
  PatientID: { column: 'patient_id', index: 'study_by_patient' },
  AccessionNumber: { column: 'accession_number', index: 'study_by_accession' },
};

/** Every source that a query offers; each alone holds all of its results. */
export function studySources({ conditions }: SearchQuery): readonly StudySource[] {
  return [...conditions.study, ...conditions.series, ...conditions.instance].flatMap(
    (condition) => sourceOf(condition) ?? [],
  );
}

/** The dates that a query is limited to; undefined: it is not. */
export function dateSpan({ conditions }: SearchQuery): { from: string; to: string } | undefined {
  const date = conditions.study.find((one) => one.kind === 'date' && one.attribute.keyword === 'StudyDate');
  if (date?.kind !== 'date') return undefined;
  return { from: date.span.from ?? '0', to: date.span.to ?? END };
}

function sourceOf(condition: Condition): StudySource | undefined {
  const { keyword } = condition.attribute;
  switch (condition.kind) {
    case 'uids':
      return uidSource(keyword, [...condition.uids]);
    case 'text':
      return textSource(keyword, condition.patterns);
    case 'name':
      return keyword === 'PatientName' ? nameSource(condition.patterns) : undefined;
    case 'words':
      return keyword === 'PatientName' ? termSource(longest(condition.words), true) : undefined;
    default:
      return undefined;
  }
}

function uidSource(keyword: string, uids: readonly string[]): StudySource | undefined {
  const values = [JSON.stringify(uids)];
  const wanted = '(SELECT value FROM json_each(?))';
  const end = 'AND study.customer = ? LIMIT ?';
  switch (keyword) {
    case 'StudyInstanceUID':
      return { sql: `SELECT ${COLUMNS} FROM study WHERE study.study_uid IN ${wanted} ${end}`, values };
    case 'SeriesInstanceUID':
      return {
        sql: `SELECT DISTINCT ${COLUMNS} FROM series CROSS JOIN study ON study.id = series.study_id
          WHERE series.series_uid IN ${wanted} ${end}`,
        values,
      };
    case 'SOPInstanceUID':
      return {
        sql: `SELECT DISTINCT ${COLUMNS} FROM instance CROSS JOIN series ON series.id = instance.series_id
          CROSS JOIN study ON study.id = series.study_id WHERE instance.sop_uid IN ${wanted} ${end}`,
        values,
      };
    default:
      return undefined;
  }
}

function textSource(keyword: string, patterns: readonly string[]): StudySource | undefined {
  const known = TEXT_COLUMNS[keyword];
  const [pattern, ...others] = patterns;
  if (known === undefined || pattern === undefined || others.length > 0) return undefined;
  const prefix = literalPrefix(pattern);
  if (prefix === '') return undefined;
  const { column, index } = known;
  const from = `SELECT ${COLUMNS} FROM study INDEXED BY ${index}`;
  // Several values in one attribute are joined: the first of them begins it, and the others are not looked for.
  return hasWildcards(pattern)
    ? {
        sql: `${from} WHERE study.${column} >= ? AND study.${column} < ? AND study.customer = ? LIMIT ?`,
        values: [prefix, prefix + END],
      }
    : { sql: `${from} WHERE study.${column} = ? AND study.customer = ? LIMIT ?`, values: [pattern] };
}

/** By the longest word before the first wildcard. */
function nameSource(patterns: readonly string[]): StudySource | undefined {
  const [pattern, ...others] = patterns;
  if (pattern === undefined || others.length > 0) return undefined;
  const words = nameWords(literalPrefix(pattern));
  const last = words.at(-1) ?? '';
  const isOpen = hasWildcards(pattern) && literalPrefix(pattern).endsWith(last);
  const word = longest(words);
  return termSource(word, word === last && isOpen);
}

function termSource(word: string, isPrefix: boolean): StudySource | undefined {
  const term = foldForSearch(word);
  if (term === '') return undefined;
  const from = `SELECT DISTINCT ${COLUMNS} FROM study_term CROSS JOIN study ON study.id = study_term.study_id`;
  return isPrefix || term.length >= MAX_TERM_LENGTH
    ? {
        sql: `${from} WHERE study_term.term >= ? AND study_term.term < ? AND study.customer = ? LIMIT ?`,
        values: [term, term + END],
      }
    : { sql: `${from} WHERE study_term.term = ? AND study.customer = ? LIMIT ?`, values: [term] };
}

function longest(words: readonly string[]): string {
  return words.reduce((best, word) => (word.length > best.length ? word : best), '');
}
