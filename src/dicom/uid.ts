/** A validated DICOM UID: digits and dots only, so it is also safe as a file name. */
export type Uid = string & { readonly __uid: unique symbol };

/** Longest UID in characters, PS3.5 9.1. */
export const MAX_UID_LENGTH = 64;

// Components with leading zeros break PS3.5 9.1 but are sent by real devices, so they are let through.
const UID_PATTERN = /^\d+(?:\.\d+)*$/;

/**
 * Reads a UID as it stands in a Data Set or Command Set.
 * @param text the value; trailing NULs and spaces (padding) are dropped.
 * @returns the UID, or undefined where it is empty, too long, or has any character but digits and dots.
 */
export function parseUid(text: string): Uid | undefined {
  const trimmed = text.replace(/[\0 ]+$/, '');
  return trimmed.length <= MAX_UID_LENGTH && UID_PATTERN.test(trimmed) ? (trimmed as Uid) : undefined;
}

/** Like {@link parseUid} for values that must be right, such as constants. @throws RangeError for anything else. */
export function uid(text: string): Uid {
  const parsed = parseUid(text);
  if (parsed === undefined) throw new RangeError(`not a DICOM UID: ${JSON.stringify(text.slice(0, 80))}`);
  return parsed;
}
