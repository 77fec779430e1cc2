/** A search that cannot be understood; the message names the parameter and what it must be, never its value. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
}
