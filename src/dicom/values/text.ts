/**
 * Text values as they are used: decoded, without the padding of PS3.5 6.2 and without the control characters that no
 * VR allows. All functions take decoded text, in which a backslash is a delimiter and never half of a character.
 */

/** C0 and C1 controls but TAB, LF, FF and CR. */
const CONTROLS = /(?![\t\n\f\r])\p{Cc}/gu;

/** One value of a text that may hold line breaks (LT, ST, UT): leading spaces count, trailing ones do not. */
export function trimFreeText(text: string): string | undefined {
  const trimmed = text.replace(CONTROLS, '').replace(/ +$/, '');
  return trimmed === '' ? undefined : trimmed;
}

/** Splits at backslashes and drops the padding of each value. Empty values keep their places. */
export function splitValues(text: string): string[] {
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
