import { splitValues } from './text.ts';

/** One of the three ways to write a name (PS3.5 6.2.1). Components are empty where they are absent. */
export interface PersonNameGroup {
  readonly familyName: string;
  readonly givenName: string;
  readonly middleName: string;
  readonly prefix: string;
  readonly suffix: string;
}

export interface PersonName {
  readonly alphabetic?: PersonNameGroup;
  readonly ideographic?: PersonNameGroup;
  readonly phonetic?: PersonNameGroup;
}

function parseGroup(text: string | undefined): PersonNameGroup | undefined {
  const components = (text ?? '').split('^').map((component) => component.trim());
  if (components.every((component) => component === '')) return undefined;
  const [familyName = '', givenName = '', middleName = '', prefix = '', suffix = ''] = components;
  return { familyName, givenName, middleName, prefix, suffix };
}

/**
 * Reads one Person Name.
 * @param text decoded, one value.
 * @returns its component groups; undefined where there is nothing but delimiters and spaces.
 */
export function parsePersonName(text: string): PersonName | undefined {
  const [alphabetic, ideographic, phonetic] = text.split('=').map(parseGroup);
  if (alphabetic === undefined && ideographic === undefined && phonetic === undefined) return undefined;
  return {
    ...(alphabetic === undefined ? {} : { alphabetic }),
    ...(ideographic === undefined ? {} : { ideographic }),
    ...(phonetic === undefined ? {} : { phonetic }),
  };
}

/** Nearly every name has a first component, which is all that must be known of it. */
const BEGINS_WITH_A_COMPONENT = /^[^\s^=]/;

/** Names without padding, their `^` and `=` kept, joined by backslashes; undefined where none names anybody. */
export function trimPersonNames(text: string): string | undefined {
  const names = splitValues(text);
  const isAnybody = (name: string) =>
    BEGINS_WITH_A_COMPONENT.test(name) || parsePersonName(name) !== undefined;
  return names.some(isAnybody) ? names.join('\\') : undefined;
}
