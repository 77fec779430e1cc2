import type { Buffer } from 'node:buffer';
import type { ElementEncoding } from '../part10/element-header.ts';
import { parseDecimalString, parseIntegerString } from '../values/number.ts';
import { walkDataSet } from './walk-data-set.ts';

export interface ElementTreeOptions {
  readonly encoding: ElementEncoding;
  /** Elements kept, at whatever depth. */
  readonly elements: ReadonlySet<number>;
  /** Sequences kept. Those of Implicit VR are known by this list only. */
  readonly sequences: ReadonlySet<number>;
  /** The reading ends before the first element of the Data Set itself with this tag or a higher one. */
  readonly endBefore?: number;
}

/** The kept elements of a Data Set, or of an item of a sequence. Values are slices of what was read. */
export class ElementTree {
  readonly #values = new Map<number, Buffer>();
  readonly #items = new Map<number, ElementTree[]>();
  readonly #littleEndian: boolean;

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian;
  }

  /** @internal for {@link readElementTree} */
  add(tag: number, value: Buffer): void {
    if (!this.#values.has(tag)) this.#values.set(tag, value);
  }

  /** @internal for {@link readElementTree} */
  addItem(tag: number, item: ElementTree): void {
    const items = this.#items.get(tag);
    if (items === undefined) this.#items.set(tag, [item]);
    else items.push(item);
  }

  /** The value field, padding included; undefined also where it is empty. */
  value(tag: number): Buffer | undefined {
    const value = this.#values.get(tag);
    return value === undefined || value.length === 0 ? undefined : value;
  }

  /** Items of a sequence; none where it is missing. */
  items(tag: number): readonly ElementTree[] {
    return this.#items.get(tag) ?? [];
  }

  /** Values of a string VR with the default repertoire, trimmed. */
  texts(tag: number): readonly string[] {
    const value = this.value(tag);
    if (value === undefined) return [];
    return value
      .toString('latin1')
      .split('\\')
      .map((text) => text.replaceAll('\0', '').trim());
  }

  text(tag: number): string | undefined {
    const text = this.texts(tag)[0];
    return text === '' ? undefined : text;
  }

  /** First value of VR IS. */
  integer(tag: number): number | undefined {
    return parseIntegerString(this.texts(tag)[0] ?? '');
  }

  /** Values of VR DS; unreadable ones are left out. */
  decimals(tag: number): readonly number[] {
    return this.texts(tag).flatMap((text) => parseDecimalString(text) ?? []);
  }

  /** Values of VR US, or OW. */
  shorts(tag: number): readonly number[] {
    const value = this.value(tag);
    if (value === undefined) return [];
    const count = value.length >> 1;
    return Array.from({ length: count }, (_, index) =>
      this.#littleEndian ? value.readUInt16LE(index * 2) : value.readUInt16BE(index * 2),
    );
  }

  short(tag: number): number | undefined {
    return this.shorts(tag)[0];
  }
}

/**
 * Reads the wanted part of a Data Set that is in memory.
 * @throws DataSetError where it does not hold together.
 */
export function readElementTree(bytes: Buffer, options: ElementTreeOptions): ElementTree {
  const { encoding, elements, sequences, endBefore = Infinity } = options;
  const root = new ElementTree(encoding.littleEndian);
  /** Where elements go, innermost last; undefined inside of what is not kept. */
  const open: (ElementTree | undefined)[] = [root];
  const openSequences: number[] = [];
  walkDataSet(bytes, {
    encoding,
    sequences,
    endBefore,
    visitor: {
      element: (tag, value) => {
        if (elements.has(tag)) open.at(-1)?.add(tag, value);
      },
      beginSequence: (tag) => openSequences.push(tag),
      beginItem: () => {
        const tag = openSequences.at(-1);
        const parent = open.at(-1);
        const isKept = parent !== undefined && tag !== undefined && sequences.has(tag);
        const item = isKept ? new ElementTree(encoding.littleEndian) : undefined;
        if (isKept && item !== undefined) parent.addItem(tag, item);
        open.push(item);
      },
      endItem: () => open.pop(),
      endSequence: () => openSequences.pop(),
    },
  });
  return root;
}
