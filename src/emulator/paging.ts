import { ApiError } from './errors.ts';

/** Builds the cursor of the next page: base64 of `{"offset":n}`. */
export function encodeCursor(offset: number): string {
  return Buffer.from(JSON.stringify({ offset })).toString('base64');
}

/** Reads a cursor of {@link encodeCursor}; none means the start. @throws ApiError 400 for anything else. */
export function decodeCursor(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64').toString('utf8'));
    if (typeof value === 'object' && value !== null && 'offset' in value) {
      const { offset } = value;
      if (typeof offset === 'number' && Number.isSafeInteger(offset) && offset >= 0) return offset;
    }
  } catch {
    // Not base64 of JSON: refused below like any other wrong cursor.
  }
  throw new ApiError(400, 'Invalid query: cursor: not a cursor of this list');
}

/** One page of `items` and where the next begins; `cursor` is empty on the last page. */
export function pageOf<T>(
  items: readonly T[],
  query: { cursor?: string | undefined; limit: number },
): { items: readonly T[]; cursor: string; hasMore: boolean } {
  const offset = decodeCursor(query.cursor);
  const end = offset + query.limit;
  const hasMore = end < items.length;
  return { items: items.slice(offset, end), cursor: hasMore ? encodeCursor(end) : '', hasMore };
}
