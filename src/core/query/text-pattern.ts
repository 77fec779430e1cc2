/**
 * Wild Card Matching (PS3.4 C.2.2.2.4): `*` stands for any characters, `?` for one. Takes at most the product of both
 * lengths, whatever is asked.
 */
export function matchesWildcards(pattern: string, text: string): boolean {
  let at = 0;
  let place = 0;
  let star = -1;
  let resume = 0;
  while (at < text.length) {
    const wanted = pattern[place];
    if (wanted === '*') {
      star = place;
      place += 1;
      resume = at;
    } else if (wanted !== undefined && (wanted === '?' || wanted === text[at])) {
      place += 1;
      at += 1;
    } else if (star >= 0) {
      place = star + 1;
      resume += 1;
      at = resume;
    } else return false;
  }
  while (pattern[place] === '*') place += 1;
  return place === pattern.length;
}

export function hasWildcards(pattern: string): boolean {
  return /[*?]/.test(pattern);
}

/** What the pattern begins with before its first wildcard. */
export function literalPrefix(pattern: string): string {
  const end = pattern.search(/[*?]/);
  return end < 0 ? pattern : pattern.slice(0, end);
}
