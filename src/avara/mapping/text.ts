import { splitValues } from '../../dicom/values/text.ts';

/**
 * Makes a value fit for a one-line field: control characters and runs of space become one space.
 * @returns undefined where nothing is left, because Avara says nothing about empty strings and we send none.
 */
export function cleanLine(text: string | undefined, maxLength: number): string | undefined {
  if (text === undefined) return undefined;
  const line = text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return line === '' ? undefined : truncate(line, maxLength);
}

/** As {@link cleanLine} for text of several lines (VR LT): line ends stay, as `\n`. */
export function cleanText(text: string | undefined, maxLength: number): string | undefined {
  if (text === undefined) return undefined;
  const cleaned = text
    .replace(/\r\n?|\f/g, '\n')
    // Everything of category Cc but the line feed.
    .replace(/[^\P{Cc}\n]+/gu, ' ')
    .trim();
  return cleaned === '' ? undefined : truncate(cleaned, maxLength);
}

/** All values that are not empty, as one line. */
export function joinValues(
  text: string | undefined,
  separator: string,
  maxLength: number,
): string | undefined {
  const values = splitValues(text ?? '').flatMap((value) => cleanLine(value, maxLength) ?? []);
  return cleanLine(values.join(separator), maxLength);
}

/** The first that is there. */
export function firstOf<T>(...candidates: readonly (T | undefined)[]): T | undefined {
  return candidates.find((candidate) => candidate !== undefined);
}

/** Cuts to `maxLength` UTF-16 units, never between the halves of a surrogate pair. */
function truncate(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  return text
    .slice(0, maxLength)
    .replace(/[\uD800-\uDBFF]$/, '')
    .trimEnd();
}
