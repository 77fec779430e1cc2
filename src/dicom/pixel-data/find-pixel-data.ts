import { Buffer } from 'node:buffer';

import { tagText } from '../part10/data-set-scan.ts';
import {
  decodeElementHeader,
  type ElementEncoding,
  type ElementHeader,
  ITEM_DELIMITATION_TAG,
  ITEM_TAG,
  MAX_ELEMENT_HEADER_LENGTH,
  SEQUENCE_DELIMITATION_TAG,
  UNDEFINED_LENGTH,
  VR_UN,
  vrText,
} from '../part10/element-header.ts';
import type { ByteSpan } from './frames-of-fragments.ts';
import { PixelDataError, WindowReader, type RandomAccess } from './random-access.ts';

/** What stands in a Data Set up to its Pixel Data. */
export interface PixelDataPlace {
  readonly kind: 'integer' | 'float' | 'double-float';
  /** As encoded; undefined in Implicit VR. */
  readonly vr: string | undefined;
  /** Where the value starts: the first pixel, or the item of the Basic Offset Table. */
  readonly position: number;
  /** In bytes; undefined for encapsulated Pixel Data, which ends at a delimiter. */
  readonly length: number | undefined;
  /** Values of the wanted elements before it, padding included. */
  readonly values: ReadonlyMap<number, Buffer>;
  /** Extended Offset Table (7FE0,0001) and its lengths (7FE0,0002), where they are there. */
  readonly extendedOffsets?: ByteSpan;
  readonly extendedLengths?: ByteSpan;
}

const EXTENDED_OFFSET_TABLE_TAG = 0x7fe00001;
const EXTENDED_OFFSET_TABLE_LENGTHS_TAG = 0x7fe00002;
const PIXEL_DATA_KINDS: ReadonlyMap<number, PixelDataPlace['kind']> = new Map([
  [0x7fe00008, 'float'],
  [0x7fe00009, 'double-float'],
  [0x7fe00010, 'integer'],
]);

/** Elements come in ascending order, and Pixel Data is the last of these. */
const LAST_TAG = 0x7fe00010;
const MAX_VALUE_BYTES = 1024;
const MAX_DEPTH = 256;
/** What a value of VR UN and undefined length holds (PS3.5 6.2.2 note 2). */
const IMPLICIT_LITTLE_ENDIAN: ElementEncoding = { explicitVr: false, littleEndian: true };

/**
 * Walks the elements of a Data Set to its Pixel Data, reading headers and wanted values only.
 * @param start where the Data Set begins in the source.
 * @param wanted tags of short values of the Data Set itself.
 * @throws PixelDataError
 */
export async function findPixelData(
  source: RandomAccess,
  start: number,
  encoding: ElementEncoding,
  wanted: ReadonlySet<number>,
): Promise<PixelDataPlace> {
  const window = new WindowReader(source);
  const header: ElementHeader = { tag: 0, vr: 0, length: 0, size: 0 };
  const values = new Map<number, Buffer>();
  const tables: { extendedOffsets?: ByteSpan; extendedLengths?: ByteSpan } = {};

  /** @returns false at the end of the source. */
  async function readHeader(at: number, within: ElementEncoding): Promise<boolean> {
    const bytes = await window.at(at, MAX_ELEMENT_HEADER_LENGTH);
    return decodeElementHeader(bytes, 0, bytes.length, within, header);
  }

  /** @returns where the value of undefined length that begins at `from` ends. */
  async function skipUndefined(from: number, tag: number, within: ElementEncoding): Promise<number> {
    // What is open, innermost last: a sequence (or fragmented value), its item, a sequence in that, and so on.
    const open: { readonly isItem: boolean; readonly encoding: ElementEncoding }[] = [
      { isItem: false, encoding: within },
    ];
    let at = from;
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      if (!(await readHeader(at, top.encoding)))
        throw new PixelDataError('damaged', `The Data Set ends inside ${tagText(tag)}.`);
      at += header.size;
      const end = top.isItem ? ITEM_DELIMITATION_TAG : SEQUENCE_DELIMITATION_TAG;
      if (header.tag === end) open.pop();
      else if (header.length !== UNDEFINED_LENGTH) at += header.length;
      else if (open.length === MAX_DEPTH)
        throw new PixelDataError('damaged', `${tagText(tag)} is nested too deeply.`);
      else {
        const isUnknown = top.isItem && header.vr === VR_UN;
        open.push({ isItem: !top.isItem, encoding: isUnknown ? IMPLICIT_LITTLE_ENDIAN : top.encoding });
      }
    }
    return at;
  }

  for (let at = start; ;) {
    const isThere = await readHeader(at, encoding);
    const { tag, vr, length } = header;
    const isStray = tag >= ITEM_TAG && length === 0;
    if (!isThere || (tag > LAST_TAG && !isStray))
      throw new PixelDataError('no-pixel-data', 'The object has no Pixel Data.');
    at += header.size;
    const kind = PIXEL_DATA_KINDS.get(tag);
    if (kind !== undefined)
      return {
        kind,
        vr: vrText(vr),
        position: at,
        length: length === UNDEFINED_LENGTH ? undefined : length,
        values,
        ...tables,
      };
    if (length === UNDEFINED_LENGTH) {
      at = await skipUndefined(at, tag, vr === VR_UN ? IMPLICIT_LITTLE_ENDIAN : encoding);
      continue;
    }
    if (tag === EXTENDED_OFFSET_TABLE_TAG) tables.extendedOffsets = { offset: at, length };
    else if (tag === EXTENDED_OFFSET_TABLE_LENGTHS_TAG) tables.extendedLengths = { offset: at, length };
    else if (wanted.has(tag) && length > 0 && length <= MAX_VALUE_BYTES)
      values.set(tag, Buffer.from(await window.at(at, length)));
    at += length;
  }
}
