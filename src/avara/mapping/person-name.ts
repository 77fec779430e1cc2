import { parsePersonName } from '../../dicom/values/person-name.ts';
import type { PersonNameGroup } from '../../dicom/values/person-name.ts';
import { firstValue } from '../../dicom/values/text.ts';
import { cleanLine } from './text.ts';

/** Longest name sent; a component group holds at most 64 characters (PS3.5 6.2, VR PN). */
const MAX_NAME_LENGTH = 64;

/** A patient's name as Avara shows it, `Given Middle Family Suffix`, from a PN value (PS3.5 6.2.1). */
export function formatPatientName(pn: string | undefined): string | undefined {
  const name = firstGroup(pn);
  return name && joinWords([name.givenName, name.middleName, name.familyName, name.suffix]);
}

/** A physician's name as Avara shows it, `Prefix Given Middle Family Suffix`, from a PN value. */
export function formatPhysicianName(pn: string | undefined): string | undefined {
  const name = firstGroup(pn);
  return name && joinWords([name.prefix, name.givenName, name.middleName, name.familyName, name.suffix]);
}

/**
 * Of the alphabetic, ideographic and phonetic component groups the first that says anything. A name without carets
 * lands whole in the family name: its order is not ours to guess.
 */
function firstGroup(pn: string | undefined): PersonNameGroup | undefined {
  const name = parsePersonName(firstValue(pn ?? '') ?? '');
  return name?.alphabetic ?? name?.ideographic ?? name?.phonetic;
}

function joinWords(words: readonly string[]): string | undefined {
  return cleanLine(words.join(' '), MAX_NAME_LENGTH);
}
