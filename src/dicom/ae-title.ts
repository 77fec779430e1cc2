/** A validated AE title: 1 to 16 characters of the default repertoire, without padding (PS3.5 6.2, VR AE). */
export type AeTitle = string & { readonly __aeTitle: unique symbol };

/** Longest AE title in characters. */
export const MAX_AE_TITLE_LENGTH = 16;

/**
 * Reads an AE title as it stands in an A-ASSOCIATE-RQ or a config file.
 * @param text the value; leading and trailing spaces are not significant, trailing NULs are tolerated.
 * @returns the title, or undefined where it is empty, too long, or holds a backslash or a control character.
 */
export function parseAeTitle(text: string): AeTitle | undefined {
  const trimmed = text.replace(/\0+$/, '').trim();
  if (trimmed.length === 0 || trimmed.length > MAX_AE_TITLE_LENGTH) return undefined;
  return /^[\x20-\x5b\x5d-\x7e]+$/.test(trimmed) ? (trimmed as AeTitle) : undefined;
}
