import { z } from 'zod';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { ObjectUrls } from '../../core/ports/object-urls.ts';
import type { StudyIndex } from '../../core/ports/study-index.ts';
import { parseMembers } from './event.ts';
import type { EventHandler, VerifiedEvent } from './event.ts';
import { studyAnswer } from './access-answer.ts';
import { contentsOf, EXPLANATIONS, recordHandOut } from './hand-out.ts';
import { refusalFor } from './refusals.ts';
import { createStudyResolver, studyReference, withDocumentedNames } from './resolve-study.ts';
import type { ResolveStudyOptions } from './resolve-study.ts';

export interface StudyAccessHandlerOptions extends Omit<ResolveStudyOptions, 'index'> {
  readonly index: Pick<StudyIndex, 'findStudyByAvaraId' | 'findStudiesByUid' | 'describeStudy'> &
    ResolveStudyOptions['index'];
  readonly objectUrls: ObjectUrls;
  readonly audit: AuditTrail;
  readonly logger: Logger;
}

const dataSchema = z.preprocess(withDocumentedNames, z.object(studyReference));

/** Answers `study.access_requested` from the index alone: no DICOM file is opened. */
export function createStudyAccessHandler(options: StudyAccessHandlerOptions): EventHandler {
  const resolveStudy = createStudyResolver(options);

  return async function answerStudyAccess(event: VerifiedEvent): Promise<unknown> {
    const asked = parseMembers(dataSchema, event.data, 'study.access_requested');
    const decision = await resolveStudy(asked, event.customers);
    const customer = decision.study?.key.customer;
    if (!decision.isGranted) {
      const detail = decision.reason;
      const { studyInstanceUid } = asked;
      recordHandOut(event, { name: 'study.access_refused', customer, studyInstanceUid, detail }, options);
      return refusalFor(event.type, EXPLANATIONS[decision.reason]);
    }
    const { studyInstanceUid } = decision.study.key;
    const contents = contentsOf(decision.study, options.index);
    if (contents.instances === 0) {
      // Removed since it was looked up.
      const name = 'study.access_refused';
      recordHandOut(event, { name, customer, studyInstanceUid, detail: 'removed' }, options);
      return refusalFor(event.type, EXPLANATIONS.removed);
    }
    const detail = `matched by ${decision.matchedBy}, ${contents.instances} urls`;
    recordHandOut(event, { name: 'study.access_granted', customer, studyInstanceUid, detail }, options);
    return studyAnswer({ ...contents, urls: options.objectUrls.forStudy(decision.study.key) });
  };
}
