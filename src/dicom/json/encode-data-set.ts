import { characterSet } from '../character-set.ts';
import type { CharacterSet } from '../character-set.ts';
import type { ByteWindow } from '../data-set/byte-window.ts';
import { walkObject } from '../data-set/walk-object.ts';
import type { ObjectVisitor, PlacedElement, WalkFault } from '../data-set/walk-object.ts';
import type { TransferSyntax } from '../transfer-syntax.ts';
import { isBinaryVr, jsonString, jsonValues } from './json-values.ts';
import { toLittleEndian } from './little-endian.ts';
import { sortedJson } from './sorted-json.ts';

/** Binary values up to this many bytes are InlineBinary, longer ones bulk data. */
export const MAX_INLINE_BYTES = 1024;
/** Values of other VRs become bulk data from here on. */
export const MAX_VALUE_BYTES = 1024 * 1024;
/** JSON that is held back so that it can still be sorted. */
const MAX_SORTABLE_LENGTH = 4 * 1024 * 1024;
const FLUSH_LENGTH = 256 * 1024;

const SPECIFIC_CHARACTER_SET_TAG = 0x00080005;
const PIXEL_DATA_TAGS: ReadonlySet<number> = new Set([0x7fe00008, 0x7fe00009, 0x7fe00010]);

export interface EncodeDataSetOptions {
  /** Opened on the bytes: of the file, or of what a deflated Data Set inflates to. */
  readonly window: ByteWindow;
  /** Where the Data Set begins in it. */
  readonly start: number;
  readonly transferSyntax: Pick<TransferSyntax, 'explicitVr' | 'littleEndian' | 'bigEndianPixelData'>;
  /**
   * The BulkDataURI of an element.
   * @param path its tag; within a sequence `<tag of the sequence>/<item, from 1>/<tag>`, and so on.
   */
  readonly bulkDataUri: (path: string) => string;
  /**
   * Attributes known from elsewhere, `[tag, object of the attribute as JSON]` in ascending order; put in where the
   * Data Set itself has none.
   */
  readonly known?: readonly (readonly [tag: number, json: string])[];
  /** Takes the JSON, piece by piece. */
  readonly sink: (json: string) => void;
}

/** Eight upper-case hexadecimal digits. */
export function tagName(tag: number): string {
  return tag.toString(16).toUpperCase().padStart(8, '0');
}

/** An item that is open, or the Data Set. */
interface Level {
  /** Of the sequences and items around, with a slash at its end. */
  readonly path: string;
  readonly characterSet: CharacterSet;
  /** Tags so far. */
  readonly tags: number[];
  /** Items so far of the sequence that is open in it. */
  items: number;
  /** The sequence that is open in it. */
  sequence: number;
}

/**
 * Writes a Data Set as a DICOM JSON Model object (PS3.18 F.2): values in UTF-8, large and pixel values as BulkDataURI.
 * Of bytes that do not hold together what comes before the fault is written. Throws only what reading throws.
 * @returns why it ended early, if it did.
 */
export function encodeDataSet(options: EncodeDataSetOptions): WalkFault {
  const encoder = new Encoder(options);
  const fault = walkObject(options.window, options.start, options.transferSyntax, encoder);
  encoder.end();
  return fault;
}

class Encoder implements ObjectVisitor {
  readonly #options: EncodeDataSetOptions;
  readonly #known: (readonly [tag: number, json: string])[];
  readonly #outer: Level[] = [];
  #level: Level = { path: '', characterSet: characterSet(undefined), tags: [], items: 0, sequence: 0 };
  #json = '{';
  #isUnordered = false;
  #isFlushed = false;
  /** Sequences open within one that is left out. */
  #ignored = 0;

  constructor(options: EncodeDataSetOptions) {
    this.#options = options;
    this.#known = [...(options.known ?? [])].reverse();
  }

  element(element: PlacedElement): void {
    const { tag } = element;
    if (this.#ignored > 0 || tag % 0x10000 === 0 || !this.#begin(tag, element.isCutOff)) return;
    if (tag === SPECIFIC_CHARACTER_SET_TAG) this.#useCharacterSet(element);
    this.#json += `{"vr":"${element.vr}"${this.#content(element)}}`;
    this.#flush();
  }

  beginSequence(tag: number): void {
    if (this.#ignored > 0 || !this.#begin(tag, false)) {
      this.#ignored += 1;
      return;
    }
    this.#level.sequence = tag;
    this.#level.items = 0;
    this.#json += '{"vr":"SQ"';
  }

  beginItem(): void {
    if (this.#ignored > 0) return;
    const level = this.#level;
    level.items += 1;
    this.#json += level.items === 1 ? ',"Value":[{' : ',{';
    const path = `${level.path}${tagName(level.sequence)}/${level.items}/`;
    this.#outer.push(level);
    this.#level = { path, characterSet: level.characterSet, tags: [], items: 0, sequence: 0 };
  }

  endItem(): void {
    if (this.#ignored > 0) return;
    this.#json += '}';
    this.#level = this.#outer.pop() ?? this.#level;
    this.#flush();
  }

  endSequence(): void {
    if (this.#ignored > 0) {
      this.#ignored -= 1;
      return;
    }
    this.#json += this.#level.items === 0 ? '}' : ']}';
  }

  /** The Data Set is at its end. */
  end(): void {
    this.#putKnown(Number.POSITIVE_INFINITY);
    this.#json += '}';
    this.#options.sink(this.#isUnordered && !this.#isFlushed ? sortedJson(this.#json) : this.#json);
  }

  /** Writes the name of an attribute. @returns false where it is to be left out. */
  #begin(tag: number, isCutOff: boolean): boolean {
    const { tags } = this.#level;
    const isTop = this.#outer.length === 0;
    // Of a value that is cut off only that there are pixels is certain.
    if (isCutOff && !(isTop && PIXEL_DATA_TAGS.has(tag))) return false;
    if (isTop && tag - (tag % 0x10000) === 0x00020000) return false;
    if (tag <= (tags.at(-1) ?? 0)) {
      if (tags.includes(tag)) return false;
      this.#isUnordered = true;
    }
    if (isTop) this.#putKnown(tag);
    this.#json += `${tags.length === 0 ? '' : ','}"${tagName(tag)}":`;
    tags.push(tag);
    return true;
  }

  /** Puts in what is known from elsewhere and stands before `tag`; the Data Set's own attributes come first. */
  #putKnown(tag: number): void {
    const { tags } = this.#level;
    for (let next = this.#known.at(-1); next !== undefined && next[0] <= tag; next = this.#known.at(-1)) {
      this.#known.pop();
      const [known, json] = next;
      if (known === tag || tags.includes(known)) continue;
      this.#json += `${tags.length === 0 ? '' : ','}"${tagName(known)}":${json}`;
      tags.push(known);
    }
  }

  #useCharacterSet({ position, length }: PlacedElement): void {
    const value = this.#options.window.at(position, Math.min(length, MAX_INLINE_BYTES)).toString('latin1');
    this.#level = { ...this.#level, characterSet: characterSet(value) };
  }

  #content(element: PlacedElement): string {
    const { tag, vr, position, length, littleEndian, isEncapsulated } = element;
    if (length === 0) return '';
    const isPixelData = PIXEL_DATA_TAGS.has(tag) && this.#outer.length === 0;
    const isBinary = isBinaryVr(vr);
    if (isEncapsulated || isPixelData || length > (isBinary ? MAX_INLINE_BYTES : MAX_VALUE_BYTES)) {
      const uri = this.#options.bulkDataUri(`${this.#level.path}${tagName(tag)}`);
      return `,"BulkDataURI":${jsonString(uri)}`;
    }
    const value = this.#options.window.at(position, length);
    if (!isBinary) {
      const values = jsonValues(vr, value, littleEndian, this.#level.characterSet);
      return values === undefined ? '' : `,"Value":[${values}]`;
    }
    return `,"InlineBinary":"${toLittleEndian(vr, value, littleEndian).toString('base64')}"`;
  }

  #flush(): void {
    const isHeld = !this.#isFlushed && this.#json.length < MAX_SORTABLE_LENGTH;
    if (isHeld || this.#json.length < FLUSH_LENGTH) return;
    this.#isFlushed = true;
    this.#options.sink(this.#json);
    this.#json = '';
  }
}
