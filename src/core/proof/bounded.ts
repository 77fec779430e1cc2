/** Runs `work` for each item, at most `limit` at a time. Rejects with the first failure, after what had begun has ended. */
export async function forEachBounded<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  let failure: { error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      if (failure !== undefined) return;
      try {
        await work(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, lane));
  // A generator may hold something open until it is told that nobody asks any more.
  if (failure !== undefined) iterator.return?.();
  if (failure !== undefined) throw failure.error;
}
