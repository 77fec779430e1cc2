import { attributeVr } from '../dictionary/attribute-vr.ts';
import { tagText } from '../part10/data-set-scan.ts';
import {
  ITEM_DELIMITATION_TAG,
  ITEM_TAG,
  MAX_ELEMENT_HEADER_LENGTH,
  SEQUENCE_DELIMITATION_TAG,
  UNDEFINED_LENGTH,
  VR_SQ,
  VR_UN,
  decodeElementHeader,
  isKnownVr,
  isOtherVr,
  vrText,
} from '../part10/element-header.ts';
import type { ElementEncoding, ElementHeader } from '../part10/element-header.ts';
import { describeMisfit } from '../part10/encoding-misfit.ts';
import type { ByteWindow } from './byte-window.ts';

/** An element other than a sequence, by its place. */
export interface PlacedElement {
  readonly tag: number;
  /** Of PS3.5 6.2: as encoded, from the dictionary where the encoding does not tell, else UN. */
  readonly vr: string;
  /** Of the value; of the first item where it comes as fragments. */
  readonly position: number;
  /** Of the value in bytes, padding included; of fragments with all their items. As much as is there. */
  readonly length: number;
  readonly littleEndian: boolean;
  /** It comes as fragments (PS3.5 A.4). */
  readonly isEncapsulated: boolean;
  /** The object ends inside of it: the last element of the walk. */
  readonly isCutOff: boolean;
}

/** What {@link walkObject} meets, in the order of the bytes. Whatever is begun is ended, whatever the bytes are. */
export interface ObjectVisitor {
  element(element: PlacedElement): void;
  beginSequence(tag: number): void;
  beginItem(): void;
  endItem(): void;
  endSequence(tag: number): void;
}

/** Why the walk ended before the bytes did: one line without patient data; undefined where they hold together. */
export type WalkFault = string | undefined;

const MAX_DEPTH = 64;
const PIXEL_DATA_TAG = 0x7fe00010;
const PIXEL_REPRESENTATION_TAG = 0x00280103;
const IMPLICIT_LITTLE_ENDIAN: ElementEncoding = { explicitVr: false, littleEndian: true };
/** Bytes of one value; a value field that is no multiple of it is not of that VR. */
const VALUE_BYTES: Readonly<Record<string, number>> = {
  AT: 4, FD: 8, FL: 4, OD: 8, OF: 4, OL: 4, OV: 8, OW: 2, SL: 4, SS: 2, SV: 8, UL: 4, US: 2, UV: 8,
}; // prettier-ignore

const NOBODY: ObjectVisitor = {
  element: () => undefined,
  beginSequence: () => undefined,
  beginItem: () => undefined,
  endItem: () => undefined,
  endSequence: () => undefined,
};

/** Where a run of elements or items ends: at `limit`, or before it at a delimiter. */
interface Bounds {
  readonly limit: number;
  readonly isDelimited: boolean;
}

class ObjectWalk {
  readonly #window: ByteWindow;
  readonly #visitor: ObjectVisitor;
  readonly #header: ElementHeader = { tag: 0, vr: 0, length: 0, size: 0 };
  #fault: WalkFault;

  constructor(window: ByteWindow, visitor: ObjectVisitor) {
    this.#window = window;
    this.#visitor = visitor;
  }

  run(start: number, encoding: ElementEncoding): WalkFault {
    this.#elements(start, { limit: this.#window.length, isDelimited: false }, encoding, 0, false);
    return this.#fault;
  }

  /** @returns whether the value is a sequence to its end. */
  tryItems(start: number, end: number, depth: number): boolean {
    this.#items(start, { limit: end, isDelimited: false }, IMPLICIT_LITTLE_ENDIAN, depth, false);
    return this.#fault === undefined;
  }

  /** @returns false, with a fault where the bytes end in the middle. */
  #readHeader(at: number, limit: number, encoding: ElementEncoding): boolean {
    const bytes = this.#window.at(at, Math.min(MAX_ELEMENT_HEADER_LENGTH, limit - at));
    if (decodeElementHeader(bytes, 0, bytes.length, encoding, this.#header)) return true;
    const isPadding = bytes.every((byte) => byte === 0);
    if (!isPadding || limit < this.#window.length) this.#fail('An element header is cut off.');
    return false;
  }

  /** @returns where the elements end. */
  #elements(
    start: number,
    { limit, isDelimited }: Bounds,
    encoding: ElementEncoding,
    depth: number,
    isSigned: boolean,
  ): number {
    let at = start;
    let signed = isSigned;
    while (at < limit && this.#fault === undefined) {
      if (!this.#readHeader(at, limit, encoding)) return at;
      const { tag, vr, length, size } = this.#header;
      const headerAt = at;
      at += size;
      if (
        tag >= ITEM_TAG &&
        (tag === ITEM_TAG || tag === ITEM_DELIMITATION_TAG || tag === SEQUENCE_DELIMITATION_TAG)
      ) {
        if (tag === ITEM_DELIMITATION_TAG && depth > 0) {
          if (isDelimited) return at;
          continue;
        }
        // Left over by writers that close a sequence of defined length with a delimiter as well.
        if (tag !== ITEM_TAG && length === 0 && depth === 0) continue;
        this.#fail(`${tagText(tag)} stands where an element is expected.`);
        return at;
      }
      if (tag < 0x10000 && depth === 0) {
        const isPadding = tag === 0 && length === 0 && headerAt > start;
        if (!isPadding) this.#fail(`Command element ${tagText(tag)} in a Data Set.`);
        return at;
      }
      if (depth === 0 && headerAt === start) {
        const misfit = describeMisfit(this.#header, encoding);
        if (misfit !== undefined) {
          this.#fail(misfit);
          return at;
        }
      }
      if (tag === PIXEL_REPRESENTATION_TAG && length === 2) {
        const value = this.#window.at(at, 2);
        signed = (value[encoding.littleEndian ? 0 : 1] ?? 0) === 1;
      }
      at = this.#element(tag, vr, length, at, limit, encoding, depth, signed);
    }
    if (isDelimited && this.#fault === undefined) this.#fail('A delimiter is missing.');
    return at;
  }

  /** @returns where the element ends. */
  #element(
    tag: number,
    vr: number,
    length: number,
    at: number,
    limit: number,
    encoding: ElementEncoding,
    depth: number,
    isSigned: boolean,
  ): number {
    if (length === UNDEFINED_LENGTH) {
      if (tag === PIXEL_DATA_TAG || isOtherVr(vr)) return this.#fragments(tag, vr, at, limit, encoding);
      if (vr !== VR_SQ && vr !== VR_UN && vr !== 0) {
        this.#fail(`${tagText(tag)} has undefined length, which its VR does not allow.`);
        return at;
      }
      const inner = vr === VR_UN ? IMPLICIT_LITTLE_ENDIAN : encoding;
      return this.#sequence(tag, at, { limit, isDelimited: true }, inner, depth, isSigned);
    }
    const end = at + length;
    const name = this.#vrOf(tag, vr, length, isSigned);
    const inner = vr === VR_UN ? IMPLICIT_LITTLE_ENDIAN : encoding;
    if (name === 'SQ' && (end <= limit || depth === 0)) {
      // What the dictionary takes for a sequence may be anything under VR UN.
      const isSequence =
        vr !== VR_UN || new ObjectWalk(this.#window, NOBODY).tryItems(at, Math.min(end, limit), depth + 1);
      if (isSequence)
        return this.#sequence(
          tag,
          at,
          { limit: Math.min(end, limit), isDelimited: false },
          inner,
          depth,
          isSigned,
        );
    }
    const isCutOff = end > limit;
    if (isCutOff) this.#fail(`${tagText(tag)} runs past the end of what it is in.`);
    this.#visitor.element({
      tag,
      vr: name === 'SQ' ? 'UN' : name,
      position: at,
      length: Math.min(end, limit) - at,
      littleEndian: inner.littleEndian,
      isEncapsulated: false,
      isCutOff,
    });
    return end;
  }

  #vrOf(tag: number, vr: number, length: number, isSigned: boolean): string {
    if (vr !== 0 && vr !== VR_UN) return isKnownVr(vr) ? (vrText(vr) ?? 'UN') : 'UN';
    const known = attributeVr(tag, isSigned) ?? 'UN';
    return length % (VALUE_BYTES[known] ?? 1) === 0 ? known : 'UN';
  }

  #sequence(
    tag: number,
    at: number,
    bounds: Bounds,
    encoding: ElementEncoding,
    depth: number,
    isSigned: boolean,
  ): number {
    if (depth >= MAX_DEPTH) {
      this.#fail(`${tagText(tag)} is nested too deeply.`);
      return at;
    }
    this.#visitor.beginSequence(tag);
    const end = this.#items(at, bounds, encoding, depth + 1, isSigned);
    this.#visitor.endSequence(tag);
    return end;
  }

  #items(
    start: number,
    { limit, isDelimited }: Bounds,
    encoding: ElementEncoding,
    depth: number,
    isSigned: boolean,
  ): number {
    let at = start;
    while (at < limit && this.#fault === undefined) {
      if (!this.#readHeader(at, limit, encoding)) {
        this.#fail('A sequence is cut off.');
        return at;
      }
      const { tag, length, size } = this.#header;
      at += size;
      if (tag === SEQUENCE_DELIMITATION_TAG) {
        if (isDelimited) return at;
        continue;
      }
      if (tag !== ITEM_TAG) {
        this.#fail(`${tagText(tag)} stands where an item is expected.`);
        return at;
      }
      const isUndefined = length === UNDEFINED_LENGTH;
      const end = isUndefined ? limit : at + length;
      this.#visitor.beginItem();
      const bounds = { limit: Math.min(end, limit), isDelimited: isUndefined };
      const ended = this.#elements(at, bounds, encoding, depth, isSigned);
      this.#visitor.endItem();
      if (end > limit) this.#fail('An item runs past the end of its sequence.');
      at = isUndefined ? ended : end;
    }
    if (isDelimited && this.#fault === undefined) this.#fail('A delimiter is missing.');
    return at;
  }

  #fragments(tag: number, vr: number, start: number, limit: number, encoding: ElementEncoding): number {
    let at = start;
    let isEnded = false;
    while (at < limit && !isEnded && this.#fault === undefined) {
      if (!this.#readHeader(at, limit, encoding)) break;
      const { tag: item, length, size } = this.#header;
      if (item === SEQUENCE_DELIMITATION_TAG) isEnded = true;
      else if (item !== ITEM_TAG || length === UNDEFINED_LENGTH) {
        this.#fail(`${tagText(item)} stands where a fragment is expected.`);
        break;
      }
      at += size + (isEnded ? 0 : length);
    }
    if (!isEnded) this.#fail(`${tagText(tag)} is cut off.`);
    this.#visitor.element({
      tag,
      vr: isKnownVr(vr) ? (vrText(vr) ?? 'OB') : 'OB',
      position: start,
      length: Math.min(at, limit) - start,
      littleEndian: encoding.littleEndian,
      isEncapsulated: true,
      isCutOff: !isEnded,
    });
    return at;
  }

  #fail(reason: string): void {
    this.#fault ??= reason;
  }
}

/**
 * Walks a stored Data Set to its end, sequences included, reading headers only. What writers do wrong is taken as the
 * scanner of received Data Sets takes it. Never throws but what reading throws.
 * @param start where the Data Set begins in the window's object.
 * @returns why it ended early, if it did.
 */
export function walkObject(
  window: ByteWindow,
  start: number,
  encoding: ElementEncoding,
  visitor: ObjectVisitor,
): WalkFault {
  return new ObjectWalk(window, visitor).run(start, encoding);
}
