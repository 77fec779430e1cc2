import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { StepResult } from '../../core/reports/report-loop.ts';
import type { CustomerKey } from '../../core/study/instance.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { AwaitedCommitments } from '../awaited-commitments.ts';
import { requestStorageCommitment } from './commitment-scu.ts';
import type { CommitmentOutcome } from './commitment-scu.ts';
import type { PeerTls } from './peer-tls.ts';

/** How often a PACS that took the request and never reports is asked before an operator is. */
const MAX_UNANSWERED = 10;
const COMMITMENT_WAIT_MS = 15_000;

export interface SendDocumentOptions {
  readonly host: string;
  readonly port: number;
  /** Without, plain TCP. */
  readonly tls?: PeerTls | undefined;
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
  /** Whose object it is. */
  readonly customer: CustomerKey;
  /** Earlier attempts at it. */
  readonly attempts: number;
  /** Undefined: storage commitment is not asked for. */
  readonly awaited: AwaitedCommitments | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly object: {
    readonly sopClassUid: Uid;
    readonly sopInstanceUid: Uid;
    readonly transferSyntaxUid: string;
    readonly dataSet: Buffer;
  };
}

/**
 * Sends one object to a PACS by C-STORE and asks it to commit to the storage, where it offers that.
 * @returns its SOP Instance UID, and what the PACS said.
 */
export async function sendToPacs(options: SendDocumentOptions): Promise<StepResult<string>> {
  const { object, awaited } = options;
  // The report on an earlier attempt may have come after nobody waited any more.
  if (awaited?.isCommitted(object.sopInstanceUid) === true) return committed(object);
  const stored = await storeInPacs(options);
  if (stored.kind !== 'done' || awaited === undefined) return stored;
  const { sopClassUid, sopInstanceUid } = object;
  const outcome = await requestStorageCommitment({
    ...options,
    awaited,
    reference: { sopClassUid, sopInstanceUid },
    waitMs: COMMITMENT_WAIT_MS,
  });
  return resultOf(outcome, options);
}

function committed({ sopInstanceUid }: SendDocumentOptions['object']): StepResult<string> {
  return { kind: 'done', value: `${sopInstanceUid}, committed` };
}

function resultOf(
  outcome: CommitmentOutcome,
  { object, calledAeTitle, attempts }: SendDocumentOptions,
): StepResult<string> {
  switch (outcome.kind) {
    case 'committed':
      return committed(object);
    case 'not-offered':
      return { kind: 'done', value: `${object.sopInstanceUid}; no storage commitment offered` };
    case 'failed':
      // Sent again, with a new request: it says itself that it does not have the object.
      return transient(`${calledAeTitle} does not commit to the object (reason ${hex(outcome.reason)}).`);
    case 'refused':
      return transient(`${calledAeTitle} answered ${hex(outcome.status)} to the storage commitment request.`);
    case 'unreachable':
      return transient(`${calledAeTitle} could not be asked for storage commitment: ${outcome.reason}`);
    case 'unanswered': {
      const error = `${calledAeTitle} took the object and has not reported on storage commitment.`;
      return attempts < MAX_UNANSWERED
        ? transient(error)
        : { kind: 'permanent', error: `${error} If it never does, set "commitment" to "off".` };
    }
  }
}

function transient(error: string): StepResult<string> {
  return { kind: 'transient', error };
}

function hex(code: number | undefined): string {
  return code === undefined ? 'no Status' : `0x${code.toString(16).padStart(4, '0').toUpperCase()}`;
}

async function storeInPacs(options: SendDocumentOptions): Promise<StepResult<string>> {
  const { object, host, port, tls, callingAeTitle, calledAeTitle } = options;
  let status: number | undefined;
  const item = { ...object, readDataSet: () => object.dataSet };
  // Here, not at start: the library takes 20 MB of memory, and most sites never send a document.
  const { storeObjects } = await import('./store-scu.ts');
  try {
    await storeObjects({
      host,
      port,
      tls,
      callingAeTitle,
      calledAeTitle,
      objects: [item],
      onResponse(_, given) {
        status = given;
      },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // A response counts even where the Association did not end well.
    if (status === undefined) return { kind: 'transient', error: `The PACS was not reached: ${reason}` };
  }
  if (status === undefined)
    return { kind: 'permanent', error: `${calledAeTitle} takes no Encapsulated PDF objects.` };
  // Success and the warnings of PS3.4 Table B.2-1: the object is stored.
  if (status === 0 || (status & 0xf000) === 0xb000) return { kind: 'done', value: object.sopInstanceUid };
  // Its Error Comment may name the patient, so it is left out.
  const error = `${calledAeTitle} answered ${hex(status)}.`;
  // Out of resources passes; a Data Set that does not fit, or cannot be understood, stays so.
  const isTransient = (status & 0xff00) === 0xa700 || status === 0x0110 || status === 0x0122;
  return { kind: isTransient ? 'transient' : 'permanent', error };
}
