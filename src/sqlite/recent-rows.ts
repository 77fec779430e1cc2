/** A few studies or series of each Association. */
const MAX_KEPT = 1024;

/**
 * What rows were that were written lately, so that the next write finds them by number: the indices of UIDs, which grow with
 * everything ever received, are not gone through for each image. Only a hint: whoever uses it has SQLite compare the row
 * with what is remembered, for it may have been changed, removed or taken back since.
 */
export class RecentRows<Key, Row> {
  readonly #rows = new Map<Key, Row>();

  get(key: Key): Row | undefined {
    return this.#rows.get(key);
  }

  set(key: Key, row: Row): void {
    this.#rows.set(key, row);
    // The first in is the first out.
    if (this.#rows.size > MAX_KEPT)
      for (const oldest of this.#rows.keys()) {
        this.#rows.delete(oldest);
        break;
      }
  }

  delete(key: Key): void {
    this.#rows.delete(key);
  }
}
