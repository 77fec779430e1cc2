import type { ElementTree } from '../data-set/element-tree.ts';

/** A look-up table (PS3.3 C.11.1.1.1). */
export interface LookupTable {
  /** Input below it is mapped like it. */
  readonly firstMapped: number;
  /** At least one. Input past the end is mapped like the last. */
  readonly entries: Uint16Array;
  /** Of an entry, as the descriptor says. */
  readonly bits: number;
}

/** Most entries that a descriptor can announce, as 0. */
const MAX_ENTRIES = 0x10000;

/**
 * Reads a table of 16-bit entries, or of 8-bit ones packed two and two.
 * @param isSigned whether the first value mapped is in two's complement.
 * @returns undefined where descriptor or data are missing or do not fit together.
 */
export function readLookupTable(
  item: ElementTree,
  descriptorTag: number,
  dataTag: number,
  isSigned: boolean,
): LookupTable | undefined {
  const [count, first, bits] = item.shorts(descriptorTag);
  const data = item.value(dataTag);
  if (count === undefined || first === undefined || bits === undefined || data === undefined)
    return undefined;
  const length = count === 0 ? MAX_ENTRIES : count;
  const firstMapped = isSigned && first > 0x7fff ? first - 0x10000 : first;
  const isPacked = data.length < length * 2;
  if (data.length < (isPacked ? length : length * 2)) return undefined;
  const entries = isPacked
    ? Uint16Array.from(data.subarray(0, length))
    : Uint16Array.from(item.shorts(dataTag).slice(0, length));
  return { firstMapped, entries, bits: Math.min(Math.max(bits, 8), 16) };
}

export function lookUp({ firstMapped, entries }: LookupTable, input: number): number {
  const index = Math.min(Math.max(Math.round(input) - firstMapped, 0), entries.length - 1);
  return entries[index] ?? 0;
}
