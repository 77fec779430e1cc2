import { ATTRIBUTE_VRS } from './attribute-vrs.ts';

const US_OR_SS = 'US or SS';

const BY_TAG: ReadonlyMap<number, string> = new Map(
  Object.entries(ATTRIBUTE_VRS).flatMap(([vr, tags]) =>
    tags
      .trim()
      .split(/\s+/)
      .map((tag) => [Number.parseInt(tag, 16), vr] as const),
  ),
);

/** PS3.5 7.6: groups that repeat in even numbers, with what stands for all of them. */
function firstOfRepeatingGroup(tag: number): number {
  const group = Math.floor(tag / 0x10000);
  const family = group & 0xff00;
  const repeats = (family === 0x5000 || family === 0x6000 || family === 0x7f00) && group % 2 === 0;
  return repeats && group < 0x7fe0 ? family * 0x10000 + (tag % 0x10000) : tag;
}

/**
 * The Value Representation of a public attribute (PS3.6), or of a private creator, in Implicit VR.
 * @param isSigned Pixel Representation (0028,0103) is 1, on which some attributes depend.
 * @returns undefined for private attributes and those of later editions.
 */
export function attributeVr(tag: number, isSigned = false): string | undefined {
  if (tag % 0x20000 >= 0x10000) {
    const element = tag % 0x10000;
    return element >= 0x10 && element <= 0xff ? 'LO' : undefined;
  }
  const vr = BY_TAG.get(tag) ?? BY_TAG.get(firstOfRepeatingGroup(tag));
  if (vr === US_OR_SS) return isSigned ? 'SS' : 'US';
  return vr;
}
