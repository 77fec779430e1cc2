import type { CustomerKey, InstanceKey, StudyKey } from '../study/instance.ts';
import type { Product } from '../study/study.ts';

/** What can be wrong, with how bad it is: an `error` breaks a promise, a `warning` waits for somebody. */
export const FINDING_KINDS = {
  /** A row without its file. */
  'file-missing': 'error',
  /** The bytes are not those that were acknowledged. */
  'file-damaged': 'error',
  /** The system does not let it be read. */
  'file-unreadable': 'error',
  /** A whole object that the index does not know. */
  'file-not-indexed': 'error',
  /** A file in the object store that is no object of its place. */
  'file-unknown': 'error',
  /** A study's or series' own count of instances or bytes is wrong. */
  'count-wrong': 'error',
  /** The ledger says that it was acknowledged, and the index knows nothing of it. */
  'acknowledged-not-indexed': 'error',
  /** The ledger and the index say different things of one object. */
  'acknowledged-otherwise': 'error',
  /** In the index, and not in the ledger. */
  'indexed-not-acknowledged': 'error',
  /** Stable, and no delivery for a product of its customer. */
  'not-announced': 'error',
  /** A delivery that needs attention. */
  'delivery-attention': 'warning',
  /** Announced, and Avara does not have it. */
  'avara-missing': 'error',
  /** Announced, and Avara has it under another Express customer, or none. */
  'avara-other-customer': 'error',
  /** Announced, and Avara gives another id for its UID. */
  'avara-other-study': 'error',
  /** Avara could not be asked. */
  'avara-not-asked': 'warning',
  /** Stable, of a customer that is not in the configuration. */
  'customer-not-configured': 'warning',
  /** Something left behind in `incoming` or `quarantine`. */
  leftover: 'warning',
} as const satisfies Readonly<Record<string, 'error' | 'warning'>>;

export type FindingKind = keyof typeof FINDING_KINDS;

/** One exception to "acknowledged = stored = indexed = announced". UIDs and paths, no patient data. */
export interface Finding {
  readonly event: 'finding';
  readonly kind: FindingKind;
  readonly severity: 'error' | 'warning';
  readonly customer?: CustomerKey;
  readonly studyInstanceUid?: string;
  readonly seriesInstanceUid?: string;
  readonly sopInstanceUid?: string;
  readonly product?: Product;
  /** Below the data folder. */
  readonly path?: string;
  /** One line. */
  readonly detail: string;
  /**
   * Present once it has been repaired: what was done.
   */
  readonly repaired?: string;
  /** What `--repair` would do, or why it did not. */
  readonly remedy?: string;
}

/** Makes a finding of a study or an instance. */
export function finding(
  kind: FindingKind,
  subject: Partial<InstanceKey> | StudyKey | undefined,
  fields: Pick<Finding, 'detail'> & Partial<Pick<Finding, 'product' | 'path' | 'repaired' | 'remedy'>>,
): Finding {
  return { event: 'finding', kind, severity: FINDING_KINDS[kind], ...subject, ...fields };
}

/** Which promises hold for how many instances. */
export interface ProofCounts {
  readonly studies: number;
  /** Ledger entries of instances; absent where only a part was looked at. */
  readonly acknowledged?: number;
  /** Instances whose file is there and whole. */
  readonly stored: number;
  readonly indexed: number;
  /** Instances of studies that are at Avara in every product. */
  readonly announced: number;
  /** Instances that are not announced, by what their study waits for. */
  readonly waiting: {
    readonly receiving: number;
    readonly pending: number;
    readonly attention: number;
    /** No delivery for one of the products of the customer. */
    readonly missing: number;
  };
  readonly conflicts: number;
  readonly bytes: number;
  readonly errors: number;
  readonly warnings: number;
  readonly repaired: number;
}

export interface ProofProgress {
  readonly event: 'progress';
  readonly phase: 'ledger' | 'studies' | 'files' | 'leftovers';
  readonly studies: number;
  readonly totalStudies: number;
  readonly bytes: number;
  readonly totalBytes: number;
}

/** The last event. */
export interface ProofEnd {
  readonly event: 'end';
  /** `stopped`: the rest was not looked at. */
  readonly result: 'done' | 'stopped';
  readonly counts: ProofCounts;
}

export type ProofEvent = Finding | ProofProgress | ProofEnd;
