import type { CustomerKey } from '../study/instance.ts';
import type { StudyRecord } from '../study/study.ts';

/** What is known when Avara asks for the images of a study. */
export interface StudyAccessQuestion {
  readonly studyInstanceUid: string;
  /** The local study that a delivery tied to the Avara study asked for. */
  readonly byAvaraId: StudyRecord | undefined;
  /** All local studies with the Study Instance UID asked for. */
  readonly byUid: readonly StudyRecord[];
  /** Customers that whoever signed the question speaks for. */
  readonly customers: ReadonlySet<CustomerKey>;
}

export type StudyAccessRefusal =
  | 'unknown-study'
  /** The Avara study is known here with another Study Instance UID. */
  | 'uid-mismatch'
  /** It is there, but belongs to a customer that the signer does not speak for. */
  | 'foreign-customer'
  /** Several customers have the UID, and nothing says which of them is meant. */
  | 'ambiguous-uid'
  /**
   * Only the UID fits, and bringing this study to Avara failed for good: the Avara study of that UID may be another
   * customer's, which is one of the reasons for such a failure.
   */
  | 'delivery-needs-attention'
  /** No image has been received yet. */
  | 'no-instances';

export type StudyAccessDecision =
  | {
      readonly isGranted: true;
      readonly study: StudyRecord;
      readonly matchedBy: 'avara-id' | 'study-instance-uid';
    }
  | {
      readonly isGranted: false;
      readonly reason: StudyAccessRefusal;
      /** For the audit trail, where it is certain which study was meant. */
      readonly study?: StudyRecord;
    };

/**
 * Decides whose images a question of Avara opens. Avara's own id of the study goes first, and then its UID must fit;
 * the UID alone (the delivery is still under way, or another system made the study at Avara) only where exactly one
 * study that the signer may see has it.
 */
export function decideStudyAccess(question: StudyAccessQuestion): StudyAccessDecision {
  const { studyInstanceUid, byAvaraId, byUid, customers } = question;
  if (byAvaraId !== undefined) {
    if (!customers.has(byAvaraId.key.customer)) return refuse('foreign-customer', byAvaraId);
    if (byAvaraId.key.studyInstanceUid !== studyInstanceUid) return refuse('uid-mismatch', byAvaraId);
    return grant(byAvaraId, 'avara-id');
  }
  const visible = byUid.filter((study) => customers.has(study.key.customer));
  const [only, ...others] = visible;
  if (only === undefined) return refuse(byUid.length > 0 ? 'foreign-customer' : 'unknown-study', byUid[0]);
  if (others.length > 0) return refuse('ambiguous-uid');
  if (only.deliveries.some((delivery) => delivery.state === 'attention')) {
    return refuse('delivery-needs-attention', only);
  }
  return grant(only, 'study-instance-uid');
}

function grant(study: StudyRecord, matchedBy: 'avara-id' | 'study-instance-uid'): StudyAccessDecision {
  return study.instances > 0 ? { isGranted: true, study, matchedBy } : refuse('no-instances', study);
}

function refuse(reason: StudyAccessRefusal, study?: StudyRecord): StudyAccessDecision {
  return { isGranted: false, reason, ...(study === undefined ? {} : { study }) };
}
