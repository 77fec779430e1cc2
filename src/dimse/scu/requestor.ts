import type { Socket } from 'node:net';

import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { CustomerKey } from '../../core/study/instance.ts';
import { IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME } from '../../dicom/implementation.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import { abortText } from '../abort-text.ts';
import { createDispatcher } from '../dispatcher.ts';
import { createInvoker } from '../invoker.ts';
import type { Invoker } from '../invoker.ts';
import { createMessageAssembler } from '../message/assembler.ts';
import type { MessageSink } from '../message/assembler.ts';
import { CommandSetError, RESPONSE_BIT, commandName } from '../message/command-set.ts';
import type { AcceptedPresentationContext } from '../negotiation.ts';
import { createPduFramer } from '../pdu/framer.ts';
import type { PduSink } from '../pdu/framer.ts';
import { DEFAULT_MAX_ASSOCIATE_PDU_BYTES } from '../pdu/reader.ts';
import {
  ABORT_REASON,
  ABORT_SOURCE,
  DICOM_APPLICATION_CONTEXT_NAME,
  PRESENTATION_CONTEXT_RESULT,
} from '../pdu/types.ts';
import type { AAssociateAc, ControlPdu } from '../pdu/types.ts';
import { writeMessagePdus, writePdu } from '../pdu/writer.ts';
import type { DimseService } from '../services/service.ts';
import { connectToPeer } from './connect-to-peer.ts';
import { networkErrorText, rejectionText } from './failure-text.ts';
import { prepareTls, TlsFilesError } from './peer-tls.ts';
import type { PeerTls, PreparedTls } from './peer-tls.ts';
import type { TlsProblem } from './tls-failure.ts';

/** Announced as Maximum-length-received, bytes: all that comes back are Command Sets. */
const MAX_PDU_LENGTH_BYTES = 16_384;

export interface RequestorOptions {
  readonly host: string;
  readonly port: number;
  /** DICOM over TLS (PS3.15 B.12); without, plain TCP. */
  readonly tls?: PeerTls | undefined;
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
  readonly abstractSyntaxUid: Uid;
  /** In order of preference. */
  readonly transferSyntaxUids: readonly Uid[];
  /** The role that we take, PS3.7 D.3.3.4; SCU is the requestor's without a word. */
  readonly role: 'SCU' | 'SCP';
  readonly clock: Clock;
  /** Longest wait for the connection, the acceptance and each response, milliseconds. */
  readonly timeoutMs: number;
  /** Gives the Association up. */
  readonly signal: AbortSignal;
  /** For what the peer requests on it. Without, a request ends the Association. */
  readonly serving?: Serving;
}

/** What a peer may request on an Association of ours. */
export interface Serving {
  readonly services: readonly DimseService[];
  readonly customer: CustomerKey;
  readonly logger: Logger;
}

/** An Association of ours for one Abstract Syntax. */
export interface OutgoingAssociation {
  readonly context: AcceptedPresentationContext;
  readonly invoke: Invoker['invoke'];
  /** A-RELEASE; resolves when the transport is closed, by force after the timeout. Never rejects. */
  release(): Promise<void>;
}

/** The Association could not be made or was refused. */
export class RequestorError extends Error {
  override readonly name = 'RequestorError';
  /** The peer took the Association, but not its Presentation Context: it does not offer the service. */
  readonly isContextRefused: boolean;
  /** Where TLS is what went wrong. */
  readonly tlsProblem: TlsProblem | undefined;
  constructor(
    message: string,
    {
      isContextRefused = false,
      tlsProblem,
    }: { readonly isContextRefused?: boolean; readonly tlsProblem?: TlsProblem } = {},
  ) {
    super(message);
    this.isContextRefused = isContextRefused;
    this.tlsProblem = tlsProblem;
  }
}

/**
 * Requests an Association with one Presentation Context, for requests of ours; what the peer requests on it is served as
 * far as there are services for it.
 * @throws RequestorError saying what the peer answered.
 */
export async function requestAssociation(options: RequestorOptions): Promise<OutgoingAssociation> {
  const { host, tls } = options;
  try {
    return await associate(options, tls && (await prepareTls(host, tls)));
  } catch (error) {
    if (!(error instanceof TlsFilesError)) throw error;
    throw new RequestorError(error.message, { tlsProblem: 'own-files' });
  }
}

function associate(options: RequestorOptions, tls: PreparedTls | undefined): Promise<OutgoingAssociation> {
  const { host, port, clock, timeoutMs, signal, role, abstractSyntaxUid } = options;
  return new Promise((resolve, reject) => {
    const connection = connectToPeer({ host, port, tls });
    const { socket } = connection;
    let phase: 'connecting' | 'requesting' | 'established' | 'releasing' | 'over' = 'connecting';
    let peerMaxPduLengthBytes = 0;
    const contexts = new Map<number, AcceptedPresentationContext>();
    let resolveClosed: () => void = () => undefined;
    const closed = new Promise<void>((settle) => {
      resolveClosed = settle;
    });
    let cancelTimer = clock.after(timeoutMs, () => {
      if (phase === 'connecting') lose('no connection in time');
      else end('no answer to A-ASSOCIATE-RQ in time', true);
    });

    const invoker = createInvoker({
      clock,
      responseTimeoutMs: timeoutMs,
      send(contextId, commandSet, dataSet) {
        socket.write(writeMessagePdus(contextId, true, commandSet, peerMaxPduLengthBytes));
        if (dataSet !== undefined) {
          socket.write(writeMessagePdus(contextId, false, dataSet, peerMaxPduLengthBytes));
        }
      },
    });
    const responsesOnly: MessageSink = {
      begin(received) {
        if ((received.commandField & RESPONSE_BIT) === 0) {
          throw new CommandSetError(`${commandName(received.commandField)}, which is not served here`);
        }
        invoker.takeResponse(received);
      },
      write: () => undefined,
      end: () => undefined,
    };
    const assembler = createMessageAssembler({
      contexts,
      sink: options.serving === undefined ? responsesOnly : serve(options.serving),
    });

    function serve({ services, customer, logger }: Serving): MessageSink {
      return createDispatcher({
        services,
        association: {
          origin: { source: 'dimse', customer },
          isIdle: () => phase === 'established',
          invoke: (request) => invoker.invoke(request),
          over: closed,
        },
        invoker,
        operationsWindow: 1,
        logger,
        send(contextId, commandSet) {
          socket.write(writeMessagePdus(contextId, true, commandSet, peerMaxPduLengthBytes));
        },
        onAnswered: () => undefined,
      });
    }

    /** Ends everything; the first reason counts. */
    function end(reason: string, isOurAbort: boolean, isContextRefused = false): void {
      finish(reason, isOurAbort, () => reject(new RequestorError(reason, { isContextRefused })));
    }
    /** The same where the transport failed, or carries something else than DICOM. */
    function lose(reason: string, isOurAbort = false): void {
      finish(reason, isOurAbort, () => {
        void connection.explain(reason).then(({ message, ...about }) => {
          reject(new RequestorError(message, about));
        });
      });
    }
    function finish(reason: string, isOurAbort: boolean, refuse: () => void): void {
      if (phase === 'over') return;
      const wasConnected = phase !== 'connecting';
      phase = 'over';
      cancelTimer();
      signal.removeEventListener('abort', onSignal);
      invoker.close(reason);
      refuse();
      if (isOurAbort && wasConnected && socket.writable) sendAbort(socket);
      else socket.destroy();
    }
    function onSignal(): void {
      end('given up', true);
    }

    const sink: PduSink = {
      onPdu(pdu) {
        onPdu(pdu);
        return phase !== 'over';
      },
      onPDataTf: () => phase === 'established' || phase === 'releasing',
      onFragment(contextId, isCommand, bytes, isLast) {
        try {
          void assembler.fragment(contextId, isCommand, bytes, isLast);
        } catch (error) {
          if (!(error instanceof CommandSetError)) throw error;
          end(error.message, true);
        }
        return phase !== 'over';
      },
      onInvalid: (error) => lose(error.message, true),
    };
    const framer = createPduFramer({
      limits: {
        maxAssociatePduBytes: DEFAULT_MAX_ASSOCIATE_PDU_BYTES,
        maxPDataTfBytes: MAX_PDU_LENGTH_BYTES,
      },
      sink,
    });

    function onPdu(pdu: ControlPdu): void {
      if (pdu.type === 'A-ASSOCIATE-AC' && phase === 'requesting') onAccepted(pdu);
      else if (pdu.type === 'A-ASSOCIATE-RJ' && phase === 'requesting') {
        end(`Association rejected (${rejectionText(pdu.source, pdu.reason)})`, false);
      } else if (pdu.type === 'A-ABORT') end(`A-ABORT received (${abortText(pdu)})`, false);
      else if (pdu.type === 'A-RELEASE-RP' && phase === 'releasing') end('released', false);
      else if (pdu.type === 'A-RELEASE-RQ' && (phase === 'established' || phase === 'releasing')) {
        socket.write(writePdu({ type: 'A-RELEASE-RP' }));
        // In a collision both sides answer; the peer then closes, or the timer does.
        if (phase === 'established') {
          phase = 'releasing';
          invoker.close('Association released by the peer');
        }
      } else end(`unexpected ${pdu.type}`, true);
    }

    function onAccepted(pdu: AAssociateAc): void {
      const accepted = acceptedContext(pdu, options);
      if (typeof accepted === 'string') {
        end(accepted, true, true);
        return;
      }
      cancelTimer();
      phase = 'established';
      peerMaxPduLengthBytes = pdu.userInformation.maximumLengthReceived ?? 0;
      contexts.set(accepted.id, accepted);
      resolve({
        context: accepted,
        invoke: (request) => invoker.invoke(request),
        async release() {
          if (phase === 'established') {
            phase = 'releasing';
            socket.write(writePdu({ type: 'A-RELEASE-RQ' }));
          }
          if (phase === 'releasing') {
            cancelTimer = clock.after(timeoutMs, () => end('no answer to A-RELEASE-RQ in time', true));
          }
          await closed;
        },
      });
    }

    connection.onReady(() => {
      if (phase !== 'connecting') return;
      phase = 'requesting';
      socket.write(associateRq(options));
    });
    socket.on('data', (chunk: Buffer) => {
      if (phase !== 'over') framer.feed(chunk, 0);
    });
    socket.on('error', (error) => lose(networkErrorText(error)));
    socket.on('close', () => {
      lose('the peer closed the connection');
      resolveClosed();
    });
    signal.addEventListener('abort', onSignal, { once: true });
    if (signal.aborted) onSignal();
  });

  function sendAbort(socket: Socket): void {
    const reason = ABORT_REASON['reason-not-specified'];
    socket.end(writePdu({ type: 'A-ABORT', source: ABORT_SOURCE['service-user'], reason }));
    // The peer closes upon an A-ABORT; one that does not is not waited for.
    clock.after(1000, () => socket.destroy());
  }

  function associateRq(rq: RequestorOptions): Buffer {
    return writePdu({
      type: 'A-ASSOCIATE-RQ',
      protocolVersion: 1,
      calledAeTitleField: rq.calledAeTitle.padEnd(16),
      callingAeTitleField: rq.callingAeTitle.padEnd(16),
      reserved: Buffer.alloc(32),
      applicationContextName: DICOM_APPLICATION_CONTEXT_NAME,
      presentationContexts: [{ id: 1, abstractSyntaxUid, transferSyntaxUids: rq.transferSyntaxUids }],
      userInformation: {
        maximumLengthReceived: MAX_PDU_LENGTH_BYTES,
        implementationClassUid: IMPLEMENTATION_CLASS_UID,
        implementationVersionName: IMPLEMENTATION_VERSION_NAME,
        roleSelections:
          role === 'SCU' ? [] : [{ sopClassUid: abstractSyntaxUid, scuRole: false, scpRole: true }],
        extendedNegotiations: [],
        commonExtendedNegotiations: [],
      },
    });
  }
}

/**
 * The context that the peer accepted, or why it cannot be used. A peer that says nothing to our SCP role is taken at its
 * acceptance: older ones know the service and not the negotiation.
 */
function acceptedContext(
  pdu: AAssociateAc,
  { abstractSyntaxUid, transferSyntaxUids, role }: RequestorOptions,
): AcceptedPresentationContext | string {
  const [answer] = pdu.presentationContexts;
  if (answer === undefined) return 'the peer answered no Presentation Context';
  if (answer.result !== PRESENTATION_CONTEXT_RESULT.acceptance) {
    return `the peer does not accept the Presentation Context (result ${answer.result})`;
  }
  const transferSyntaxUid = parseUid(answer.transferSyntaxUid);
  if (transferSyntaxUid === undefined || !transferSyntaxUids.includes(transferSyntaxUid)) {
    return 'the peer chose a Transfer Syntax that was not proposed';
  }
  const roles = pdu.userInformation.roleSelections.find((item) => item.sopClassUid === abstractSyntaxUid);
  if (role === 'SCP' && roles?.scpRole === false) return 'the peer does not let us take the SCP role';
  return { id: answer.id, abstractSyntaxUid, transferSyntaxUid };
}
