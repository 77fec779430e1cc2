import type { Logger } from '../../core/ports/logger.ts';
import { inflateDataSet } from '../../dicom/part10/inflate.ts';
import { STORAGE_COMMITMENT_PUSH_MODEL_SOP_CLASS_UID } from '../../dicom/sop-class.ts';
import { ActionInformationError, readCommitmentEvent } from '../../dicom/storage-commitment.ts';
import { assumedTransferSyntax } from '../../dicom/transfer-syntax.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { AwaitedCommitments } from '../awaited-commitments.ts';
import { COMMAND_ELEMENT, COMMAND_FIELD, readUint16, uint16Element } from '../message/command-set.ts';
import { answerWith } from './service.ts';
import type { DimseResponse, DimseService } from './service.ts';

/** Reports answer requests of ours, which name one object each. */
const MAX_DATA_SET_BYTES = 64 * 1024;

export interface CommitmentReportServiceOptions {
  readonly awaited: AwaitedCommitments;
  readonly logger: Logger;
}

/**
 * Storage Commitment Push Model as SCU, the report (PS3.4 J.3.3): takes what a PACS says of objects that it was asked to
 * commit to. One that nobody asked for is answered with a failure and changes nothing.
 */
export function createCommitmentReportService({
  awaited,
  logger,
}: CommitmentReportServiceOptions): DimseService {
  async function take(transferSyntaxUid: Uid, bytes: Buffer): Promise<DimseResponse> {
    const syntax = assumedTransferSyntax(transferSyntaxUid);
    try {
      const plain = syntax.deflated
        ? await inflateDataSet(bytes, { maxLength: MAX_DATA_SET_BYTES })
        : { bytes };
      const event = readCommitmentEvent(plain.bytes, syntax);
      if (awaited.take(event)) return { status: 'success' };
      logger.warn(
        { transactionUid: event.transactionUid },
        'storage commitment report that was not asked for',
      );
      return { status: 'no-such-sop-instance', errorComment: 'Transaction UID is not known here' };
    } catch (error) {
      if (!(error instanceof ActionInformationError)) throw error;
      return { status: 'invalid-argument-value', errorComment: error.message };
    }
  }

  return {
    commandField: COMMAND_FIELD['N-EVENT-REPORT-RQ'],
    supportsAbstractSyntax: (uid) => uid === STORAGE_COMMITMENT_PUSH_MODEL_SOP_CLASS_UID,
    begin(request) {
      if (!request.hasDataSet)
        return answerWith({
          status: 'missing-attribute',
          errorComment: 'N-EVENT-REPORT-RQ without Event Information',
        });
      const pieces: Buffer[] = [];
      let length = 0;
      return {
        write(bytes) {
          length += bytes.length;
          // A copy, because the memory is used again; what is too long is counted and dropped.
          if (length <= MAX_DATA_SET_BYTES) pieces.push(Buffer.from(bytes));
          return undefined;
        },
        async finish() {
          const response =
            length > MAX_DATA_SET_BYTES
              ? ({ status: 'resource-limitation', errorComment: 'Event Information is too long' } as const)
              : await take(request.context.transferSyntaxUid, Buffer.concat(pieces));
          const eventTypeId = readUint16(request.command, COMMAND_ELEMENT.eventTypeId) ?? 1;
          return { ...response, elements: [uint16Element(COMMAND_ELEMENT.eventTypeId, eventTypeId)] };
        },
        abort: () => Promise.resolve(),
      };
    },
  };
}
