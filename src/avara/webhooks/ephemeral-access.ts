import { z } from 'zod';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { ObjectUrls } from '../../core/ports/object-urls.ts';
import type { Retrievals } from '../../core/ports/retrievals.ts';
import type { StudyIndex } from '../../core/ports/study-index.ts';
import type { StudyRecord } from '../../core/study/study.ts';
import { parseUid } from '../../dicom/uid.ts';
import { parseMembers } from './event.ts';
import type { EventHandler, VerifiedEvent } from './event.ts';
import { sessionAnswer } from './access-answer.ts';
import { contentsOf, EXPLANATIONS, recordHandOut } from './hand-out.ts';
import { refusalFor } from './refusals.ts';
import { studiesOfUid } from './studies-of-uid.ts';

export interface EphemeralAccessHandlerOptions {
  readonly index: Pick<StudyIndex, 'findStudy' | 'findStudiesByUid' | 'describeStudy'> &
    Partial<Pick<StudyIndex, 'findRemovals'>>;
  readonly retrievals: Retrievals;
  readonly objectUrls: ObjectUrls;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Studies in one session: a reader compares a handful. */
const MAX_STUDIES = 50;

const dataSchema = z.object({ retrievalId: z.string().min(1).max(4096) });

/**
 * Answers `ephemeral.access_requested`. A retrieval id is one that `retrievals` gave out, or Study Instance UIDs
 * separated by commas; each must be of exactly one customer that the signer speaks for. It is all of them or none:
 * a comparison with one study missing misleads.
 */
export function createEphemeralAccessHandler(options: EphemeralAccessHandlerOptions): EventHandler {
  const { index, retrievals, objectUrls, clock } = options;

  function findStudies(event: VerifiedEvent, retrievalId: string): readonly (StudyRecord | undefined)[] {
    const registered = retrievals.find(retrievalId, clock.now());
    if (registered !== undefined) {
      const { customer, studyInstanceUids } = registered;
      if (!event.customers.has(customer)) return [undefined];
      return studyInstanceUids.map((studyInstanceUid) => index.findStudy({ customer, studyInstanceUid }));
    }
    const names = retrievalId.split(/[,\\\s]+/).filter((name) => name !== '');
    if (names.length === 0 || names.length > MAX_STUDIES) return [undefined];
    return [...new Set(names)].map((name) => {
      const visible = studiesOfUid(index, name).filter(({ key }) => event.customers.has(key.customer));
      return visible.length === 1 ? visible[0] : undefined;
    });
  }

  /** Whether a study that it names was here and is no more. */
  function isRemoved(event: VerifiedEvent, retrievalId: string): boolean {
    const registered = retrievals.find(retrievalId, clock.now());
    const names = registered?.studyInstanceUids ?? retrievalId.split(/[,\\\s]+/).slice(0, MAX_STUDIES);
    const uids = names.flatMap((name) => parseUid(name) ?? []);
    const removals = uids.flatMap((uid) => index.findRemovals?.(uid) ?? []);
    return removals.some(({ key }) => event.customers.has(key.customer));
  }

  return function answerEphemeralAccess(event: VerifiedEvent): unknown {
    const { retrievalId } = parseMembers(dataSchema, event.data, event.type);
    const found = findStudies(event, retrievalId);
    const studies = found.filter((study) => study !== undefined);
    const isComplete = studies.length === found.length;
    if (!isComplete || studies.some(({ instances }) => instances === 0)) {
      const reason = isComplete
        ? 'no-instances'
        : isRemoved(event, retrievalId)
          ? 'removed'
          : 'unknown-study';
      const studyInstanceUid = studies[0]?.key.studyInstanceUid ?? '';
      recordHandOut(event, { name: 'ephemeral.access_refused', studyInstanceUid, detail: reason }, options);
      return refusalFor(event.type, EXPLANATIONS[reason]);
    }
    const contents = studies.map((study) => ({ study, ...contentsOf(study, index) }));
    for (const { study, instances } of contents) {
      const { customer, studyInstanceUid } = study.key;
      const detail = `${instances} urls`;
      recordHandOut(event, { name: 'ephemeral.access_granted', customer, studyInstanceUid, detail }, options);
    }
    return sessionAnswer(
      contents.map(({ study, ...rest }) => ({ ...rest, urls: objectUrls.forStudy(study.key) })),
    );
  };
}
