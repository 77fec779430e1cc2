/**
 * Text values as they are used: decoded, without the padding of PS3.5 6.2 and without the control characters that no
 * VR allows. All functions take decoded text, in which a backslash is a delimiter and never half of a character.
 */

const SPACE = 0x20;
const BACKSLASH = 0x5c;
const DELETE = 0x7f;

/** C0 and C1 controls but TAB, LF, FF and CR. */
const CONTROLS = /(?![\t\n\f\r])\p{Cc}/gu;

/** One value of a text that may hold line breaks (LT, ST, UT): leading spaces count, trailing ones do not. */
export function trimFreeText(text: string): string | undefined {
  const trimmed = text.replace(CONTROLS, '').replace(/ +$/, '');
  return trimmed === '' ? undefined : trimmed;
}

/**
 * What nearly every text is, a single value of printable ASCII, without its padding and without the cost of looking for
 * more. @returns undefined for any other text.
 */
function singleValue(text: string): string | undefined {
  let start = 0;
  let end = text.length;
  while (end > 0 && isPadding(text.charCodeAt(end - 1))) end -= 1;
  while (start < end && text.charCodeAt(start) === SPACE) start += 1;
  for (let at = start; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code < SPACE || code >= DELETE || code === BACKSLASH) return undefined;
  }
  return text.slice(start, end);
}

function isPadding(code: number): boolean {
  return code === SPACE || code === 0;
}

/** Splits at backslashes and drops the padding of each value. Empty values keep their places. */
export function splitValues(text: string): string[] {
  const single = singleValue(text);
  if (single !== undefined) return [single];
  return text.split('\\').map((value) => value.replace(CONTROLS, '').replace(/^ +| +$/g, ''));
}

/** Several values without the padding of each, joined by backslashes; undefined where all are empty. */
export function trimValues(text: string): string | undefined {
  const values = splitValues(text);
  return values.every((value) => value === '') ? undefined : values.join('\\');
}

/** The first value without its padding; undefined where it is empty. */
export function firstValue(text: string): string | undefined {
  const [first = ''] = splitValues(text);
  return first === '' ? undefined : first;
}
