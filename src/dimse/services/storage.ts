import type { IngestOutcome, Intake } from '../../core/ports/intake.ts';
import type { Uid } from '../../dicom/uid.ts';
import { COMMAND_ELEMENT, COMMAND_FIELD, readUid } from '../message/command-set.ts';
import { answerWith } from './service.ts';
import type { DimseResponse, DimseService } from './service.ts';
import { STATUS_OF_REFUSAL } from './status.ts';

export interface StorageServiceOptions {
  readonly intake: Intake;
  /** Which SOP Classes are stored. @param uid valid, unpadded. */
  readonly isStorageSopClass: (uid: Uid) => boolean;
}

/**
 * Storage Service Class as SCP (PS3.4 Annex B): hands each C-STORE's Data Set to the intake as it comes in, and answers
 * Success only for what the intake keeps. A duplicate and a conflict are kept too: the sender did its part.
 */
export function createStorageService({ intake, isStorageSopClass }: StorageServiceOptions): DimseService {
  return {
    commandField: COMMAND_FIELD['C-STORE-RQ'],
    supportsAbstractSyntax: isStorageSopClass,
    begin(request, association) {
      const sopClassUid = readUid(request.command, COMMAND_ELEMENT.affectedSopClassUid);
      if (sopClassUid === undefined || !isStorageSopClass(sopClassUid)) {
        return answerWith({
          status: 'sop-class-not-supported',
          errorComment: 'Affected SOP Class UID is missing or no storage class',
        });
      }
      const sopInstanceUid = readUid(request.command, COMMAND_ELEMENT.affectedSopInstanceUid);
      if (sopInstanceUid === undefined) {
        return answerWith({
          status: 'invalid-object-instance',
          errorComment: 'Affected SOP Instance UID is missing or not valid',
        });
      }
      if (!request.hasDataSet) {
        return answerWith({ status: 'cannot-understand', errorComment: 'C-STORE-RQ without a Data Set' });
      }
      const reception = intake.begin(association.origin, {
        transferSyntaxUid: request.context.transferSyntaxUid,
        sopClassUid,
        sopInstanceUid,
      });
      return {
        write: (bytes) => reception.write(bytes),
        finish: async () => toResponse(await reception.finish()),
        abort: () => reception.abort(),
      };
    },
  };
}

function toResponse(outcome: IngestOutcome): DimseResponse {
  switch (outcome.kind) {
    case 'stored':
    case 'duplicate':
    case 'conflict':
      return { status: 'success' };
    case 'refused':
      return { status: STATUS_OF_REFUSAL[outcome.code], errorComment: outcome.message };
  }
}
