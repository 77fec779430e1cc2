import { createDimseServer } from '../../src/dimse/server.ts';
import type {
  AdmissionDecision,
  AdmissionRequest,
  DimseServer,
  DimseServerOptions,
} from '../../src/dimse/server.ts';
import type { AssociationSummary } from '../../src/dimse/association-summary.ts';
import type { RejectionReason } from '../../src/dimse/rejection.ts';
import { parseCustomerKey } from '../../src/core/study/instance.ts';
import { createSystemClock } from '../../src/platform/clock.ts';
import { createMemoryIntake } from './memory-intake.ts';
import type { MemoryIntake } from './memory-intake.ts';
import { createRecordingLogger } from './recording-logger.ts';
import type { RecordingLogger } from './recording-logger.ts';

export interface RunningDimseServer {
  readonly server: DimseServer;
  readonly port: number;
  readonly intake: MemoryIntake;
  readonly logger: RecordingLogger;
  readonly summaries: readonly AssociationSummary[];
  readonly rejections: readonly RejectionReason[];
  /** Resolves with the next summary. */
  readonly nextSummary: () => Promise<AssociationSummary>;
}

/** Knows the called title CITYMED and the calling titles CT1, ECHOSCU, STORESCU and DCMJS. */
export function admitCityMedical(request: AdmissionRequest): AdmissionDecision {
  const customer = parseCustomerKey('city-medical');
  if (customer === undefined || request.calledAeTitle !== 'CITYMED') {
    return { kind: 'rejected', reason: 'called-ae-title-not-recognized' };
  }
  if (!['CT1', 'ECHOSCU', 'STORESCU', 'DCMJS'].includes(request.callingAeTitle)) {
    return { kind: 'rejected', reason: 'calling-ae-title-not-recognized' };
  }
  return { kind: 'admitted', customer };
}

/** A server on a free port of the loopback, with an intake in memory unless another is given. */
export async function startDimseServer(
  options: Partial<Omit<DimseServerOptions, 'intake'>> & { readonly intake?: MemoryIntake } = {},
): Promise<RunningDimseServer> {
  const intake = options.intake ?? createMemoryIntake();
  const logger = createRecordingLogger();
  const summaries: AssociationSummary[] = [];
  const rejections: RejectionReason[] = [];
  let waiting: ((summary: AssociationSummary) => void)[] = [];
  const server = createDimseServer({
    host: '127.0.0.1',
    port: 0,
    admit: admitCityMedical,
    logger,
    clock: createSystemClock(),
    ...options,
    intake,
    onAssociationEnd(summary) {
      summaries.push(summary);
      const wake = waiting;
      waiting = [];
      for (const resolve of wake) resolve(summary);
    },
    onRejected: (_info, reason) => void rejections.push(reason),
  });
  const { port } = await server.listen();
  return {
    server,
    port,
    intake,
    logger,
    summaries,
    rejections,
    nextSummary: () => new Promise((resolve) => waiting.push(resolve)),
  };
}
