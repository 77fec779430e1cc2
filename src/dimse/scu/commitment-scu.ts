import { randomBytes } from 'node:crypto';

import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { CustomerKey } from '../../core/study/instance.ts';
import {
  STORAGE_COMMITMENT_PUSH_MODEL_SOP_CLASS_UID,
  STORAGE_COMMITMENT_PUSH_MODEL_SOP_INSTANCE_UID,
} from '../../dicom/sop-class.ts';
import { REQUEST_STORAGE_COMMITMENT, writeCommitmentAction } from '../../dicom/storage-commitment.ts';
import type { SopInstanceReference } from '../../dicom/storage-commitment.ts';
import {
  EXPLICIT_VR_LITTLE_ENDIAN_UID,
  IMPLICIT_VR_LITTLE_ENDIAN_UID,
  assumedTransferSyntax,
} from '../../dicom/transfer-syntax.ts';
import { uid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { AwaitedCommitments, CommitmentVerdict } from '../awaited-commitments.ts';
import { InvocationError } from '../invoker.ts';
import {
  COMMAND_ELEMENT,
  COMMAND_FIELD,
  readUint16,
  uidElement,
  uint16Element,
} from '../message/command-set.ts';
import { createCommitmentReportService } from '../services/commitment-report.ts';
import type { PeerTls } from './peer-tls.ts';
import { RequestorError, requestAssociation } from './requestor.ts';

export interface CommitmentScuOptions {
  readonly host: string;
  readonly port: number;
  /** Without, plain TCP. */
  readonly tls?: PeerTls | undefined;
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
  readonly reference: SopInstanceReference;
  /** Whose object it is. */
  readonly customer: CustomerKey;
  /** Where the report arrives if it comes on an Association of the peer's. */
  readonly awaited: AwaitedCommitments;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Longest wait for the report on our Association, then for one on the peer's, milliseconds each. */
  readonly waitMs: number;
  /** Longest wait for each step, milliseconds. Default 30 s. */
  readonly timeoutMs?: number;
}

export type CommitmentOutcome =
  | CommitmentVerdict
  /** The peer has no such service. */
  | { readonly kind: 'not-offered' }
  /** The request was answered with this Status. */
  | { readonly kind: 'refused'; readonly status: number | undefined }
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** The peer took the request and has not reported yet. */
  | { readonly kind: 'unanswered' };

/**
 * Asks a peer to commit to the storage of an object (PS3.4 J.3.2) and waits for its report, on our Association first and
 * then on one that the peer may request.
 */
export async function requestStorageCommitment(options: CommitmentScuOptions): Promise<CommitmentOutcome> {
  const { reference, awaited, clock, signal, customer, logger, timeoutMs = 30_000 } = options;
  const transactionUid = newUid();
  const waiting = new AbortController();
  const stopWaiting = (): void => waiting.abort();
  signal.addEventListener('abort', stopWaiting);
  const verdict = awaited.wait(transactionUid, reference.sopInstanceUid, waiting.signal);
  try {
    const outgoing = await requestAssociation({
      host: options.host,
      port: options.port,
      tls: options.tls,
      callingAeTitle: options.callingAeTitle,
      calledAeTitle: options.calledAeTitle,
      abstractSyntaxUid: STORAGE_COMMITMENT_PUSH_MODEL_SOP_CLASS_UID,
      transferSyntaxUids: [EXPLICIT_VR_LITTLE_ENDIAN_UID, IMPLICIT_VR_LITTLE_ENDIAN_UID],
      role: 'SCU',
      clock,
      timeoutMs,
      signal,
      serving: { services: [createCommitmentReportService({ awaited, logger })], customer, logger },
    });
    try {
      const { id, transferSyntaxUid } = outgoing.context;
      const response = await outgoing.invoke({
        presentationContextId: id,
        commandField: COMMAND_FIELD['N-ACTION-RQ'],
        elements: [
          uidElement(COMMAND_ELEMENT.requestedSopClassUid, STORAGE_COMMITMENT_PUSH_MODEL_SOP_CLASS_UID),
          uidElement(COMMAND_ELEMENT.requestedSopInstanceUid, STORAGE_COMMITMENT_PUSH_MODEL_SOP_INSTANCE_UID),
          uint16Element(COMMAND_ELEMENT.actionTypeId, REQUEST_STORAGE_COMMITMENT),
        ],
        dataSet: writeCommitmentAction(
          { transactionUid, references: [reference] },
          assumedTransferSyntax(transferSyntaxUid),
        ),
      });
      const status = readUint16(response, COMMAND_ELEMENT.status);
      if (status !== 0) return { kind: 'refused', status };
      const early = await within(verdict, options.waitMs, clock);
      if (early !== undefined) return early;
    } finally {
      await outgoing.release();
    }
    return (await within(verdict, options.waitMs, clock)) ?? { kind: 'unanswered' };
  } catch (error) {
    if (error instanceof RequestorError && error.isContextRefused) return { kind: 'not-offered' };
    if (!(error instanceof RequestorError) && !(error instanceof InvocationError)) throw error;
    return { kind: 'unreachable', reason: error.message };
  } finally {
    signal.removeEventListener('abort', stopWaiting);
    stopWaiting();
  }
}

/** @returns undefined where it takes longer than `ms`. */
async function within<T>(promise: Promise<T>, ms: number, clock: Clock): Promise<T | undefined> {
  let cancel = (): void => undefined;
  const late = new Promise<undefined>((resolve) => {
    cancel = clock.after(ms, () => resolve(undefined));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    cancel();
  }
}

/** A UID that nobody can guess (PS3.5 B.2): who reports on it was asked to. */
function newUid(): Uid {
  return uid(`2.25.${BigInt(`0x${randomBytes(16).toString('hex')}`)}`);
}
