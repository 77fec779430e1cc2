import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';

import type { Clock } from '../../core/ports/clock.ts';
import type { CommitmentReporter, ReportOutcome } from '../../core/ports/commitment-reporter.ts';
import type { CommitmentRequest } from '../../core/ports/commitment-requests.ts';
import type { Logger } from '../../core/ports/logger.ts';
import {
  STORAGE_COMMITMENT_PUSH_MODEL_SOP_CLASS_UID,
  STORAGE_COMMITMENT_PUSH_MODEL_SOP_INSTANCE_UID,
} from '../../dicom/sop-class.ts';
import { commitmentEventType, writeCommitmentEvent } from '../../dicom/storage-commitment.ts';
import type { CommitmentEventInformation } from '../../dicom/storage-commitment.ts';
import {
  EXPLICIT_VR_LITTLE_ENDIAN_UID,
  IMPLICIT_VR_LITTLE_ENDIAN_UID,
  assumedTransferSyntax,
} from '../../dicom/transfer-syntax.ts';
import type { Uid } from '../../dicom/uid.ts';
import { InvocationError } from '../invoker.ts';
import type { Invoker } from '../invoker.ts';
import {
  COMMAND_ELEMENT,
  COMMAND_FIELD,
  readUint16,
  uidElement,
  uint16Element,
} from '../message/command-set.ts';
import type { CommandSet } from '../message/command-set.ts';
import type { WaitingAssociation, WaitingAssociations } from '../waiting-associations.ts';
import type { PeerTls } from './peer-tls.ts';
import { RequestorError, requestAssociation } from './requestor.ts';

/** Where a requestor listens for reports. */
export interface ReportPeer {
  readonly host: string;
  readonly port: number;
  /** Without, plain TCP. */
  readonly tls?: PeerTls | undefined;
}

export interface CommitmentReporterOptions {
  readonly associations: WaitingAssociations;
  /** Asked for each attempt, so that a changed configuration counts at once. */
  readonly findPeer: (aeTitle: string) => ReportPeer | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * How long after its N-ACTION-RSP a requestor is left alone on its Association, milliseconds. Many release at once
   * and are confused by what comes instead of the A-RELEASE-RP; those that are still there then are waiting for us.
   * Default 500.
   */
  readonly graceMs?: number;
  /** Longest wait for each step on an Association of ours, milliseconds. Default 30 s. */
  readonly timeoutMs?: number;
}

const TRANSFER_SYNTAXES = [EXPLICIT_VR_LITTLE_ENDIAN_UID, IMPLICIT_VR_LITTLE_ENDIAN_UID];

/**
 * Reports on storage commitment by N-EVENT-REPORT (PS3.4 J.3.3): on the Association that the request came on, as long as
 * its requestor stays; otherwise on one of ours to where the configuration says that the requestor listens, with the roles
 * that J.3.3 asks for: we requested it and are the SCP all the same.
 */
export function createCommitmentReporter(options: CommitmentReporterOptions): CommitmentReporter {
  const { associations, findPeer, clock, logger, graceMs = 500, timeoutMs = 30_000 } = options;

  /** @returns undefined where the requestor is not there any more. */
  async function reportToWaiting(
    waiting: WaitingAssociation,
    request: CommitmentRequest,
    event: CommitmentEventInformation,
    signal: AbortSignal,
  ): Promise<ReportOutcome | undefined> {
    const { association, presentationContextId, transferSyntaxUid } = waiting;
    await rest(waiting.answeredAt + graceMs - clock.now(), association.over, signal);
    if (signal.aborted || associations.find(request) !== waiting) return undefined;
    if (!association.isIdle()) return { kind: 'unreachable', reason: 'its Association is busy' };
    associations.remove(request);
    try {
      const response = await sendReport(association.invoke, presentationContextId, transferSyntaxUid, event);
      return outcomeOf(response, 'same-association');
    } catch (error) {
      if (!(error instanceof InvocationError)) throw error;
      logger.debug({ ...identify(request), reason: error.message }, 'no answer on the same Association');
      return undefined;
    }
  }

  async function reportToPeer(
    { host, port, tls }: ReportPeer,
    request: CommitmentRequest,
    event: CommitmentEventInformation,
    signal: AbortSignal,
  ): Promise<ReportOutcome> {
    try {
      const outgoing = await requestAssociation({
        host,
        port,
        tls,
        callingAeTitle: request.calledAeTitle,
        calledAeTitle: request.callingAeTitle,
        abstractSyntaxUid: STORAGE_COMMITMENT_PUSH_MODEL_SOP_CLASS_UID,
        transferSyntaxUids: TRANSFER_SYNTAXES,
        role: 'SCP',
        clock,
        timeoutMs,
        signal,
      });
      try {
        const { id, transferSyntaxUid } = outgoing.context;
        const response = await sendReport(outgoing.invoke, id, transferSyntaxUid, event);
        return outcomeOf(response, 'new-association');
      } finally {
        await outgoing.release();
      }
    } catch (error) {
      if (!(error instanceof RequestorError) && !(error instanceof InvocationError)) throw error;
      return {
        kind: 'unreachable',
        reason: `${request.callingAeTitle} at ${host}:${port}: ${error.message}`,
      };
    }
  }

  async function rest(delayMs: number, over: Promise<void>, signal: AbortSignal): Promise<void> {
    if (delayMs <= 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = clock.after(delayMs, done);
      signal.addEventListener('abort', done);
      void over.then(done);
    });
  }

  async function report(
    request: CommitmentRequest,
    event: CommitmentEventInformation,
    signal: AbortSignal,
  ): Promise<ReportOutcome> {
    const waiting = associations.find(request);
    const there = waiting && (await reportToWaiting(waiting, request, event, signal));
    if (there?.kind === 'delivered') return there;
    if (signal.aborted) return { kind: 'unreachable', reason: 'given up' };
    const peer = findPeer(request.callingAeTitle);
    if (peer !== undefined) return reportToPeer(peer, request, event, signal);
    return there ?? { kind: 'unknown-peer' };
  }

  return {
    async report(request, event, signal) {
      try {
        return await report(request, event, signal);
      } catch (error) {
        logger.error({ ...identify(request), err: error }, 'storage commitment report failed unexpectedly');
        return { kind: 'refused', reason: 'internal error; see the log' };
      }
    },
  };
}

async function sendReport(
  invoke: Invoker['invoke'],
  presentationContextId: number,
  transferSyntaxUid: Uid,
  event: CommitmentEventInformation,
): Promise<CommandSet> {
  return invoke({
    presentationContextId,
    commandField: COMMAND_FIELD['N-EVENT-REPORT-RQ'],
    elements: [
      uidElement(COMMAND_ELEMENT.affectedSopClassUid, STORAGE_COMMITMENT_PUSH_MODEL_SOP_CLASS_UID),
      uidElement(COMMAND_ELEMENT.affectedSopInstanceUid, STORAGE_COMMITMENT_PUSH_MODEL_SOP_INSTANCE_UID),
      uint16Element(COMMAND_ELEMENT.eventTypeId, commitmentEventType(event)),
    ],
    dataSet: await encodeEvent(event, transferSyntaxUid),
  });
}

async function encodeEvent(event: CommitmentEventInformation, transferSyntaxUid: Uid): Promise<Buffer> {
  const syntax = assumedTransferSyntax(transferSyntaxUid);
  const plain = writeCommitmentEvent(event, syntax);
  if (!syntax.deflated) return plain;
  const deflated = await promisify(deflateRaw)(plain);
  // PS3.5 A.5: padded to even length.
  return deflated.length % 2 === 0 ? deflated : Buffer.concat([deflated, Buffer.alloc(1)]);
}

function outcomeOf(response: CommandSet, over: 'same-association' | 'new-association'): ReportOutcome {
  const status = readUint16(response, COMMAND_ELEMENT.status);
  if (status !== undefined && isSuccessOrWarning(status)) return { kind: 'delivered', over };
  const text = status === undefined ? 'without a Status' : `with 0x${status.toString(16).padStart(4, '0')}`;
  return { kind: 'refused', reason: `N-EVENT-REPORT was answered ${text}` };
}

/** PS3.7 C.1: the event reached the peer, whatever it notes beside it. */
function isSuccessOrWarning(status: number): boolean {
  return status === 0 || status === 1 || status === 0x0107 || status === 0x0116 || status >> 12 === 0xb;
}

function identify({ customer, callingAeTitle, transactionUid }: CommitmentRequest) {
  return { customer, callingAeTitle, transactionUid };
}
