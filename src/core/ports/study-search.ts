import type { Found } from '../query/found.ts';
import type { SearchQuery } from '../query/search-query.ts';

export interface SearchAnswer {
  readonly found: readonly Found[];
  /**
   * Whether there is more: `limit`, more than the limit; `work`: looking on would have taken too long, so there may
   * be; `none`.
   */
  readonly rest: 'none' | 'limit' | 'work';
}

/**
 * Searches the index. Results come in an order that stays the same from page to page: studies by date and time, the
 * latest first, series and instances by number, then UID. Lets other work go on in between.
 */
export interface StudySearch {
  search(query: SearchQuery): Promise<SearchAnswer>;
}
