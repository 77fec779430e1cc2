import type { Uid } from '../../dicom/uid.ts';

/** Key of a customer in the configuration, for example `city-medical`; also a folder name of the object store. */
export type CustomerKey = string & { readonly __customerKey: unique symbol };

const CUSTOMER_KEY_PATTERN = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** Reads a customer key: 1 to 64 lower-case letters, digits, `-` or `_`, first a letter or digit. */
export function parseCustomerKey(text: string): CustomerKey | undefined {
  return CUSTOMER_KEY_PATTERN.test(text) ? (text as CustomerKey) : undefined;
}

/** Like {@link parseCustomerKey} for values that must be right. @throws RangeError for anything else. */
export function customerKey(text: string): CustomerKey {
  const parsed = parseCustomerKey(text);
  if (parsed === undefined) throw new RangeError(`not a customer key: ${JSON.stringify(text.slice(0, 80))}`);
  return parsed;
}

/** Where an instance entered. */
export type Source = 'dimse' | 'folder' | 'stow' | 'import';

/** Identifies a study: the same Study Instance UID under two customers is two studies. */
export interface StudyKey {
  readonly customer: CustomerKey;
  readonly studyInstanceUid: Uid;
}

/** Identifies an instance; also its place in the object store. */
export interface InstanceKey extends StudyKey {
  readonly seriesInstanceUid: Uid;
  readonly sopInstanceUid: Uid;
}

/** How an instance came in. */
export interface InstanceOrigin {
  readonly source: Source;
  readonly customer: CustomerKey;
  /** DIMSE only. */
  readonly callingAeTitle?: string;
  readonly calledAeTitle?: string;
  /** Peer's IP address, where there is one. */
  readonly peerAddress?: string;
  /** Identifies the Association (or STOW request, import run) within this process. */
  readonly intakeId?: string;
}

/** What the sender said of an instance before its Data Set. */
export interface DeclaredInstance {
  readonly transferSyntaxUid: Uid;
  /** Affected SOP Class UID of the C-STORE-RQ. */
  readonly sopClassUid?: Uid;
  /** Affected SOP Instance UID of the C-STORE-RQ. */
  readonly sopInstanceUid?: Uid;
  /**
   * Preamble and File Meta Information as they came with the object, stored instead of ours. Needed where the UIDs
   * above are not given.
   */
  readonly fileMeta?: Buffer;
  /**
   * Refuse what is cut off or damaged. For files, which may still be on their way and can be read again; what an
   * Association brings is kept as sent.
   */
  readonly wholeOnly?: boolean;
  /** What the Data Set must be of; anything else is refused before it is kept. */
  readonly within?: {
    readonly studyInstanceUid: Uid;
    readonly seriesInstanceUid?: Uid;
    readonly sopInstanceUid?: Uid;
  };
}

/** `customer/study`, for logs and in-memory maps. */
export function studyKeyText(key: StudyKey): string {
  return `${key.customer}/${key.studyInstanceUid}`;
}

/** `customer/study/series/instance`, for in-memory maps. */
export function instanceKeyText(key: InstanceKey): string {
  return `${key.customer}/${key.studyInstanceUid}/${key.seriesInstanceUid}/${key.sopInstanceUid}`;
}
