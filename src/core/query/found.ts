import type { Uid } from '../../dicom/uid.ts';
import type { ImageAttributes, SeriesAttributes, StudyAttributes } from '../study/header.ts';
import type { CustomerKey } from '../study/instance.ts';

/** Levels of a search (PS3.18 10.6.1). */
export type QueryLevel = 'study' | 'series' | 'instance';

/** A study as a search looks at it. Holds patient data: never log it. */
export interface FoundStudy {
  readonly customer: CustomerKey;
  readonly studyInstanceUid: Uid;
  readonly attributes: StudyAttributes;
  readonly modalities: readonly string[];
  readonly sopClasses: readonly string[];
  readonly seriesCount: number;
  readonly instanceCount: number;
}

export interface FoundSeries {
  readonly seriesInstanceUid: Uid;
  readonly attributes: SeriesAttributes;
  readonly instanceCount: number;
}

export interface FoundInstance {
  readonly sopInstanceUid: Uid;
  readonly sopClassUid: Uid;
  readonly transferSyntaxUid: Uid;
  readonly image: ImageAttributes;
}

/** One result, with what it is part of. */
export interface Found {
  readonly study: FoundStudy;
  readonly series?: FoundSeries;
  readonly instance?: FoundInstance;
}
