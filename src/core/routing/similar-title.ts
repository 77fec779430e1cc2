/** More wrong characters than that make another title. */
const MAX_EDITS = 2;
/** One in so many characters may be wrong: short titles differ by little on purpose (CT1, CT2). */
const LENGTH_PER_EDIT = 3;

/**
 * Finds the title that was probably meant by one that is not known.
 * @returns the nearest of the candidates, if one is that near; upper and lower case do not count.
 */
export function similarTitle<T extends string>(title: string, candidates: readonly T[]): T | undefined {
  const limit = Math.min(MAX_EDITS, Math.floor(title.length / LENGTH_PER_EDIT) - 1);
  let best: { candidate: T; edits: number } | undefined;
  for (const candidate of candidates) {
    const edits = editDistance(title.toLowerCase(), candidate.toLowerCase());
    if (edits <= Math.max(limit, 0) && edits < (best?.edits ?? Infinity)) best = { candidate, edits };
  }
  return best?.candidate;
}

/** Characters to insert, remove or replace (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let at = 1; at <= from.length; at += 1) {
    const next = [at];
    for (let other = 1; other <= to.length; other += 1) {
      const replaced = (row[other - 1] ?? 0) + (from[at - 1] === to[other - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[other] ?? 0) + 1, (next[other - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
