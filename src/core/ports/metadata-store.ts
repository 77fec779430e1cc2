import type { Uid } from '../../dicom/uid.ts';
import type { StudyKey } from '../study/instance.ts';
import type { MetadataPart } from './metadata-encoder.ts';

/** Identifies a series. */
export interface SeriesKey extends StudyKey {
  readonly seriesInstanceUid: Uid;
}

/** Prepared metadata of a series, opened: the deflated JSON of its instances, commas in between, no brackets. */
export interface PreparedMetadata {
  /** Of the JSON. */
  readonly crc32: number;
  readonly bytes: number;
  /** Of the deflated blocks. */
  readonly deflatedBytes: number;
  /** Reads deflated bytes; @returns bytes read, 0 at the end. */
  read(target: Buffer, position: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * Keeps prepared metadata beside the objects. Nothing depends on it: what is missing, stale or damaged is made again
 * from the objects.
 */
export interface MetadataStore {
  /**
   * @param stamp says what the metadata must have been made of.
   * @returns undefined where there is none, of that stamp, whose bytes are as they were written.
   */
  open(series: SeriesKey, stamp: string): Promise<PreparedMetadata | undefined>;
  /** Puts the metadata of a series in place at once, instead of what was there. */
  write(series: SeriesKey, stamp: string, parts: AsyncIterable<MetadataPart>): Promise<void>;
  /** Removes what is kept of a study; nothing where nothing is. */
  drop(study: StudyKey): Promise<void>;
  /** Removes what is kept of studies that are not there any more, and what a crash left half written. */
  sweep(isThere: (study: StudyKey) => boolean): Promise<void>;
}
