import type { Uid } from '../../dicom/uid.ts';
import type { StudyKey } from '../study/instance.ts';

/** The URLs of a study's objects, which differ in UIDs only: `<head of the series><SOP Instance UID><tail>`. ASCII. */
export interface StudyUrls {
  readonly head: (seriesInstanceUid: Uid) => string;
  readonly tail: string;
}

/** Makes the short-lived URLs that Avara's viewer fetches objects from. */
export interface ObjectUrls {
  /** All carry one token that is good for this study alone. */
  forStudy(study: StudyKey): StudyUrls;
}
