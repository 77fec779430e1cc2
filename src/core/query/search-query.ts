import type { CustomerKey } from '../study/instance.ts';
import type { QueryAttribute } from './attributes.ts';
import type { Condition } from './conditions.ts';
import type { QueryLevel } from './found.ts';

/** A search as the index is asked. */
export interface SearchQuery {
  /** What the results are. */
  readonly level: QueryLevel;
  /** Whose studies are looked at, and nobody else's. */
  readonly customers: readonly CustomerKey[];
  /** By the level of the attribute that they are on. */
  readonly conditions: Readonly<Record<QueryLevel, readonly Condition[]>>;
  readonly limit: number;
  readonly offset: number;
}

/** What the sender of a search wrote, understood. */
export interface SearchRequest {
  readonly conditions: SearchQuery['conditions'];
  /** Attributes to return besides the usual ones; `all`: every one that is known. */
  readonly include: 'all' | ReadonlySet<QueryAttribute>;
  /** undefined: as many as there may be. */
  readonly limit?: number;
  readonly offset: number;
  /** What was left out of account, for people. No values, which may be patient data. */
  readonly warnings: readonly string[];
}
