import { parseCustomerKey } from '../../core/study/instance.ts';
import type { StudyRecord } from '../../core/study/study.ts';
import { parseUid } from '../../dicom/uid.ts';
import { HttpProblem } from '../errors.ts';
import { studyRemoved } from '../study-removed.ts';
import type { AdminIndex } from './admin-index.ts';

/** The study that a path or a form names. @throws HttpProblem 404; 410 where it was removed */
export function knownStudy(
  index: Pick<AdminIndex, 'findStudy' | 'findRemovals'>,
  names: { readonly customer?: string | undefined; readonly study?: string | undefined },
): StudyRecord {
  const customer = parseCustomerKey(names.customer ?? '');
  const studyInstanceUid = parseUid(names.study ?? '');
  const study = customer && studyInstanceUid && index.findStudy({ customer, studyInstanceUid });
  const removal =
    study === undefined && studyInstanceUid !== undefined
      ? index.findRemovals(studyInstanceUid).find(({ key }) => key.customer === customer)
      : undefined;
  if (removal !== undefined) throw studyRemoved(removal);
  if (study === undefined)
    throw new HttpProblem(404, { code: 'study-not-found', detail: 'This customer has no such study.' });
  return study;
}
