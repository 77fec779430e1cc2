import { ITEM_TAG } from '../part10/element-header.ts';
import type { ElementEncoding } from '../part10/element-header.ts';

const FIRST_BYTES = 4096;
/** Largest growth at once, so that a long Data Set does not leave half of its buffer unused. */
const MAX_GROWTH_BYTES = 4 * 1024 * 1024;

/**
 * Encodes a small Data Set, as DIMSE-N services have them, in one growing buffer (PS3.5 section 7). The caller writes
 * elements in ascending order of their tags. Sequences and items get defined lengths, which every reader takes.
 */
export class DataSetWriter {
  readonly #encoding: ElementEncoding;
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  constructor(encoding: ElementEncoding) {
    this.#encoding = encoding;
  }

  /** @param value of VR UI, padded here. */
  uid(tag: number, value: string): void {
    const bytes = value.length + (value.length % 2);
    this.#header(tag, 'UI', bytes);
    this.#reserve(bytes);
    this.#bytes.write(value, this.#length, 'latin1');
    if (bytes > value.length) this.#bytes[this.#length + value.length] = 0;
    this.#length += bytes;
  }

  /** @param value of VR US. */
  uint16(tag: number, value: number): void {
    this.#header(tag, 'US', 2);
    this.#put16(value);
  }

  /** Writes a sequence, one item per value. */
  sequence<T>(tag: number, values: Iterable<T>, writeItem: (value: T) => void): void {
    const endSequence = this.#open(tag, 'SQ');
    for (const value of values) {
      const endItem = this.#open(ITEM_TAG, undefined);
      writeItem(value);
      endItem();
    }
    endSequence();
  }

  /** What has been written. The writer must not be used any more. */
  end(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Writes a header with 32-bit length. @returns what fills the length in once the content is written. */
  #open(tag: number, vr: string | undefined): () => void {
    this.#tag(tag);
    if (vr !== undefined && this.#encoding.explicitVr) {
      this.#letters(vr);
      this.#put16(0);
    }
    const lengthAt = this.#length;
    this.#put32(0);
    return () => {
      const length = this.#length - lengthAt - 4;
      if (this.#encoding.littleEndian) this.#bytes.writeUInt32LE(length, lengthAt);
      else this.#bytes.writeUInt32BE(length, lengthAt);
    };
  }

  #header(tag: number, vr: string, length: number): void {
    this.#tag(tag);
    if (this.#encoding.explicitVr) {
      this.#letters(vr);
      this.#put16(length);
    } else this.#put32(length);
  }

  #tag(tag: number): void {
    this.#put16(Math.floor(tag / 0x10000));
    this.#put16(tag % 0x10000);
  }

  #letters(vr: string): void {
    this.#reserve(2);
    this.#length += this.#bytes.write(vr, this.#length, 'latin1');
  }

  #put16(value: number): void {
    this.#reserve(2);
    if (this.#encoding.littleEndian) this.#bytes.writeUInt16LE(value, this.#length);
    else this.#bytes.writeUInt16BE(value, this.#length);
    this.#length += 2;
  }

  #put32(value: number): void {
    this.#reserve(4);
    if (this.#encoding.littleEndian) this.#bytes.writeUInt32LE(value, this.#length);
    else this.#bytes.writeUInt32BE(value, this.#length);
    this.#length += 4;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(
      Math.max(needed, this.#bytes.length + Math.min(this.#bytes.length, MAX_GROWTH_BYTES)),
    );
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
