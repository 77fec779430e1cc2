import { Buffer } from 'node:buffer';

import { tagText } from '../part10/data-set-scan.ts';
import {
  decodeElementHeader,
  type ElementEncoding,
  type ElementHeader,
  ITEM_TAG,
  SEQUENCE_DELIMITATION_TAG,
  UNDEFINED_LENGTH,
} from '../part10/element-header.ts';
import type { ByteSpan, Fragment } from './frames-of-fragments.ts';
import { PixelDataError, type WindowReader } from './random-access.ts';

/** Items and delimiters are the same in every Transfer Syntax that encapsulates (PS3.5 A.4). */
const LITTLE_ENDIAN: ElementEncoding = { explicitVr: true, littleEndian: true };
export const ITEM_HEADER_BYTES = 8;
/** First bytes of a fragment that tell whether an image begins there. */
const HEAD_BYTES = 4;
/** Bound on what a list of fragments may cost in memory; no real object comes near it. */
export const MAX_FRAGMENTS = 1_000_000;

/**
 * Reads the item that begins at `position`.
 * @returns its value, or undefined for the delimiter at the end.
 * @throws PixelDataError where neither stands there.
 */
export async function readFragment(window: WindowReader, position: number): Promise<ByteSpan | undefined> {
  return decodeItem(await window.at(position, ITEM_HEADER_BYTES), position);
}

/** Lists the fragments from the item at `position` to the end. @throws PixelDataError */
export async function listFragments(window: WindowReader, position: number): Promise<readonly Fragment[]> {
  const fragments: Fragment[] = [];
  for (let at = position; ;) {
    const bytes = await window.at(at, ITEM_HEADER_BYTES + HEAD_BYTES);
    const span = decodeItem(bytes, at);
    if (span === undefined) return fragments;
    if (fragments.length === MAX_FRAGMENTS)
      throw new PixelDataError('unsupported', `Pixel Data has more than ${MAX_FRAGMENTS} fragments.`);
    const head = Buffer.alloc(HEAD_BYTES);
    bytes.copy(head, 0, ITEM_HEADER_BYTES, ITEM_HEADER_BYTES + Math.min(HEAD_BYTES, span.length));
    fragments.push({ ...span, head: head.readUInt32BE() });
    at = span.offset + span.length;
  }
}

function decodeItem(bytes: Buffer, position: number): ByteSpan | undefined {
  const header: ElementHeader = { tag: 0, vr: 0, length: 0, size: 0 };
  if (!decodeElementHeader(bytes, 0, bytes.length, LITTLE_ENDIAN, header))
    throw new PixelDataError('damaged', 'Pixel Data ends inside its fragments.');
  if (header.tag === SEQUENCE_DELIMITATION_TAG) return undefined;
  if (header.tag !== ITEM_TAG || header.length === UNDEFINED_LENGTH)
    throw new PixelDataError('damaged', `${tagText(header.tag)} stands where a fragment is expected.`);
  return { offset: position + ITEM_HEADER_BYTES, length: header.length };
}
