import { VERIFICATION_SOP_CLASS_UID } from '../../dicom/sop-class.ts';
import { COMMAND_FIELD } from '../message/command-set.ts';
import { answerWith } from './service.ts';
import type { DimseService } from './service.ts';

/** Verification Service Class as SCP: answers C-ECHO (PS3.4 Annex A). */
export function createVerificationService(): DimseService {
  return {
    commandField: COMMAND_FIELD['C-ECHO-RQ'],
    supportsAbstractSyntax: (uid) => uid === VERIFICATION_SOP_CLASS_UID,
    begin: () => answerWith({ status: 'success' }),
  };
}
