import { z } from 'zod';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { ObjectUrls } from '../../core/ports/object-urls.ts';
import type { StudyIndex } from '../../core/ports/study-index.ts';
import type { Manifest } from '../manifest.ts';
import { parseMembers } from './event.ts';
import type { EventHandler, VerifiedEvent } from './event.ts';
import { describeContents, EXPLANATIONS, recordHandOut } from './hand-out.ts';
import { withText } from './answer-text.ts';
import { refusalFor } from './refusals.ts';
import { createStudyResolver, studyReference, withDocumentedNames } from './resolve-study.ts';
import type { ResolveStudyOptions } from './resolve-study.ts';

export interface StudyAccessHandlerOptions extends Omit<ResolveStudyOptions, 'index'> {
  readonly index: Pick<
    StudyIndex,
    'findStudyByAvaraId' | 'findStudiesByUid' | 'listSeries' | 'describeInstances'
  > &
    ResolveStudyOptions['index'];
  readonly objectUrls: ObjectUrls;
  readonly audit: AuditTrail;
  readonly logger: Logger;
}

/** Body of the answer to `study.access_requested` where access is granted. */
export interface StudyAccessAnswer {
  readonly authorized: true;
  /** One per object of the study, in the manifest's order. */
  readonly urls: readonly string[];
  readonly manifest?: Manifest;
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
    const { urls, manifest, manifestText } = describeContents(decision.study, options);
    if (urls.length === 0) {
      // Removed since it was looked up.
      const name = 'study.access_refused';
      recordHandOut(event, { name, customer, studyInstanceUid, detail: 'removed' }, options);
      return refusalFor(event.type, EXPLANATIONS.removed);
    }
    const detail = `matched by ${decision.matchedBy}, ${urls.length} urls`;
    recordHandOut(event, { name: 'study.access_granted', customer, studyInstanceUid, detail }, options);
    if (manifest === undefined) return { authorized: true, urls } satisfies StudyAccessAnswer;
    return withText(
      { authorized: true, urls, manifest } satisfies StudyAccessAnswer,
      `{"authorized":true,"urls":${listText(urls)},"manifest":${manifestText ?? 'null'}}`,
    );
  };
}

/** URLs of one study as JSON. They differ in UIDs only, so what holds for one of them holds for all. */
function listText(urls: readonly string[]): string {
  const [first] = urls;
  const isPlain = JSON.stringify(first) === `"${first ?? ''}"`;
  return isPlain ? `["${urls.join('","')}"]` : JSON.stringify(urls);
}
