import type { Context } from 'hono';

import { parseCustomerKey } from '../../core/study/instance.ts';
import type { StudyRecord } from '../../core/study/study.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { HttpEnv } from '../env.ts';
import { HttpProblem } from '../errors.ts';
import { studyRemoved } from '../study-removed.ts';
import type { AdminIndex } from './admin-index.ts';

/** The study that `:customer` and `:study` of a path name. @throws HttpProblem 404; 410 where it was removed */
export function knownStudy(
  index: Pick<AdminIndex, 'findStudy' | 'findRemovals'>,
  c: Context<HttpEnv>,
): StudyRecord {
  const customer = parseCustomerKey(c.req.param('customer') ?? '');
  const studyInstanceUid = parseUid(c.req.param('study') ?? '');
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
