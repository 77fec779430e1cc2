import type { Uid } from '../../dicom/uid.ts';
import type { StudyKey } from '../study/instance.ts';

/** Makes the short-lived URLs that Avara's viewer puts captures to. */
export interface UploadUrls {
  /** @param expected what the object must be of, where that is known already. */
  forStudy(
    study: StudyKey,
    expected: { readonly seriesInstanceUid?: Uid; readonly sopInstanceUid?: Uid },
  ): string;
}
