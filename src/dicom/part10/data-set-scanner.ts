import { Buffer } from 'node:buffer';

import type { TransferSyntax } from '../transfer-syntax.ts';
import { type DataSetScan, type ScannedElement, tagText, type WantedElements } from './data-set-scan.ts';
import {
  decodeElementHeader,
  type ElementEncoding,
  type ElementHeader,
  isOtherVr,
  ITEM_DELIMITATION_TAG,
  ITEM_TAG,
  MAX_ELEMENT_HEADER_LENGTH,
  SEQUENCE_DELIMITATION_TAG,
  UNDEFINED_LENGTH,
  VR_SQ,
  VR_UN,
  vrText,
} from './element-header.ts';
import { describeMisfit } from './encoding-misfit.ts';
import type { Collection, Frame, PendingValue } from './scan-frame.ts';

export interface DataSetScannerOptions {
  /** Encoding of the bytes. For a deflated one: feed what its stream inflates to. */
  readonly transferSyntax: TransferSyntax;
  readonly wanted: WantedElements;
  /** Longest value kept, in bytes. Default 16 KiB. */
  readonly maxValueLength?: number;
}

/** Walks a Data Set while its bytes pass by. */
export interface DataSetScanner {
  /** Takes the next bytes, split anywhere. Nothing of the buffer is kept. Never throws. */
  write(chunk: Buffer): void;
  /** The bytes are at their end. */
  end(): DataSetScan;
}

const DEFAULT_MAX_VALUE_LENGTH = 16 * 1024;
/** Sequences and items open at once; real Data Sets stay below 40. */
const MAX_DEPTH = 256;

const FLOAT_PIXEL_DATA_TAG = 0x7fe00008;
const DOUBLE_FLOAT_PIXEL_DATA_TAG = 0x7fe00009;
const PIXEL_DATA_TAG = 0x7fe00010;

const EMPTY = Buffer.alloc(0);
const NO_SEQUENCES: ReadonlyMap<number, ReadonlySet<number>> = new Map();
/** What a value of VR UN holds if it is a sequence (PS3.5 6.2.2 note 2). */
const IMPLICIT_LITTLE_ENDIAN: ElementEncoding = { explicitVr: false, littleEndian: true };

class PushScanner implements DataSetScanner {
  readonly #transferSyntax: TransferSyntax;
  readonly #maxValueLength: number;
  readonly #collection: Collection;
  readonly #firstItems = new Map<number, Map<number, ScannedElement>>();
  readonly #oversized: number[] = [];
  readonly #header: ElementHeader = { tag: 0, vr: 0, length: 0, size: 0 };
  /** A header that straddles chunks. */
  readonly #carry = Buffer.alloc(MAX_ELEMENT_HEADER_LENGTH);
  #carryLength = 0;
  #frame: Frame;
  /** Bytes before the current chunk. */
  #offset = 0;
  #skip = 0;
  #value: PendingValue | undefined;
  /** Latest element of the Data Set itself, for reasons. */
  #currentTag: number | undefined;
  #pixelData: DataSetScan['pixelData'] = 'none';
  #isPixelDataEncapsulated = false;
  #inZeroPadding = false;
  #fault: string | undefined;

  constructor(options: Required<DataSetScannerOptions>) {
    this.#transferSyntax = options.transferSyntax;
    this.#maxValueLength = options.maxValueLength;
    this.#collection = { ...options.wanted, found: new Map() };
    this.#frame = {
      kind: 'data-set',
      parent: undefined,
      depth: 0,
      encoding: options.transferSyntax,
      limit: Infinity,
      ownsLimit: false,
      collection: this.#collection,
    };
  }

  write(chunk: Buffer): void {
    const size = chunk.length;
    let pos = this.#carryLength > 0 ? this.#finishCarriedHeader(chunk) : 0;
    while (pos < size && this.#fault === undefined) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, size - pos);
        this.#skip -= step;
        pos += step;
      } else if (this.#value !== undefined) {
        pos += this.#fillValue(this.#value, chunk, pos);
      } else if (this.#inZeroPadding) {
        this.#checkZeros(chunk, pos);
        pos = size;
      } else {
        if (this.#offset + pos >= this.#frame.limit) this.#closeEndedFrames(this.#offset + pos);
        if (!decodeElementHeader(chunk, pos, size, this.#frame.encoding, this.#header)) {
          this.#carryLength = chunk.copy(this.#carry, 0, pos, size);
          break;
        }
        pos += this.#header.size;
        this.#enter(this.#offset + pos);
      }
    }
    this.#offset += size;
  }

  end(): DataSetScan {
    if (this.#carryLength === 0) this.#closeEndedFrames(this.#offset);
    const verdict = this.#verdict();
    return {
      transferSyntax: this.#transferSyntax,
      elements: this.#collection.found,
      firstItems: this.#firstItems,
      oversized: this.#oversized,
      ...verdict,
      pixelData: this.#pixelData,
      isPixelDataEncapsulated: this.#isPixelDataEncapsulated,
      length: this.#offset,
    };
  }

  #verdict(): Pick<DataSetScan, 'integrity' | 'reason'> {
    if (this.#fault !== undefined) return { integrity: 'malformed', reason: this.#fault };
    if (this.#offset === 0) return { integrity: 'malformed', reason: 'The Data Set is empty.' };
    const inElement = this.#skip > 0 || this.#value !== undefined || this.#frame.kind !== 'data-set';
    if (inElement && this.#currentTag !== undefined) {
      return { integrity: 'truncated', reason: `The bytes end inside ${tagText(this.#currentTag)}.` };
    }
    if (this.#carryLength > 0 && !this.#endsInZeros()) {
      return { integrity: 'truncated', reason: 'The bytes end inside the header of an element.' };
    }
    return { integrity: 'complete' };
  }

  /** Tells whether the bytes of an unfinished header are zero padding shorter than a header. */
  #endsInZeros(): boolean {
    // One zero may as well be the first byte of a big endian group number.
    const shortest = this.#transferSyntax.littleEndian ? 1 : 2;
    const rest = this.#carry.subarray(0, this.#carryLength);
    return this.#currentTag !== undefined && rest.length >= shortest && rest.every((byte) => byte === 0);
  }

  /** Completes a header from the carry and the chunk. @returns the bytes of the chunk used. */
  #finishCarriedHeader(chunk: Buffer): number {
    const carried = this.#carryLength;
    const available = carried + chunk.copy(this.#carry, carried);
    if (!decodeElementHeader(this.#carry, 0, available, this.#frame.encoding, this.#header)) {
      this.#carryLength = available;
      return chunk.length;
    }
    this.#carryLength = 0;
    const used = this.#header.size - carried;
    this.#enter(this.#offset + used);
    return used;
  }

  /** Acts on the header just decoded, whose value starts at `offset`. */
  #enter(offset: number): void {
    const frame = this.#frame;
    if (offset > frame.limit) {
      this.#fail(`A header in ${this.#place()} runs past the end of its sequence or item.`);
      return;
    }
    switch (frame.kind) {
      case 'sequence': {
        this.#enterInSequence(frame, offset);
        return;
      }
      case 'fragments': {
        this.#enterInFragments(frame, offset);
        return;
      }
      case 'item':
      case 'data-set': {
        this.#enterElement(frame, offset);
        return;
      }
    }
  }

  #enterInSequence(frame: Frame, offset: number): void {
    const { tag, length } = this.#header;
    if (tag === SEQUENCE_DELIMITATION_TAG) {
      this.#closeAtDelimiter(frame);
      return;
    }
    if (tag !== ITEM_TAG) {
      this.#fail(`${tagText(tag)} stands where an item of ${this.#place()} is expected.`);
      return;
    }
    const collection = frame.collection;
    frame.collection = undefined;
    if (length === UNDEFINED_LENGTH || collection !== undefined) {
      this.#open('item', frame.encoding, offset, length, collection);
    } else {
      this.#skipValue(frame, offset, length);
    }
  }

  #enterInFragments(frame: Frame, offset: number): void {
    const { tag, length } = this.#header;
    if (tag === SEQUENCE_DELIMITATION_TAG) {
      this.#closeAtDelimiter(frame);
      return;
    }
    if (tag !== ITEM_TAG || length === UNDEFINED_LENGTH) {
      this.#fail(`${tagText(tag)} stands where a fragment of ${this.#place()} is expected.`);
      return;
    }
    this.#skipValue(frame, offset, length);
  }

  #enterElement(frame: Frame, offset: number): void {
    const { tag, vr, length } = this.#header;
    if (tag >= ITEM_TAG) {
      if (tag === ITEM_DELIMITATION_TAG && frame.kind === 'item') {
        this.#closeAtDelimiter(frame);
        return;
      }
      // Left over by writers that close a sequence of defined length with a delimiter as well.
      if (length === 0 && tag !== ITEM_TAG && frame.kind === 'data-set') return;
      if (tag === ITEM_TAG || tag === ITEM_DELIMITATION_TAG || tag === SEQUENCE_DELIMITATION_TAG) {
        this.#fail(`${tagText(tag)} stands where an element is expected, after ${this.#place()}.`);
        return;
      }
    }
    if (frame.kind === 'data-set') {
      if (tag < 0x10000) {
        this.#enterGroupZero();
        return;
      }
      if (this.#currentTag === undefined) {
        const misfit = describeMisfit(this.#header, frame.encoding);
        if (misfit !== undefined) {
          this.#fail(misfit);
          return;
        }
      }
      this.#currentTag = tag;
      if (tag >= FLOAT_PIXEL_DATA_TAG && tag <= PIXEL_DATA_TAG) this.#notePixelData(tag);
    }
    const collection = frame.collection;
    if (collection !== undefined) {
      const wantedOfItem = collection.sequences.get(tag);
      if (wantedOfItem !== undefined && (vr === VR_SQ || vr === VR_UN || vr === 0)) {
        this.#enterWantedSequence(frame, offset, wantedOfItem);
        return;
      }
    }
    if (length === UNDEFINED_LENGTH) {
      this.#enterUndefinedLength(frame, offset);
      return;
    }
    if (collection?.elements.has(tag) === true && !collection.found.has(tag)) {
      this.#collectValue(frame, offset, collection);
      return;
    }
    this.#skipValue(frame, offset, length);
  }

  #enterGroupZero(): void {
    // Files are padded with zeros to a block size by some writers; zeros decode as (0000,0000) of length 0.
    if (this.#header.tag === 0 && this.#header.length === 0 && this.#currentTag !== undefined) {
      this.#inZeroPadding = true;
    } else {
      this.#fail(`Command element ${tagText(this.#header.tag)} in a Data Set.`);
    }
  }

  #enterWantedSequence(frame: Frame, offset: number, elements: ReadonlySet<number>): void {
    const { tag, vr, length } = this.#header;
    const encoding = vr === VR_UN ? IMPLICIT_LITTLE_ENDIAN : frame.encoding;
    let collection: Collection | undefined;
    if (!this.#firstItems.has(tag)) {
      collection = { elements, sequences: NO_SEQUENCES, found: new Map() };
      this.#firstItems.set(tag, collection.found);
    }
    this.#open('sequence', encoding, offset, length, collection);
  }

  #enterUndefinedLength(frame: Frame, offset: number): void {
    const { tag, vr } = this.#header;
    if (tag === PIXEL_DATA_TAG || isOtherVr(vr)) {
      this.#open('fragments', frame.encoding, offset, UNDEFINED_LENGTH, undefined);
    } else if (vr === VR_UN) {
      this.#open('sequence', IMPLICIT_LITTLE_ENDIAN, offset, UNDEFINED_LENGTH, undefined);
    } else if (vr === VR_SQ || vr === 0) {
      this.#open('sequence', frame.encoding, offset, UNDEFINED_LENGTH, undefined);
    } else {
      this.#fail(`${tagText(tag)} has undefined length, which its VR does not allow.`);
    }
  }

  #collectValue(frame: Frame, offset: number, collection: Collection): void {
    const { tag, vr, length } = this.#header;
    if (length > this.#maxValueLength) {
      this.#oversized.push(tag);
      this.#skipValue(frame, offset, length);
      return;
    }
    if (offset + length > frame.limit) {
      this.#skipValue(frame, offset, length);
      return;
    }
    const { encoding } = frame;
    if (length === 0) {
      collection.found.set(tag, {
        vr: vrText(vr),
        value: EMPTY,
        littleEndian: encoding.littleEndian,
      });
      return;
    }
    this.#value = {
      bytes: Buffer.allocUnsafe(length),
      filled: 0,
      tag,
      vr: vrText(vr),
      encoding,
      collection,
    };
  }

  #fillValue(value: PendingValue, chunk: Buffer, pos: number): number {
    const copied = chunk.copy(value.bytes, value.filled, pos);
    value.filled += copied;
    if (value.filled === value.bytes.length) {
      const { vr, bytes, encoding } = value;
      value.collection.found.set(value.tag, { vr, value: bytes, littleEndian: encoding.littleEndian });
      this.#value = undefined;
    }
    return copied;
  }

  #skipValue(frame: Frame, offset: number, length: number): void {
    if (offset + length > frame.limit) {
      this.#fail(`A value in ${this.#place()} runs past the end of its sequence or item.`);
    } else {
      this.#skip = length;
    }
  }

  #open(
    kind: Frame['kind'],
    encoding: ElementEncoding,
    offset: number,
    length: number,
    collection: Collection | undefined,
  ): void {
    const parent = this.#frame;
    const ownsLimit = length !== UNDEFINED_LENGTH;
    const limit = ownsLimit ? offset + length : parent.limit;
    if (limit > parent.limit) {
      this.#fail(`A value in ${this.#place()} runs past the end of its sequence or item.`);
      return;
    }
    if (parent.depth === MAX_DEPTH) {
      this.#fail(`${this.#place()} is nested too deeply.`);
      return;
    }
    this.#frame = { kind, parent, depth: parent.depth + 1, encoding, limit, ownsLimit, collection };
  }

  #closeAtDelimiter(frame: Frame): void {
    // A delimiter inside something of defined length is superfluous and harmless.
    if (!frame.ownsLimit && frame.parent !== undefined) this.#frame = frame.parent;
  }

  #closeEndedFrames(offset: number): void {
    while (this.#frame.limit <= offset && this.#frame.parent !== undefined) {
      if (!this.#frame.ownsLimit) {
        this.#fail(`A delimiter is missing in ${this.#place()}.`);
        return;
      }
      this.#frame = this.#frame.parent;
    }
  }

  #notePixelData(tag: number): void {
    if (this.#pixelData !== 'none') return;
    this.#isPixelDataEncapsulated = this.#header.length === UNDEFINED_LENGTH;
    if (tag === PIXEL_DATA_TAG) this.#pixelData = 'integer';
    else if (tag === FLOAT_PIXEL_DATA_TAG) this.#pixelData = 'float';
    else if (tag === DOUBLE_FLOAT_PIXEL_DATA_TAG) this.#pixelData = 'double-float';
  }

  #checkZeros(chunk: Buffer, start: number): void {
    for (let pos = start; pos < chunk.length; pos++) {
      if (chunk[pos] !== 0) {
        this.#fail('Bytes that are no element follow zero padding.');
        return;
      }
    }
  }

  #place(): string {
    return this.#currentTag === undefined ? 'the Data Set' : tagText(this.#currentTag);
  }

  #fail(reason: string): void {
    this.#fault ??= reason;
  }
}

/**
 * Creates a scanner for one Data Set. It holds the wanted values (each at most `maxValueLength` bytes) and nothing
 * else, whatever lengths the bytes declare; everything not wanted is passed over by arithmetic.
 */
export function createDataSetScanner({
  transferSyntax,
  wanted,
  maxValueLength = DEFAULT_MAX_VALUE_LENGTH,
}: DataSetScannerOptions): DataSetScanner {
  return new PushScanner({ transferSyntax, wanted, maxValueLength });
}
