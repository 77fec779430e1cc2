import { z } from 'zod';
import { decideStudyAccess } from '../../core/access/study-access.ts';
import type { StudyAccessDecision } from '../../core/access/study-access.ts';
import type { StudyIndex } from '../../core/ports/study-index.ts';
import type { CustomerKey } from '../../core/study/instance.ts';
import type { StudyRecord } from '../../core/study/study.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { AvaraAccount } from '../account/account.ts';
import type { AvaraCustomers } from '../customers.ts';
import { studiesOfUid } from './studies-of-uid.ts';

const identifier = z.string().min(1).max(200);

/** The members by which an event names a study. Samples of the product documentation say `studyUid`. */
export const studyReference = { studyId: identifier, studyInstanceUid: identifier };

export function withDocumentedNames(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'studyUid' in value && !('studyInstanceUid' in value)
    ? { ...value, studyInstanceUid: value.studyUid }
    : value;
}

export interface ResolveStudyOptions {
  readonly index: Pick<StudyIndex, 'findStudyByAvaraId' | 'findStudiesByUid'> &
    Partial<Pick<StudyIndex, 'findRemovals' | 'findRemovalByAvaraId'>>;
  /** Asked whose a study is that no delivery has tied to one here yet; absent: the route alone decides. */
  readonly account?: Pick<AvaraAccount, 'retrieve'> | undefined;
  readonly customers?: AvaraCustomers | undefined;
}

export type StudyResolution =
  | StudyAccessDecision
  /** Avara could not say whose the study is. */
  | { readonly isGranted: false; readonly reason: 'unconfirmed'; readonly study?: StudyRecord }
  /** Its images were here and are no more. */
  | { readonly isGranted: false; readonly reason: 'removed'; readonly study?: Pick<StudyRecord, 'key'> };

/** Refusals of studies that are not here. */
const ABSENT: ReadonlySet<string> = new Set(['unknown-study', 'no-instances']);

export type StudyResolver = (
  question: { readonly studyId: string; readonly studyInstanceUid: string },
  signers: ReadonlySet<CustomerKey>,
) => Promise<StudyResolution>;

/**
 * Finds the study that an event means. Where only the UID says so and the study is not known to be at Avara under its
 * customer, Avara itself is asked: the UID may be another customer's there.
 */
export function createStudyResolver({ index, account, customers }: ResolveStudyOptions): StudyResolver {
  return async function resolveStudy({ studyId, studyInstanceUid }, signers) {
    const uid = parseUid(studyInstanceUid);
    const byUid = studiesOfUid(index, studyInstanceUid);
    // First, because the UID may by now be that of a study of somebody else's here.
    const removed = index.findRemovalByAvaraId?.(studyId);
    if (removed !== undefined) {
      const isOwn = signers.has(removed.key.customer) && removed.key.studyInstanceUid === studyInstanceUid;
      return isOwn
        ? { isGranted: false, reason: 'removed', study: { key: removed.key } }
        : { isGranted: false, reason: 'unknown-study' };
    }
    const decision = decideStudyAccess({
      studyInstanceUid,
      byAvaraId: index.findStudyByAvaraId(studyId)?.study,
      byUid,
      customers: signers,
    });
    if (uid !== undefined && !decision.isGranted && ABSENT.has(decision.reason)) {
      const removals = (index.findRemovals?.(uid) ?? []).filter(({ key }) => signers.has(key.customer));
      const [removal] = removals;
      if (removal !== undefined && removals.length === 1)
        return { isGranted: false, reason: 'removed', study: { key: removal.key } };
    }
    if (account === undefined || customers === undefined || !needsConfirmation(decision)) return decision;

    const visible = byUid.filter((study) => signers.has(study.key.customer));
    const said = await account.retrieve(new Set(visible.map(({ key }) => key.customer)), studyId);
    if (said.kind !== 'found') {
      // Also a refusal for another reason stays what it is.
      if (!decision.isGranted) return decision;
      const reason = said.kind === 'missing' ? 'unknown-study' : 'unconfirmed';
      return { isGranted: false, reason, study: decision.study };
    }
    const own = visible.filter(
      ({ key }) => customers.get(key.customer)?.expressCustomerId === said.expressCustomerId,
    );
    const [study] = own;
    if (said.studyInstanceUid !== studyInstanceUid) return { isGranted: false, reason: 'uid-mismatch' };
    if (study === undefined || own.length > 1) return { isGranted: false, reason: 'foreign-customer' };
    return study.instances > 0
      ? { isGranted: true, study, matchedBy: 'study-instance-uid' }
      : { isGranted: false, reason: 'no-instances', study };
  };
}

function needsConfirmation(decision: StudyAccessDecision): boolean {
  if (!decision.isGranted)
    return decision.reason === 'ambiguous-uid' || decision.reason === 'delivery-needs-attention';
  if (decision.matchedBy === 'avara-id') return false;
  const { deliveries } = decision.study;
  return deliveries.length === 0 || deliveries.some(({ state }) => state !== 'created');
}
