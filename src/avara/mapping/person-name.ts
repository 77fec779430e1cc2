import { cleanLine, firstValue } from './text.ts';

/** Longest name sent; a component group holds at most 64 characters (PS3.5 6.2, VR PN). */
const MAX_NAME_LENGTH = 64;

interface NameComponents {
  readonly family: string;
  readonly given: string;
  readonly middle: string;
  readonly prefix: string;
  readonly suffix: string;
}

/** A patient's name as Avara shows it, `Given Middle Family Suffix`, from a PN value (PS3.5 6.2.1). */
export function formatPatientName(pn: string | undefined): string | undefined {
  const name = parseComponents(pn);
  if (name === undefined) return undefined;
  return joinWords([name.given, name.middle, name.family, name.suffix]);
}

/** A physician's name as Avara shows it, `Prefix Given Middle Family Suffix`, from a PN value. */
export function formatPhysicianName(pn: string | undefined): string | undefined {
  const name = parseComponents(pn);
  if (name === undefined) return undefined;
  return joinWords([name.prefix, name.given, name.middle, name.family, name.suffix]);
}

/** Of the alphabetic, ideographic and phonetic component groups the first that says anything. */
function parseComponents(pn: string | undefined): NameComponents | undefined {
  const group = firstValue(pn)
    ?.split('=')
    .find((candidate) => candidate.replace(/[\^\s\0]/g, '') !== '');
  if (group === undefined) return undefined;
  // A name without carets lands whole in the family name: its order is not ours to guess.
  const [family = '', given = '', middle = '', prefix = '', suffix = ''] = group.split('^');
  return { family, given, middle, prefix, suffix };
}

function joinWords(words: readonly string[]): string | undefined {
  return cleanLine(words.join(' '), MAX_NAME_LENGTH);
}
