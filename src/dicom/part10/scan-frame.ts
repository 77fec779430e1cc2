import type { ScannedElement } from './data-set-scan.ts';
import type { ElementEncoding } from './element-header.ts';

/** Where values of one Data Set or item go. */
export interface Collection {
  readonly elements: ReadonlySet<number>;
  readonly sequences: ReadonlyMap<number, ReadonlySet<number>>;
  readonly found: Map<number, ScannedElement>;
}

/** An open Data Set, sequence, item or list of fragments. */
export interface Frame {
  readonly kind: 'data-set' | 'sequence' | 'item' | 'fragments';
  readonly parent: Frame | undefined;
  readonly depth: number;
  readonly encoding: ElementEncoding;
  /** Offset that nothing inside may pass. */
  readonly limit: number;
  /** Ends at the limit rather than at a delimiter. */
  readonly ownsLimit: boolean;
  /** Of a sequence: for its first item, then taken away. */
  collection: Collection | undefined;
}

/** A value being copied across chunks. */
export interface PendingValue {
  readonly bytes: Buffer;
  filled: number;
  readonly tag: number;
  readonly vr: string | undefined;
  readonly encoding: ElementEncoding;
  readonly collection: Collection;
}
