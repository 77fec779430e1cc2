import { isDicomKeyword } from '../../dicom/dictionary/keywords.ts';
import { QUERY_SEQUENCES, queryAttribute, tagHex } from './attributes.ts';
import type { QueryAttribute } from './attributes.ts';
import type { Condition } from './conditions.ts';
import { combineDateTimes, conditionOf } from './parse-condition.ts';
import type { ConditionOptions } from './parse-condition.ts';
import { QueryError } from './query-error.ts';
import type { QueryLevel } from './found.ts';
import type { SearchRequest } from './search-query.ts';

/** Names and values of a query string, decoded. */
export type Parameters = Iterable<readonly [string, string]>;

/** Keys that a search may have; more are no search. */
const MAX_KEYS = 64;
/** Parameters that others read: content negotiation (PS3.18 8.3.3) and the token. */
const NOT_OURS = new Set(['accept', 'charset', 'token']);
const SWITCHES = ['fuzzymatching', 'emptyvaluematching', 'multiplevaluematching'] as const;
const LEVELS: readonly QueryLevel[] = ['study', 'series', 'instance'];

/**
 * Reads the query parameters of a search (PS3.18 8.3.4).
 * @param level of the results: keys of lower levels are left out, with a warning.
 * @throws QueryError where a parameter is malformed or names no DICOM attribute.
 */
export function parseSearch(parameters: Parameters, level: QueryLevel): SearchRequest {
  const reader = new SearchReader(level);
  for (const [name, value] of parameters) reader.take(name, value);
  return reader.finish();
}

class SearchReader {
  readonly #level: QueryLevel;
  readonly #keys = new Map<QueryAttribute, { readonly name: string; readonly value: string }>();
  readonly #single = new Map<string, string>();
  readonly #include = new Set<QueryAttribute>();
  readonly #warnings: string[] = [];
  #includesAll = false;

  constructor(level: QueryLevel) {
    this.#level = level;
  }

  take(name: string, value: string): void {
    if (NOT_OURS.has(name)) return;
    if (name === 'includefield') this.#takeInclude(value);
    else if (name === 'limit' || name === 'offset' || (SWITCHES as readonly string[]).includes(name)) {
      if (this.#single.has(name)) throw new QueryError(`${name} must be given once.`);
      this.#single.set(name, value);
    } else if (/^(?:[A-Z]|[0-9A-Fa-f]{8}(?:\.|$))/.test(name)) this.#takeKey(name, value);
    else this.#warn(`The parameter ${printable(name)} is not supported and was ignored.`);
  }

  finish(): SearchRequest {
    const options: ConditionOptions = {
      isFuzzy: this.#switch('fuzzymatching'),
      matchesEmpty: this.#switch('emptyvaluematching'),
      matchesSeveral: this.#switch('multiplevaluematching'),
    };
    const read: Condition[] = [];
    for (const [attribute, { name, value }] of this.#keys) {
      const condition = conditionOf(attribute, name, value, options);
      if (condition !== undefined) read.push(condition);
      // A key without a value asks for the attribute (PS3.4 C.2.2.2.3), one with a value gets it as well.
      this.#include.add(attribute);
    }
    const all = combineDateTimes(read);
    const of = (level: QueryLevel): Condition[] => all.filter(({ attribute }) => attribute.level === level);
    const conditions = { study: of('study'), series: of('series'), instance: of('instance') };
    const ofModality = conditions.series.find(
      (one) => one.kind === 'text' && one.attribute.keyword === 'Modality',
    );
    const modalities = queryAttribute('ModalitiesInStudy');
    // Spares looking into studies that have nothing of the kind.
    if (ofModality?.kind === 'text' && modalities !== undefined)
      conditions.study.push({ ...ofModality, attribute: modalities });
    const limit = this.#count('limit');
    return {
      conditions,
      include: this.#includesAll ? 'all' : this.#include,
      ...(limit !== undefined && { limit }),
      offset: this.#count('offset') ?? 0,
      warnings: this.#warnings,
    };
  }

  #takeKey(name: string, value: string): void {
    const attribute = this.#attribute(name, 'matched');
    if (attribute === undefined) return;
    if (!attribute.isKey) {
      this.#warn(`${attribute.keyword} cannot be matched and was ignored.`);
      return;
    }
    if (this.#keys.has(attribute)) throw new QueryError(`${attribute.keyword} must be given once.`);
    if (this.#keys.size >= MAX_KEYS) throw new QueryError(`A search has at most ${MAX_KEYS} keys.`);
    this.#keys.set(attribute, { name: attribute.keyword, value });
  }

  #takeInclude(value: string): void {
    for (const name of value.split(',').map((one) => one.trim())) {
      if (name === '') continue;
      if (name.toLowerCase() === 'all') this.#includesAll = true;
      else {
        const sequence = QUERY_SEQUENCES.find(
          ({ keyword, tag }) => name === keyword || name.toUpperCase() === tagHex(tag),
        );
        // What stands in a sequence is returned with it unasked.
        if (sequence !== undefined) continue;
        const attribute = this.#attribute(name, 'returned');
        if (attribute !== undefined) this.#include.add(attribute);
      }
    }
  }

  /** @throws QueryError where there is no such attribute in DICOM; @returns undefined where it is not for this search. */
  #attribute(name: string, use: 'matched' | 'returned'): QueryAttribute | undefined {
    const parts = name.split('.').map((part) => (/^[0-9A-Fa-f]{8}$/.test(part) ? part.toUpperCase() : part));
    const attribute = this.#atLevel(queryAttribute(parts.join('.')), use);
    if (attribute !== undefined && LEVELS.indexOf(attribute.level) <= LEVELS.indexOf(this.#level))
      return attribute;
    for (const part of parts)
      if (!/^[0-9A-F]{8}$/.test(part) && !isDicomKeyword(part))
        throw new QueryError(`${printable(name)} is no DICOM attribute: use a keyword or tag of PS3.6.`);
    const why = attribute === undefined ? 'here' : `in a search for ${NOUNS[this.#level]}`;
    this.#warn(`${printable(name)} cannot be ${use} ${why} and was ignored.`);
    return undefined;
  }

  /** Who looks for studies by Modality means those that have a series of it. */
  #atLevel(attribute: QueryAttribute | undefined, use: 'matched' | 'returned'): QueryAttribute | undefined {
    const isModalityOfStudy =
      this.#level === 'study' && use === 'matched' && attribute?.keyword === 'Modality';
    return isModalityOfStudy ? queryAttribute('ModalitiesInStudy') : attribute;
  }

  #count(name: 'limit' | 'offset'): number | undefined {
    const text = this.#single.get(name);
    if (text === undefined || text === '') return undefined;
    if (!/^\d{1,9}$/.test(text)) throw new QueryError(`${name} must be a whole number from 0.`);
    return Number(text);
  }

  #switch(name: (typeof SWITCHES)[number]): boolean {
    const text = this.#single.get(name)?.toLowerCase() ?? '';
    if (!['', 'true', 'false'].includes(text)) throw new QueryError(`${name} must be true or false.`);
    return text === 'true';
  }

  #warn(warning: string): void {
    if (this.#warnings.length < MAX_KEYS) this.#warnings.push(warning);
  }
}

const NOUNS: Readonly<Record<QueryLevel, string>> = {
  study: 'studies',
  series: 'series',
  instance: 'instances',
};

/** A parameter's name as far as it may stand in a header or an error. */
function printable(name: string): string {
  return name.replace(/[^\w.-]/g, '?').slice(0, 80);
}
