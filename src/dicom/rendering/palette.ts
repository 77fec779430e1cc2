import type { Buffer } from 'node:buffer';
import type { ElementTree } from '../data-set/element-tree.ts';

/** The colours of Photometric Interpretation PALETTE COLOR, 8 bits each (PS3.3 C.7.6.3.1.5). */
export interface Palette {
  readonly firstMapped: number;
  readonly red: Uint8Array;
  readonly green: Uint8Array;
  readonly blue: Uint8Array;
}

interface Channel {
  readonly firstMapped: number;
  readonly entries: Uint8Array;
}

const DESCRIPTORS = [0x00281101, 0x00281102, 0x00281103] as const;
const DATA = [0x00281201, 0x00281202, 0x00281203] as const;
const SEGMENTED_DATA = [0x00281221, 0x00281222, 0x00281223] as const;
/** Elements that {@link readPalette} looks at. */
export const PALETTE_TAGS: readonly number[] = [...DESCRIPTORS, ...DATA, ...SEGMENTED_DATA];

/** @returns undefined where a channel is missing or cannot be read. */
export function readPalette(tree: ElementTree, isSigned: boolean): Palette | undefined {
  const channel = (index: 0 | 1 | 2): Channel | undefined => readChannel(tree, index, isSigned);
  const red = channel(0);
  const green = channel(1);
  const blue = channel(2);
  if (red === undefined || green === undefined || blue === undefined) return undefined;
  return {
    firstMapped: red.firstMapped,
    red: red.entries,
    green: green.entries,
    blue: blue.entries,
  };
}

function readChannel(tree: ElementTree, index: 0 | 1 | 2, isSigned: boolean): Channel | undefined {
  const [count, first, bits] = tree.shorts(DESCRIPTORS[index]);
  if (count === undefined || first === undefined || bits === undefined) return undefined;
  const length = count === 0 ? 0x10000 : count;
  const firstMapped = isSigned && first > 0x7fff ? first - 0x10000 : first;
  const values = channelValues(tree, index, bits, length);
  if (values === undefined || values.length === 0) return undefined;
  // Some writers announce 16 bits and write 8.
  const isWide = bits > 8 && values.some((value) => value > 0xff);
  return { firstMapped, entries: Uint8Array.from(values, (value) => (isWide ? value >> 8 : value)) };
}

function channelValues(
  tree: ElementTree,
  index: 0 | 1 | 2,
  bits: number,
  length: number,
): readonly number[] | undefined {
  const data = tree.value(DATA[index]);
  if (data !== undefined) {
    if (data.length >= length * 2) return tree.shorts(DATA[index]).slice(0, length);
    return data.length >= length ? bytesOf(data).slice(0, length) : undefined;
  }
  const segmented = tree.value(SEGMENTED_DATA[index]);
  if (segmented === undefined) return undefined;
  return expandSegments(bits > 8 ? tree.shorts(SEGMENTED_DATA[index]) : bytesOf(segmented), bits, length);
}

function bytesOf(data: Buffer): number[] {
  return [...data];
}

const DISCRETE = 0;
const LINEAR = 1;
const INDIRECT = 2;

/**
 * Expands the segments of a segmented palette (PS3.3 C.7.9.2), up to `length` entries.
 * @returns undefined where they cannot be read.
 */
export function expandSegments(
  words: readonly number[],
  bits: number,
  length: number,
): readonly number[] | undefined {
  const entries: number[] = [];
  /** @returns where the segment ends; undefined: it is none. */
  const expand = (at: number, isIndirectAllowed: boolean): number | undefined => {
    const opcode = words[at];
    const count = words[at + 1];
    if (count === undefined) return undefined;
    switch (opcode) {
      case DISCRETE:
        for (const value of words.slice(at + 2, at + 2 + count)) entries.push(value);
        return at + 2 + count;
      case LINEAR: {
        const from = entries.at(-1);
        const to = words[at + 2];
        if (from === undefined || to === undefined) return undefined;
        for (let step = 1; step <= count && entries.length < length; step++)
          entries.push(Math.round(from + ((to - from) * step) / count));
        return at + 3;
      }
      case INDIRECT: {
        // The offset counts bytes, least significant part first.
        const low = words[at + 2];
        const high = words[at + 3];
        if (!isIndirectAllowed || low === undefined || high === undefined) return undefined;
        const isWide = bits > 8;
        let from: number | undefined = isWide ? (low + high * 0x10000) / 2 : byteOffset(words, at + 2);
        for (let copied = 0; copied < count && entries.length < length; copied++) {
          from = from === undefined ? undefined : expand(from, false);
          if (from === undefined) return undefined;
        }
        return at + (isWide ? 4 : 6);
      }
      case undefined:
      default:
        return undefined;
    }
  };
  for (let at: number | undefined = 0; at !== undefined && at < words.length && entries.length < length;)
    at = expand(at, true);
  // Padding to an even length may follow the last segment.
  return entries.length < length ? undefined : entries.slice(0, length);
}

function byteOffset(words: readonly number[], at: number): number | undefined {
  const [a, b, c, d] = words.slice(at, at + 4);
  return a === undefined || b === undefined || c === undefined || d === undefined
    ? undefined
    : a + b * 0x100 + c * 0x10000 + d * 0x1000000;
}
