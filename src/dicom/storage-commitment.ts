import { DataSetWriter } from './data-set/data-set-writer.ts';
import { DataSetError, walkDataSet } from './data-set/walk-data-set.ts';
import type { ElementEncoding } from './part10/element-header.ts';
import { parseUid } from './uid.ts';
import type { Uid } from './uid.ts';

/** One SOP Instance as a storage commitment request names it (PS3.3 Table 10-11). */
export interface SopInstanceReference {
  readonly sopClassUid: Uid;
  readonly sopInstanceUid: Uid;
}

/** (0008,1197) Failure Reason, PS3.3 C.14.1.1. */
export const FAILURE_REASON = {
  'processing-failure': 0x0110,
  'no-such-object-instance': 0x0112,
  'class-instance-conflict': 0x0119,
  'resource-limitation': 0x0213,
} as const;
export type FailureReason = keyof typeof FAILURE_REASON;

export interface FailedReference extends SopInstanceReference {
  readonly reason: FailureReason;
}

/** Action Information of the Storage Commitment Push Model, PS3.4 Table J.3-1. */
export interface CommitmentActionInformation {
  readonly transactionUid: Uid;
  /** At least one, in the order of the request. */
  readonly references: readonly SopInstanceReference[];
}

/** Event Information of the Storage Commitment Push Model, PS3.4 Table J.3-2. */
export interface CommitmentEventInformation {
  readonly transactionUid: Uid;
  readonly committed: readonly SopInstanceReference[];
  readonly failed: readonly FailedReference[];
}

/** Event Type IDs of PS3.4 J.3.3. */
export const COMMITMENT_EVENT_TYPE = { 'all-committed': 1, 'failures-exist': 2 } as const;
/** The one Action Type ID, PS3.4 J.3.2: Request Storage Commitment. */
export const REQUEST_STORAGE_COMMITMENT = 1;

/** Why an Action Information cannot be acted on. */
export type ActionInformationFault = 'missing-attribute' | 'invalid-value' | 'too-many-references';

/** The message names attributes and positions only. */
export class ActionInformationError extends Error {
  override readonly name = 'ActionInformationError';
  readonly fault: ActionInformationFault;
  constructor(fault: ActionInformationFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

const TRANSACTION_UID = 0x00081195;
const FAILURE_REASON_TAG = 0x00081197;
const FAILED_SOP_SEQUENCE = 0x00081198;
const REFERENCED_SOP_SEQUENCE = 0x00081199;
const REFERENCED_SOP_CLASS_UID = 0x00081150;
const REFERENCED_SOP_INSTANCE_UID = 0x00081155;
/** With what else PS3.4 Table J.3-1 lets a requestor put in, so that Implicit VR can be followed. */
const SEQUENCES: ReadonlySet<number> = new Set([REFERENCED_SOP_SEQUENCE, FAILED_SOP_SEQUENCE, 0x00081111]);

/**
 * Reads the Data Set of a storage commitment N-ACTION-RQ.
 * @param maxReferences refuses longer requests.
 * @throws ActionInformationError
 */
export function readCommitmentAction(
  bytes: Buffer,
  encoding: ElementEncoding,
  maxReferences: number,
): CommitmentActionInformation {
  const references: SopInstanceReference[] = [];
  let transactionUid: Uid | undefined;
  /** The sequences that the walk is in; a reference's elements stand in an item of the outermost one. */
  const path: number[] = [];
  let sopClassUid: Uid | undefined;
  let sopInstanceUid: Uid | undefined;

  const isInReference = (): boolean => path.length === 1 && path[0] === REFERENCED_SOP_SEQUENCE;
  const position = (): string => `of reference ${references.length + 1}`;

  try {
    walkDataSet(bytes, {
      encoding,
      sequences: SEQUENCES,
      visitor: {
        element(tag, value) {
          if (path.length === 0 && tag === TRANSACTION_UID) {
            transactionUid = uidOf(value, 'Transaction UID', '');
          } else if (isInReference() && tag === REFERENCED_SOP_CLASS_UID) {
            sopClassUid = uidOf(value, 'Referenced SOP Class UID', position());
          } else if (isInReference() && tag === REFERENCED_SOP_INSTANCE_UID) {
            sopInstanceUid = uidOf(value, 'Referenced SOP Instance UID', position());
          }
        },
        beginSequence: (tag) => void path.push(tag),
        endSequence: () => void path.pop(),
        beginItem() {
          if (!isInReference()) return;
          if (references.length >= maxReferences) {
            throw new ActionInformationError('too-many-references', `more than ${maxReferences} references`);
          }
          sopClassUid = undefined;
          sopInstanceUid = undefined;
        },
        endItem() {
          if (!isInReference()) return;
          if (sopClassUid === undefined) throw missing('Referenced SOP Class UID', position());
          if (sopInstanceUid === undefined) throw missing('Referenced SOP Instance UID', position());
          references.push({ sopClassUid, sopInstanceUid });
        },
      },
    });
  } catch (error) {
    if (error instanceof DataSetError) throw new ActionInformationError('invalid-value', error.message);
    throw error;
  }
  if (transactionUid === undefined) throw missing('Transaction UID', '');
  if (references.length === 0) throw missing('Referenced SOP Sequence', 'or any item of it');
  return { transactionUid, references };
}

function uidOf(value: Buffer, name: string, position: string): Uid {
  const text = value.toString('latin1');
  const uid = parseUid(text);
  if (uid !== undefined) return uid;
  if (/^[\0 ]*$/.test(text)) throw missing(name, position);
  throw new ActionInformationError('invalid-value', `${name} ${position} is no UID`.replace('  ', ' '));
}

function missing(name: string, position: string): ActionInformationError {
  return new ActionInformationError('missing-attribute', `no ${name} ${position}`.trimEnd());
}

/** Encodes the Data Set of a storage commitment N-EVENT-REPORT-RQ. */
export function writeCommitmentEvent(event: CommitmentEventInformation, encoding: ElementEncoding): Buffer {
  const writer = new DataSetWriter(encoding);
  writer.uid(TRANSACTION_UID, event.transactionUid);
  if (event.failed.length > 0) {
    writer.sequence(FAILED_SOP_SEQUENCE, event.failed, ({ sopClassUid, sopInstanceUid, reason }) => {
      writer.uid(REFERENCED_SOP_CLASS_UID, sopClassUid);
      writer.uid(REFERENCED_SOP_INSTANCE_UID, sopInstanceUid);
      writer.uint16(FAILURE_REASON_TAG, FAILURE_REASON[reason]);
    });
  }
  if (event.committed.length > 0) {
    writer.sequence(REFERENCED_SOP_SEQUENCE, event.committed, ({ sopClassUid, sopInstanceUid }) => {
      writer.uid(REFERENCED_SOP_CLASS_UID, sopClassUid);
      writer.uid(REFERENCED_SOP_INSTANCE_UID, sopInstanceUid);
    });
  }
  return writer.end();
}

/** Encodes the Data Set of a storage commitment N-ACTION-RQ. */
export function writeCommitmentAction(
  { transactionUid, references }: CommitmentActionInformation,
  encoding: ElementEncoding,
): Buffer {
  const writer = new DataSetWriter(encoding);
  writer.uid(TRANSACTION_UID, transactionUid);
  writer.sequence(REFERENCED_SOP_SEQUENCE, references, ({ sopClassUid, sopInstanceUid }) => {
    writer.uid(REFERENCED_SOP_CLASS_UID, sopClassUid);
    writer.uid(REFERENCED_SOP_INSTANCE_UID, sopInstanceUid);
  });
  return writer.end();
}

/** What an N-EVENT-REPORT-RQ of somebody else says of the objects that it names. */
export interface ReceivedCommitmentEvent {
  readonly transactionUid: Uid;
  /** SOP Instance UIDs. */
  readonly committed: ReadonlySet<string>;
  /** By SOP Instance UID: (0008,1197) Failure Reason; that of a processing failure where none is given. */
  readonly failed: ReadonlyMap<string, number>;
}

/**
 * Reads the Data Set of a storage commitment N-EVENT-REPORT-RQ.
 * @throws ActionInformationError
 */
export function readCommitmentEvent(bytes: Buffer, encoding: ElementEncoding): ReceivedCommitmentEvent {
  const committed = new Set<string>();
  const failed = new Map<string, number>();
  let transactionUid: Uid | undefined;
  const path: number[] = [];
  let sopInstanceUid: Uid | undefined;
  let reason: number = FAILURE_REASON['processing-failure'];
  try {
    walkDataSet(bytes, {
      encoding,
      sequences: SEQUENCES,
      visitor: {
        element(tag, value) {
          if (path.length === 0 && tag === TRANSACTION_UID) {
            transactionUid = uidOf(value, 'Transaction UID', '');
          } else if (path.length === 1 && tag === REFERENCED_SOP_INSTANCE_UID) {
            sopInstanceUid = uidOf(value, 'Referenced SOP Instance UID', '');
          } else if (path.length === 1 && tag === FAILURE_REASON_TAG && value.length === 2) {
            reason = encoding.littleEndian ? value.readUInt16LE() : value.readUInt16BE();
          }
        },
        beginSequence: (tag) => void path.push(tag),
        endSequence: () => void path.pop(),
        beginItem() {
          if (path.length !== 1) return;
          sopInstanceUid = undefined;
          reason = FAILURE_REASON['processing-failure'];
        },
        endItem() {
          if (path.length !== 1 || sopInstanceUid === undefined) return;
          if (path[0] === REFERENCED_SOP_SEQUENCE) committed.add(sopInstanceUid);
          else if (path[0] === FAILED_SOP_SEQUENCE) failed.set(sopInstanceUid, reason);
        },
      },
    });
  } catch (error) {
    if (error instanceof DataSetError) throw new ActionInformationError('invalid-value', error.message);
    throw error;
  }
  if (transactionUid === undefined) throw missing('Transaction UID', '');
  return { transactionUid, committed, failed };
}

/** Which event a result is, PS3.4 J.3.3. */
export function commitmentEventType({ failed }: CommitmentEventInformation): number {
  return COMMITMENT_EVENT_TYPE[failed.length === 0 ? 'all-committed' : 'failures-exist'];
}
