import {
  ITEM_DELIMITATION_TAG,
  ITEM_TAG,
  SEQUENCE_DELIMITATION_TAG,
  UNDEFINED_LENGTH,
  VR_SQ,
  VR_UN,
  decodeElementHeader,
} from '../part10/element-header.ts';
import type { ElementEncoding, ElementHeader } from '../part10/element-header.ts';

/** What {@link walkDataSet} meets, in the order of the bytes. Whatever one throws ends the walk. */
export interface DataSetVisitor {
  /**
   * @param value a slice of the Data Set, padding included.
   * @param vr its two letters as a number; 0 in Implicit VR.
   */
  element(tag: number, value: Buffer, vr: number): void;
  beginSequence(tag: number): void;
  beginItem(): void;
  endItem(): void;
  endSequence(tag: number): void;
}

export interface WalkOptions {
  readonly encoding: ElementEncoding;
  /** Tags that are sequences where no VR says so, which is the case in Implicit VR. */
  readonly sequences: Pick<ReadonlySet<number>, 'has'>;
  /** The walk ends before the first element of the Data Set itself with this tag or a higher one. */
  readonly endBefore?: number;
  readonly visitor: DataSetVisitor;
}

/** A Data Set that does not hold together. The message names tags and lengths only. */
export class DataSetError extends Error {
  override readonly name = 'DataSetError';
}

/** Deeper nesting than any object of the standard has is an attack on the stack. */
const MAX_DEPTH = 16;

/** What a value of VR UN and undefined length holds (PS3.5 6.2.2 note 2). */
const IMPLICIT_LITTLE_ENDIAN: ElementEncoding = { explicitVr: false, littleEndian: true };

/**
 * Reads a Data Set that is in memory as a whole (PS3.5 section 7), sequences of both kinds of length included. Made for
 * the small Data Sets of DIMSE-N services; objects are read by the scanner, which takes them in pieces.
 * @throws DataSetError where an element runs past its end, or items and delimiters do not match.
 */
export function walkDataSet(
  bytes: Buffer,
  { encoding: outermost, sequences, endBefore = Infinity, visitor }: WalkOptions,
): void {
  const header: ElementHeader = { tag: 0, vr: 0, length: 0, size: 0 };

  function readHeader(at: number, end: number, encoding: ElementEncoding): void {
    if (!decodeElementHeader(bytes, at, end, encoding, header)) {
      throw new DataSetError(`${end - at} bytes are left where an element should begin`);
    }
  }

  function checkLength(tag: number, length: number, at: number, end: number): void {
    if (length > end - at) {
      throw new DataSetError(`${tagText(tag)} of ${length} bytes runs past the ${end - at} bytes left`);
    }
  }

  /** @param isDelimited ends at an Item Delimitation Item instead of at `end`. @returns where it ended. */
  function elements(
    from: number,
    end: number,
    isDelimited: boolean,
    depth: number,
    encoding: ElementEncoding,
  ): number {
    let at = from;
    while (at < end) {
      readHeader(at, end, encoding);
      const { tag, vr, length } = header;
      if (depth === 0 && tag >= endBefore) return at;
      at += header.size;
      if (tag === ITEM_DELIMITATION_TAG && isDelimited) return at;
      if (tag >= ITEM_TAG) throw new DataSetError(`${tagText(tag)} stands outside of a sequence`);
      if (vr === VR_SQ || sequences.has(tag) || length === UNDEFINED_LENGTH) {
        const isUnknown = vr === VR_UN && length === UNDEFINED_LENGTH;
        at = sequence(tag, length, at, end, depth, isUnknown ? IMPLICIT_LITTLE_ENDIAN : encoding);
      } else {
        checkLength(tag, length, at, end);
        visitor.element(tag, bytes.subarray(at, at + length), vr);
        at += length;
      }
    }
    if (isDelimited) throw new DataSetError('an item has no end');
    return at;
  }

  function sequence(
    tag: number,
    length: number,
    from: number,
    outerEnd: number,
    depth: number,
    encoding: ElementEncoding,
  ): number {
    if (depth >= MAX_DEPTH) throw new DataSetError(`sequences are nested more than ${MAX_DEPTH} deep`);
    const isDelimited = length === UNDEFINED_LENGTH;
    if (!isDelimited) checkLength(tag, length, from, outerEnd);
    const end = isDelimited ? outerEnd : from + length;
    visitor.beginSequence(tag);
    let at = from;
    for (;;) {
      if (at >= end) {
        if (isDelimited) throw new DataSetError(`${tagText(tag)} has no end`);
        break;
      }
      readHeader(at, end, encoding);
      at += header.size;
      if (header.tag === SEQUENCE_DELIMITATION_TAG && isDelimited) break;
      if (header.tag !== ITEM_TAG) {
        throw new DataSetError(`${tagText(header.tag)} stands in ${tagText(tag)} where an item is due`);
      }
      const itemLength = header.length;
      const isItemDelimited = itemLength === UNDEFINED_LENGTH;
      if (!isItemDelimited) checkLength(ITEM_TAG, itemLength, at, end);
      visitor.beginItem();
      at = elements(at, isItemDelimited ? end : at + itemLength, isItemDelimited, depth + 1, encoding);
      visitor.endItem();
    }
    visitor.endSequence(tag);
    return at;
  }

  elements(0, bytes.length, false, 0, outermost);
}

function tagText(tag: number): string {
  const hex = tag.toString(16).toUpperCase().padStart(8, '0');
  return `(${hex.slice(0, 4)},${hex.slice(4)})`;
}
