import type { StudyIndex } from '../../core/ports/study-index.ts';
import type { StudyKey } from '../../core/study/instance.ts';
import type { StudyRecord } from '../../core/study/study.ts';
import { parseUid } from '../../dicom/uid.ts';
import { HttpProblem } from '../errors.ts';
import { studyRemoved } from '../study-removed.ts';
import type { DicomWebScope } from './env.ts';

/**
 * The study that a path names, among those that the scope opens. What the scope does not open is answered exactly
 * like what does not exist.
 * @param studyUid the path's, as it came.
 * @throws HttpProblem 404; 410 where it was removed; 409 where several of the scope's customers have a study of that UID.
 */
export function studyOfRequest(
  index: Pick<StudyIndex, 'findStudiesByUid'> & Partial<Pick<StudyIndex, 'findRemovals'>>,
  scope: DicomWebScope,
  studyUid: string,
): StudyRecord {
  const uid = parseUid(studyUid);
  const isOpen = ({ key }: { readonly key: StudyKey }): boolean =>
    scope.mayRead &&
    scope.customers.includes(key.customer) &&
    (scope.study === undefined || scope.study === key.studyInstanceUid);
  const found = (uid === undefined ? [] : index.findStudiesByUid(uid)).filter(
    (study) => study.instances > 0 && isOpen(study),
  );
  const [study, second] = found;
  if (study === undefined) {
    const removal = (uid === undefined ? [] : (index.findRemovals?.(uid) ?? [])).find(isOpen);
    throw removal === undefined ? notFound() : studyRemoved(removal);
  }
  if (second !== undefined)
    throw new HttpProblem(409, {
      code: 'several-customers',
      detail: 'Several customers have this study. Ask below /dicom-web/customers/<key> for one of them.',
    });
  return study;
}

/** The one 404 of everything below a study. */
export function notFound(): HttpProblem {
  return new HttpProblem(404, { code: 'not-found', detail: 'There is no such study, series or instance.' });
}
