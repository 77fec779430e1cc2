import type { TransferSyntax } from '../transfer-syntax.ts';

/** Which elements a scan keeps; tags are numbers, group in the upper 16 bits. */
export interface WantedElements {
  /** Elements of the Data Set itself. */
  readonly elements: ReadonlySet<number>;
  /** By sequence: elements of its first item. */
  readonly sequences: ReadonlyMap<number, ReadonlySet<number>>;
}

/** One element as it stands in the bytes. */
export interface ScannedElement {
  /** Two letters; undefined where the encoding does not tell (Implicit VR). */
  readonly vr: string | undefined;
  /** The value field, padding included, in the byte order of its Data Set. */
  readonly value: Buffer;
  readonly littleEndian: boolean;
}

export type ScannedElements = ReadonlyMap<number, ScannedElement>;

export type DataSetIntegrity =
  /** The last element ends where the bytes end (padding aside). */
  | 'complete'
  /** The bytes end inside an element or an open sequence. */
  | 'truncated'
  /** The bytes cannot be a Data Set in the Transfer Syntax. */
  | 'malformed';

/** What one pass over a Data Set found. Holds patient data: never log it. */
export interface DataSetScan {
  readonly transferSyntax: TransferSyntax;
  /** The wanted elements that are there; of repeated ones the first. */
  readonly elements: ScannedElements;
  /** By sequence: the wanted elements of its first item. */
  readonly firstItems: ReadonlyMap<number, ScannedElements>;
  /** Wanted elements left out because their values are longer than the limit. */
  readonly oversized: readonly number[];
  readonly integrity: DataSetIntegrity;
  /** Why the integrity is not `complete`: one line without patient data. */
  readonly reason?: string;
  /** Which pixel element the Data Set itself holds. */
  readonly pixelData: 'integer' | 'float' | 'double-float' | 'none';
  /** Whether that element comes as fragments, which only an encapsulated Transfer Syntax has (PS3.5 A.4). */
  readonly isPixelDataEncapsulated: boolean;
  /** Bytes seen. */
  readonly length: number;
}

/** `(gggg,eeee)`, as the standard writes a tag. */
export function tagText(tag: number): string {
  const hex = tag.toString(16).padStart(8, '0');
  return `(${hex.slice(0, 4)},${hex.slice(4)})`;
}
