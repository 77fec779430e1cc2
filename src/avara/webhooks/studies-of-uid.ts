import type { StudyIndex } from '../../core/ports/study-index.ts';
import type { StudyRecord } from '../../core/study/study.ts';
import { parseUid } from '../../dicom/uid.ts';

/**
 * The studies with this UID, of all customers. What is left of a study that was moved away has no images and stands in
 * nobody's way: it is there only where no other is.
 */
export function studiesOfUid(
  index: Pick<StudyIndex, 'findStudiesByUid'>,
  studyInstanceUid: string,
): readonly StudyRecord[] {
  const uid = parseUid(studyInstanceUid);
  const all = uid === undefined ? [] : index.findStudiesByUid(uid);
  const withImages = all.filter(({ instances }) => instances > 0);
  return withImages.length > 0 ? withImages : all;
}
