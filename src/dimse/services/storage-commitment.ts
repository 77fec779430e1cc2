import type { Clock } from '../../core/ports/clock.ts';
import type { CommitmentAcceptance, CommitmentRequests } from '../../core/ports/commitment-requests.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { inflateDataSet } from '../../dicom/part10/inflate.ts';
import {
  STORAGE_COMMITMENT_PUSH_MODEL_SOP_CLASS_UID,
  STORAGE_COMMITMENT_PUSH_MODEL_SOP_INSTANCE_UID,
} from '../../dicom/sop-class.ts';
import {
  ActionInformationError,
  REQUEST_STORAGE_COMMITMENT,
  readCommitmentAction,
} from '../../dicom/storage-commitment.ts';
import type { ActionInformationFault, CommitmentActionInformation } from '../../dicom/storage-commitment.ts';
import { assumedTransferSyntax } from '../../dicom/transfer-syntax.ts';
import {
  COMMAND_ELEMENT,
  COMMAND_FIELD,
  readUid,
  readUint16,
  uint16Element,
} from '../message/command-set.ts';
import type { WaitingAssociations } from '../waiting-associations.ts';
import { answerWith } from './service.ts';
import type { DimseRequest, DimseResponse, DimseService, ServedAssociation } from './service.ts';
import type { StatusName } from './status.ts';

export interface StorageCommitmentServiceOptions {
  readonly requests: Pick<CommitmentRequests, 'accept'>;
  /** Where the report may find its requestor still waiting. */
  readonly associations: WaitingAssociations;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A request was accepted. */
  readonly onAccepted: (callingAeTitle: string) => void;
  /** Longest Action Information, bytes, inflated too. Default 16 MiB. */
  readonly maxDataSetBytes?: number;
  /** Default 100,000. */
  readonly maxReferences?: number;
  /** Action Information held at once for all Associations, bytes. Default 64 MiB. */
  readonly maxHeldBytes?: number;
}

const FIRST_BYTES = 4096;

const STATUS_OF_FAULT: Readonly<Record<ActionInformationFault, StatusName>> = {
  'missing-attribute': 'missing-attribute',
  'invalid-value': 'invalid-argument-value',
  'too-many-references': 'resource-limitation',
};

const RESPONSE_OF_ACCEPTANCE: Readonly<Record<CommitmentAcceptance, DimseResponse>> = {
  accepted: { status: 'success' },
  pending: { status: 'success' },
  'transaction-uid-in-use': {
    status: 'invalid-argument-value',
    errorComment: 'Transaction UID is in use for other references',
  },
  full: { status: 'resource-limitation', errorComment: 'Too many reports are owed already, try again later' },
};

/**
 * Storage Commitment Push Model as SCP, the request (PS3.4 J.3.2): answers Success once the request is on stable storage.
 * What becomes of it is told later, by N-EVENT-REPORT.
 */
export function createStorageCommitmentService(options: StorageCommitmentServiceOptions): DimseService {
  const { requests, associations, clock, logger, onAccepted } = options;
  const { maxDataSetBytes = 16 * 1024 * 1024, maxReferences = 100_000 } = options;
  const { maxHeldBytes = 64 * 1024 * 1024 } = options;
  let heldBytes = 0;

  async function read(request: DimseRequest, bytes: Buffer): Promise<CommitmentActionInformation> {
    const syntax = assumedTransferSyntax(request.context.transferSyntaxUid);
    if (!syntax.deflated) return readCommitmentAction(bytes, syntax, maxReferences);
    const inflated = await inflateDataSet(bytes, { maxLength: maxDataSetBytes });
    if (inflated.ending === 'bound') {
      throw new ActionInformationError('too-many-references', `more than ${maxDataSetBytes} bytes inflated`);
    }
    return readCommitmentAction(inflated.bytes, syntax, maxReferences);
  }

  async function accept(
    request: DimseRequest,
    { origin, ...association }: ServedAssociation,
    bytes: Buffer,
  ): Promise<DimseResponse> {
    const { customer, callingAeTitle = '', calledAeTitle = '' } = origin;
    let action: CommitmentActionInformation;
    try {
      action = await read(request, bytes);
    } catch (error) {
      if (!(error instanceof ActionInformationError)) throw error;
      logger.warn({ callingAeTitle, customer, reason: error.message }, 'storage commitment request refused');
      return { status: STATUS_OF_FAULT[error.fault], errorComment: error.message };
    }
    const { transactionUid, references } = action;
    const acceptance = await requests.accept(
      { customer, callingAeTitle, calledAeTitle, transactionUid, references },
      clock.now(),
    );
    const fields = { callingAeTitle, customer, transactionUid, references: references.length };
    const response = RESPONSE_OF_ACCEPTANCE[acceptance];
    if (response.status !== 'success') {
      logger.warn({ ...fields, reason: acceptance }, 'storage commitment request refused');
      return response;
    }
    logger.info({ ...fields, isRepeated: acceptance === 'pending' }, 'storage commitment requested');
    const { id: presentationContextId, transferSyntaxUid } = request.context;
    associations.add(
      { customer, callingAeTitle, transactionUid },
      { presentationContextId, transferSyntaxUid, association, answeredAt: clock.now() },
    );
    onAccepted(callingAeTitle);
    return response;
  }

  return {
    commandField: COMMAND_FIELD['N-ACTION-RQ'],
    supportsAbstractSyntax: (uid) => uid === STORAGE_COMMITMENT_PUSH_MODEL_SOP_CLASS_UID,
    begin(request, association) {
      const refusal = refuseCommand(request);
      if (refusal !== undefined) return answerWith(refusal);
      // One buffer, not a list of pieces: a peer that sends byte by byte must not cost more than its bytes.
      let gathered = Buffer.alloc(0);
      let bytes = 0;
      let refused: string | undefined;
      const release = (): void => {
        heldBytes -= gathered.length;
        gathered = Buffer.alloc(0);
        bytes = 0;
      };
      /** @returns why there is no room. */
      const makeRoom = (needed: number): string | undefined => {
        if (needed > maxDataSetBytes) return `more than ${maxDataSetBytes} bytes`;
        if (needed <= gathered.length) return undefined;
        const larger = Math.min(Math.max(needed, 2 * gathered.length, FIRST_BYTES), maxDataSetBytes);
        if (heldBytes - gathered.length + larger > maxHeldBytes)
          return 'too many requests at once, try again';
        heldBytes += larger - gathered.length;
        const next = Buffer.allocUnsafe(larger);
        gathered.copy(next, 0, 0, bytes);
        gathered = next;
        return undefined;
      };
      return {
        write(piece) {
          refused ??= makeRoom(bytes + piece.length);
          if (refused !== undefined) release();
          else bytes += piece.copy(gathered, bytes);
          return undefined;
        },
        async finish() {
          if (refused !== undefined) return { status: 'resource-limitation', errorComment: refused };
          try {
            const response = await accept(request, association, gathered.subarray(0, bytes));
            const actionTypeId = uint16Element(COMMAND_ELEMENT.actionTypeId, REQUEST_STORAGE_COMMITMENT);
            return { ...response, elements: [actionTypeId] };
          } finally {
            release();
          }
        },
        abort() {
          release();
          return Promise.resolve();
        },
      };
    },
  };
}

/** What the command alone says against the request. */
function refuseCommand({ command, hasDataSet }: DimseRequest): DimseResponse | undefined {
  const sopClassUid = readUid(command, COMMAND_ELEMENT.requestedSopClassUid);
  if (sopClassUid !== STORAGE_COMMITMENT_PUSH_MODEL_SOP_CLASS_UID) {
    return { status: 'no-such-sop-class', errorComment: 'Requested SOP Class UID is not storage commitment' };
  }
  const sopInstanceUid = readUid(command, COMMAND_ELEMENT.requestedSopInstanceUid);
  if (sopInstanceUid !== STORAGE_COMMITMENT_PUSH_MODEL_SOP_INSTANCE_UID) {
    return {
      status: 'no-such-sop-instance',
      errorComment: 'Requested SOP Instance UID is not 1.2.840.10008.1.20.1.1',
    };
  }
  const actionTypeId = readUint16(command, COMMAND_ELEMENT.actionTypeId);
  if (actionTypeId !== REQUEST_STORAGE_COMMITMENT) {
    return { status: 'no-such-action-type', errorComment: 'Action Type ID is not 1' };
  }
  if (!hasDataSet)
    return { status: 'missing-attribute', errorComment: 'N-ACTION-RQ without Action Information' };
  return undefined;
}
