import { z } from 'zod';
import { decideStudyAccess } from '../../core/access/study-access.ts';
import type { StudyAccessDecision, StudyAccessRefusal } from '../../core/access/study-access.ts';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { ObjectUrls } from '../../core/ports/object-urls.ts';
import type { StudyIndex } from '../../core/ports/study-index.ts';
import { parseUid } from '../../dicom/uid.ts';
import { buildManifest, groupBySeries } from '../manifest.ts';
import type { Manifest } from '../manifest.ts';
import { parseMembers } from './event.ts';
import type { EventHandler, VerifiedEvent } from './event.ts';
import { refusalFor } from './refusals.ts';

export interface StudyAccessHandlerOptions {
  readonly index: Pick<
    StudyIndex,
    'findStudyByAvaraId' | 'findStudiesByUid' | 'listSeries' | 'listInstances'
  >;
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

const identifier = z.string().min(1).max(200);
const dataSchema = z.preprocess(
  // Samples of the product documentation say `studyUid`.
  (value) =>
    typeof value === 'object' && value !== null && 'studyUid' in value && !('studyInstanceUid' in value)
      ? { ...value, studyInstanceUid: value.studyUid }
      : value,
  z.object({ studyId: identifier, studyInstanceUid: identifier }),
);

/** What Avara's user reads. Studies of other customers are not known to exist. */
const EXPLANATIONS: Readonly<Record<StudyAccessRefusal, string>> = {
  'unknown-study': 'study not found',
  'uid-mismatch': 'study not found',
  'foreign-customer': 'study not found',
  'ambiguous-uid': 'study not found',
  'delivery-needs-attention': 'study needs attention at the imaging site before it can be shown',
  'no-instances': 'no images of this study have arrived yet',
};

/** Answers `study.access_requested` from the index alone: no DICOM file is opened. */
export function createStudyAccessHandler(options: StudyAccessHandlerOptions): EventHandler {
  const { index, objectUrls, audit, logger } = options;

  return function answerStudyAccess(event: VerifiedEvent): unknown {
    const asked = parseMembers(dataSchema, event.data, 'study.access_requested');
    const uid = parseUid(asked.studyInstanceUid);
    const decision = decideStudyAccess({
      studyInstanceUid: uid ?? asked.studyInstanceUid,
      byAvaraId: index.findStudyByAvaraId(asked.studyId)?.study,
      byUid: uid === undefined ? [] : index.findStudiesByUid(uid),
      customers: event.customers,
    });
    if (!decision.isGranted) {
      record(event, asked.studyInstanceUid, decision, decision.reason);
      return refusalFor(event.type, EXPLANATIONS[decision.reason]);
    }
    const { key } = decision.study;
    const contents = groupBySeries(index.listSeries(key), index.listInstances(key));
    const urls = objectUrls.forStudy(
      key,
      contents.flatMap((content) => content.instances),
    );
    const manifest = buildManifest(key.studyInstanceUid, contents);
    record(event, key.studyInstanceUid, decision, `matched by ${decision.matchedBy}, ${urls.length} urls`);
    return {
      authorized: true,
      urls,
      ...(manifest === undefined ? {} : { manifest }),
    } satisfies StudyAccessAnswer;
  };

  function record(
    event: VerifiedEvent,
    askedUid: string,
    decision: StudyAccessDecision,
    detail: string,
  ): void {
    // What is not a UID may be anything, a name too; it is kept out of log and audit trail.
    const studyInstanceUid = parseUid(askedUid);
    const fields = {
      ...(decision.study === undefined ? {} : { customer: decision.study.key.customer }),
      ...(studyInstanceUid === undefined ? {} : { studyInstanceUid }),
    };
    const eventName = decision.isGranted ? 'study.access_granted' : 'study.access_refused';
    audit.record({
      ...fields,
      event: eventName,
      actor: 'avara',
      ...(event.peerAddress === undefined ? {} : { peerAddress: event.peerAddress }),
      detail: `${event.id}: ${detail}`,
    });
    logger.info({ ...fields, webhookEvent: event.id, detail }, eventName);
  }
}
