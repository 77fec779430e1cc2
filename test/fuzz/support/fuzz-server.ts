import type { CommitmentRequests } from '../../../src/core/ports/commitment-requests.ts';
import type { Clock } from '../../../src/core/ports/clock.ts';
import { createStorageCommitmentService } from '../../../src/dimse/services/storage-commitment.ts';
import type { DimseService } from '../../../src/dimse/services/service.ts';
import { createWaitingAssociations } from '../../../src/dimse/waiting-associations.ts';
import { createRecordingLogger } from '../../support/recording-logger.ts';

/** Storage commitment as the daemon serves it, over requests that are forgotten at once. */
export function createForgetfulCommitment(clock: Clock): DimseService {
  const requests: Pick<CommitmentRequests, 'accept'> = { accept: () => Promise.resolve('accepted') };
  return createStorageCommitmentService({
    requests,
    associations: createWaitingAssociations(),
    clock,
    logger: createRecordingLogger(),
    onAccepted: () => undefined,
  });
}
