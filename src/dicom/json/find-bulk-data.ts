import { Buffer } from 'node:buffer';

import { characterSet } from '../character-set.ts';
import type { CharacterSet } from '../character-set.ts';
import type { ByteWindow } from '../data-set/byte-window.ts';
import { walkObject } from '../data-set/walk-object.ts';
import type { ObjectVisitor, PlacedElement } from '../data-set/walk-object.ts';
import type { TransferSyntax } from '../transfer-syntax.ts';
import { tagName } from './encode-data-set.ts';
import { isLocalText } from './json-values.ts';

/** Where the bytes of a BulkDataURI are. */
export type BulkDataPlace =
  | {
      readonly kind: 'value';
      readonly vr: string;
      readonly position: number;
      readonly length: number;
      readonly littleEndian: boolean;
    }
  /** Text, which goes out in UTF-8 whatever it is in (PS3.18 F.2.2 note 4). */
  | { readonly kind: 'text'; readonly utf8: Uint8Array<ArrayBuffer> }
  /** Items from `position` on, that of the offset table first. */
  | { readonly kind: 'fragments'; readonly position: number; readonly length: number };

export interface FindBulkDataOptions {
  readonly window: ByteWindow;
  readonly start: number;
  readonly transferSyntax: Pick<TransferSyntax, 'explicitVr' | 'littleEndian' | 'bigEndianPixelData'>;
  /** As {@link encodeDataSet} gave it. */
  readonly path: string;
}

const PATH = /^[0-9A-F]{8}(?:\/[1-9]\d{0,8}\/[0-9A-F]{8}){0,63}$/;
const SPECIFIC_CHARACTER_SET_TAG = 0x00080005;
const PIXEL_DATA_TAG = 0x7fe00010;
/** Text is converted as a whole. */
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

/** Ends the walk. */
class Found extends Error {}

/** Reads the path of a BulkDataURI. @returns undefined where it is none. */
export function parseBulkDataPath(text: string): string | undefined {
  const path = text.toUpperCase();
  return PATH.test(path) ? path : undefined;
}

/** Finds the element that a path names. @returns undefined where there is none, or no value that is all there. */
export function findBulkData({
  window,
  start,
  transferSyntax,
  path,
}: FindBulkDataOptions): BulkDataPlace | undefined {
  let place: BulkDataPlace | undefined;
  let ignored = 0;
  let prefix = '';
  let characters = characterSet(undefined);
  const outer: { prefix: string; characters: CharacterSet; sequence: string; items: number }[] = [];
  let open = { sequence: '', items: 0 };

  function placeOf(element: PlacedElement): BulkDataPlace | undefined {
    const { tag, vr, position, length, littleEndian, isEncapsulated, isCutOff } = element;
    if (isCutOff && !(tag === PIXEL_DATA_TAG && outer.length === 0)) return undefined;
    if (isEncapsulated) return { kind: 'fragments', position, length };
    if (isLocalText(vr)) {
      if (length > MAX_TEXT_BYTES) return undefined;
      const text = characters.decode(window.at(position, length), vr === 'PN' ? 'person-name' : 'text');
      return { kind: 'text', utf8: new Uint8Array(Buffer.from(text)) };
    }
    const isSwapped = tag === PIXEL_DATA_TAG && transferSyntax.bigEndianPixelData;
    return { kind: 'value', vr, position, length, littleEndian: littleEndian && !isSwapped };
  }

  const visitor: ObjectVisitor = {
    element(element) {
      if (ignored > 0) return;
      if (element.tag === SPECIFIC_CHARACTER_SET_TAG)
        characters = characterSet(
          window.at(element.position, Math.min(element.length, 1024)).toString('latin1'),
        );
      if (prefix + tagName(element.tag) !== path) return;
      place = placeOf(element);
      throw new Found();
    },
    beginSequence(tag) {
      const sequence = `${prefix}${tagName(tag)}`;
      if (ignored > 0 || !path.startsWith(`${sequence}/`)) ignored += 1;
      else open = { sequence, items: 0 };
    },
    beginItem() {
      if (ignored > 0) return;
      open.items += 1;
      outer.push({ prefix, characters, ...open });
      prefix = `${open.sequence}/${open.items}/`;
    },
    endItem() {
      if (ignored > 0) return;
      const left = outer.pop();
      if (left === undefined) return;
      ({ prefix, characters } = left);
      open = { sequence: left.sequence, items: left.items };
    },
    endSequence() {
      if (ignored > 0) ignored -= 1;
    },
  };
  try {
    walkObject(window, start, transferSyntax, visitor);
  } catch (error) {
    if (!(error instanceof Found)) throw error;
  }
  return place;
}
