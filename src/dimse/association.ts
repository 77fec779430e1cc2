import type { Socket } from 'node:net';

import type { AssociationOutcome } from '../core/ports/association-history.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import { abortText } from './abort-text.ts';
import type { AssociationInfo, AssociationSummary } from './association-summary.ts';
import { createDispatcher } from './dispatcher.ts';
import type { Dispatcher } from './dispatcher.ts';
import { createIdleTimer } from './idle-timer.ts';
import type { IdleReason, IdleTimer } from './idle-timer.ts';
import { createInflow } from './inflow.ts';
import { createInvoker } from './invoker.ts';
import type { Invoker } from './invoker.ts';
import { createMessageAssembler } from './message/assembler.ts';
import type { MessageAssembler } from './message/assembler.ts';
import { COMMAND_FIELD, CommandSetError } from './message/command-set.ts';
import type {
  AcceptedPresentationContext,
  NegotiatedAssociation,
  RejectedAssociation,
} from './negotiation.ts';
import { createPduFramer } from './pdu/framer.ts';
import type { PduSink } from './pdu/framer.ts';
import type { PduLimits } from './pdu/reader.ts';
import { ABORT_REASON, ABORT_SOURCE } from './pdu/types.ts';
import type { AAssociateRq, AbortReason, Pdu } from './pdu/types.ts';
import { writeMessagePdus, writePdu } from './pdu/writer.ts';
import { REJECTION_SOURCE } from './rejection.ts';
import type { RejectionReason } from './rejection.ts';
import type { AssociationContext, DimseResponse, DimseService } from './services/service.ts';
import { EVENT_NAMES, transition } from './state-machine.ts';
import type { UpperLayerEffect, UpperLayerEvent, UpperLayerState } from './state-machine.ts';

export interface AssociationOptions {
  /** Opened with `allowHalfOpen`, nothing read from it yet. The Association owns it from here on. */
  readonly socket: Socket;
  readonly id: string;
  readonly peerAddress: string;
  negotiate(request: AAssociateRq): NegotiatedAssociation<AssociationContext> | RejectedAssociation;
  readonly services: readonly DimseService[];
  readonly limits: PduLimits;
  /** Longest wait for an A-ASSOCIATE-RQ, and for the peer to close when all is said (PS3.8 9.1.5). */
  readonly artimTimeoutMs: number;
  /** Longest silence of the peer during the Association, while it is the peer's turn. */
  readonly idleTimeoutMs: number;
  /** Slowest transfer inside a message that is put up with for as long as that, bytes per second. */
  readonly minBytesPerSecond: number;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Called when the socket is taken over and after each read. */
  readonly tuneSocket?: (socket: Socket) => void;
  readonly onRejected?: (info: AssociationInfo, reason: RejectionReason) => void;
  /** After the transport is closed and every operation has come to its end. */
  onEnd(summary: AssociationSummary, wasEstablished: boolean): void;
}

export interface Association {
  readonly peerAddress: string;
  info(): AssociationInfo;
  /** Negotiated, and neither released nor aborted. */
  isEstablished(): boolean;
  /** Lets the request in flight be answered, then aborts as service-user; at once where none is. */
  drain(): void;
  /** Aborts as service-user now. */
  abort(reason: string): void;
  /** Closes the transport without a word more. */
  destroy(): void;
  /** Resolves when the transport is closed and every operation has come to its end; never rejects. */
  readonly ended: Promise<void>;
}

interface EventDetail {
  /** What a send effect sends. */
  readonly bytes?: Buffer;
  /** What an A-ABORT of the service-provider says. */
  readonly reason?: AbortReason;
  /** AE-6 only. */
  readonly isAcceptable?: boolean;
}

/** How long a peer gets to take our A-ABORT, and to close, when we shut down. */
export const FAREWELL_MS = 250;
/** How long a peer may take to answer a request of ours on its Association. */
const RESPONSE_TIMEOUT_MS = 30_000;

const EVENT_OF_PDU: Readonly<Record<Pdu['type'], UpperLayerEvent>> = {
  'A-ASSOCIATE-RQ': 'Evt6',
  'A-ASSOCIATE-AC': 'Evt3',
  'A-ASSOCIATE-RJ': 'Evt4',
  'P-DATA-TF': 'Evt10',
  'A-RELEASE-RQ': 'Evt12',
  'A-RELEASE-RP': 'Evt13',
  'A-ABORT': 'Evt16',
};

/**
 * The shell around one transport connection: carries out what the state machine says, feeds the framer, and holds the
 * peer back while the intake is busy. All decisions are made elsewhere.
 *
 * Memory: what `createInflow` holds and one chunk that the stream buffered before its pause took effect, 64 KiB each;
 * what is handed to the intake is the intake's to bound.
 */
export function createAssociation(options: AssociationOptions): Association {
  const { socket, id, peerAddress, limits, clock, tuneSocket } = options;
  const startedAt = clock.now();
  const logger = options.logger.child({ associationId: id, peerAddress });

  let state: UpperLayerState = 'Sta1';
  let outcome: AssociationOutcome | undefined;
  let lastError: string | undefined;
  let titles: { readonly callingAeTitle: string; readonly calledAeTitle: string } | undefined;
  let customer: CustomerKey | undefined;
  let contexts: ReadonlyMap<number, AcceptedPresentationContext> = new Map();
  let dispatcher: Dispatcher | undefined;
  let invoker: Invoker | undefined;
  let assembler: MessageAssembler | undefined;
  let objects = 0;
  let refusedObjects = 0;
  let bytes = 0;
  let messagesTaken = 0;

  let cancelArtim: (() => void) | undefined;
  let idleTimer: IdleTimer | undefined;
  let intakeWaits = 0;
  /** Set while the peer does not read what we answer. */
  let releaseSlowPeer: (() => void) | undefined;
  let isDraining = false;
  let peerEnded = false;
  let resolveEnded: () => void = nothing;
  const ended = new Promise<void>((resolve) => {
    resolveEnded = resolve;
  });

  let resolveInvocationsOver: () => void = nothing;
  const invocationsOver = new Promise<void>((resolve) => {
    resolveInvocationsOver = resolve;
  });

  function info(): AssociationInfo {
    return {
      id,
      peerAddress,
      ...titles,
      ...(customer !== undefined && { customer }),
      state,
      startedAt,
      contexts: [...contexts.values()],
      objects,
      refusedObjects,
      bytes,
    };
  }

  function isEstablished(): boolean {
    return state !== 'Sta1' && state !== 'Sta2' && state !== 'Sta3' && state !== 'Sta13';
  }

  // ---- State machine -------------------------------------------------------------------------------------------

  const effects: Readonly<Record<UpperLayerEffect, (detail: EventDetail) => void>> = {
    'start-artim': () => {
      cancelArtim?.();
      cancelArtim = clock.after(options.artimTimeoutMs, onArtimExpired);
    },
    'stop-artim': stopArtim,
    'send-associate-ac': send,
    'send-associate-rj': send,
    'send-p-data-tf': send,
    'send-release-rq': () => send({ bytes: writePdu({ type: 'A-RELEASE-RQ' }) }),
    'send-release-rp': () => send({ bytes: writePdu({ type: 'A-RELEASE-RP' }) }),
    'send-abort-as-service-user': () => sendAbort('service-user', 'reason-not-specified'),
    'send-abort-as-service-provider': ({ reason }) =>
      sendAbort('service-provider', reason ?? 'unexpected-PDU'),
    'send-abort': ({ reason }) => sendAbort('service-provider', reason ?? 'unexpected-PDU'),
    // The indications are this shell's own calls: negotiation, the dispatcher and the end of the Association.
    'indicate-associate': nothing,
    'indicate-p-data': nothing,
    'indicate-release': nothing,
    'confirm-release': nothing,
    'indicate-abort': nothing,
    'close-transport': () => socket.destroy(),
  };

  /** Does what Table 9-10 says. @returns false where the event means nothing in this state. */
  function raise(event: UpperLayerEvent, detail: EventDetail = {}): boolean {
    const taken = transition(state, event, detail.isAcceptable);
    if (taken === undefined) return false;
    const wasEstablished = isEstablished();
    state = taken.next;
    for (const effect of taken.effects) effects[effect](detail);
    if (wasEstablished && !isEstablished()) onAssociationOver();
    return true;
  }

  function stopArtim(): void {
    cancelArtim?.();
    cancelArtim = undefined;
  }

  function send({ bytes: out }: EventDetail): void {
    if (out === undefined || socket.destroyed || socket.writableEnded) return;
    // A peer that does not read what we answer gets no more requests served until it does.
    if (!socket.write(out)) releaseSlowPeer ??= inflow.block();
  }

  function sendAbort(source: keyof typeof ABORT_SOURCE, reason: AbortReason): void {
    // Without having read all there is, closing would reset the connection and could take the A-ABORT with it.
    inflow.discard();
    // A peer that sends on and on without reading gets one A-ABORT, not one per PDU.
    if (releaseSlowPeer !== undefined) return;
    const abort = { type: 'A-ABORT', source: ABORT_SOURCE[source], reason: ABORT_REASON[reason] } as const;
    send({ bytes: writePdu(abort) });
  }

  function onAssociationOver(): void {
    idleTimer?.stop();
    if (assembler?.isInMessage() === true) lastError ??= 'ended in the middle of a message';
    dispatcher?.abandon();
    endInvocations();
  }

  /** The peer answers nothing any more, and need not be asked. */
  function endInvocations(): void {
    invoker?.close('the Association ended before the answer');
    resolveInvocationsOver();
  }

  /** Our own end of the Association. */
  function abortAsUser(why: string, as: AssociationOutcome = 'aborted-by-us'): void {
    if (!isEstablished()) return;
    fail(as, why);
    logger.warn({ state, reason: why }, 'aborting the Association');
    raise('Evt15');
  }

  function onArtimExpired(): void {
    cancelArtim = undefined;
    if (state === 'Sta2') {
      fail('timed-out', `no complete A-ASSOCIATE-RQ within ${options.artimTimeoutMs} ms`);
      logger.warn({ artimTimeoutMs: options.artimTimeoutMs }, 'no A-ASSOCIATE-RQ in time, closing');
    }
    raise('Evt18');
  }

  /** Remembers the first cause: what follows from it is no news. */
  function fail(as: AssociationOutcome, why: string): void {
    if (outcome !== undefined) return;
    outcome = as;
    lastError = why;
  }

  // ---- What the framer finds -----------------------------------------------------------------------------------

  const sink: PduSink = {
    onPdu(pdu) {
      if (pdu.type === 'A-ASSOCIATE-RQ' && state === 'Sta2') onAssociateRq(pdu);
      else if (pdu.type === 'A-RELEASE-RQ' && state === 'Sta6') onReleaseRq();
      else if (pdu.type === 'A-ABORT') {
        if (isEstablished()) {
          fail('aborted-by-peer', `A-ABORT received (${abortText(pdu)})`);
        }
        raise('Evt16');
      } else onUnexpectedPdu(pdu.type);
      return mayGoOn();
    },

    onPDataTf() {
      if (state === 'Sta6') return raise('Evt10');
      onUnexpectedPdu('P-DATA-TF');
      return false;
    },

    onFragment(contextId, isCommand, fragment, isLast) {
      if (inflow.isDiscarding() || assembler === undefined) return false;
      try {
        const wait = assembler.fragment(contextId, isCommand, fragment, isLast);
        if (isLast && !assembler.isInMessage()) messagesTaken += 1;
        if (wait !== undefined) waitForIntake(wait);
      } catch (error) {
        if (!(error instanceof CommandSetError)) throw error;
        abortAsUser(error.message);
        return false;
      }
      return mayGoOn();
    },

    onInvalid(error) {
      if (state !== 'Sta13') {
        logger.warn({ state, reason: error.reason, detail: error.message }, 'invalid PDU, aborting');
        fail('aborted-by-us', error.message);
      }
      raise('Evt19', { reason: error.reason });
    },
  };
  const framer = createPduFramer({ limits, sink });
  const inflow = createInflow({ socket, feed, onCaughtUp: closeIfPeerEnded });

  function mayGoOn(): boolean {
    return !inflow.isBlocked() && !inflow.isDiscarding();
  }

  function waitForIntake(promise: Promise<void>): void {
    intakeWaits += 1;
    const release = inflow.block();
    const done = (): void => {
      intakeWaits -= 1;
      idleTimer?.excuse();
      release();
    };
    promise.then(done, (error: unknown) => {
      logger.error({ err: error }, 'intake failed while taking data');
      done();
    });
  }

  function onUnexpectedPdu(name: Pdu['type']): void {
    const event = EVENT_OF_PDU[name];
    if (state !== 'Sta13') {
      logger.warn({ state, event: EVENT_NAMES[event] }, 'unexpected PDU, aborting');
      fail('aborted-by-us', `unexpected ${name} in ${state}`);
    }
    raise(event, { reason: 'unexpected-PDU' });
  }

  function onAssociateRq(pdu: AAssociateRq): void {
    titles = {
      callingAeTitle: printable(pdu.callingAeTitleField),
      calledAeTitle: printable(pdu.calledAeTitleField),
    };
    const negotiated = options.negotiate(pdu);
    if (negotiated.kind === 'rejected') onRejected(negotiated);
    else onAccepted(negotiated, pdu.presentationContexts.length);
  }

  function onRejected({ pdu, reason }: RejectedAssociation): void {
    fail('rejected', reason);
    logger.warn({ ...titles, reason }, 'A-ASSOCIATE-RQ rejected');
    const out = writePdu(pdu);
    if (pdu.source === REJECTION_SOURCE['service-user']) {
      raise('Evt6');
      raise('Evt8', { bytes: out });
    } else raise('Evt6', { isAcceptable: false, bytes: out });
    options.onRejected?.(info(), reason);
  }

  function onAccepted(negotiated: NegotiatedAssociation<AssociationContext>, proposed: number): void {
    contexts = negotiated.contexts;
    ({ customer } = negotiated.admitted.origin);
    const { peerMaxPduLengthBytes } = negotiated;
    const invocations = createInvoker({
      clock,
      responseTimeoutMs: RESPONSE_TIMEOUT_MS,
      send(contextId, commandSet, dataSet) {
        const command = writeMessagePdus(contextId, true, commandSet, peerMaxPduLengthBytes);
        raise('Evt9', { bytes: command });
        if (dataSet === undefined) return;
        raise('Evt9', { bytes: writeMessagePdus(contextId, false, dataSet, peerMaxPduLengthBytes) });
      },
    });
    invoker = invocations;
    const established = createDispatcher({
      services: options.services,
      association: {
        ...negotiated.admitted,
        isIdle: () =>
          state === 'Sta6' && assembler?.isInMessage() === false && dispatcher?.outstanding() === 0,
        invoke: (request) => invocations.invoke(request),
        over: invocationsOver,
      },
      invoker: invocations,
      operationsWindow: negotiated.operationsWindow,
      logger,
      send(contextId, commandSet) {
        const out = writeMessagePdus(contextId, true, commandSet, peerMaxPduLengthBytes);
        raise('Evt9', { bytes: out });
      },
      onAnswered(request, response, dataSetBytes) {
        if (request.commandField === COMMAND_FIELD['C-STORE-RQ']) {
          countStore(response, dataSetBytes);
        }
        // The message may still be on its way out of the assembler.
        if (isDraining) queueMicrotask(abortIfIdle);
      },
    });
    dispatcher = established;
    assembler = createMessageAssembler({ contexts, sink: established });
    raise('Evt6');
    raise('Evt7', { bytes: writePdu(negotiated.pdu) });
    logger.info({ ...titles, contexts: contexts.size, proposed }, 'Association accepted');
    idleTimer = createIdleTimer({
      clock,
      timeoutMs: options.idleTimeoutMs,
      // While an object is being stored it is not the peer's turn.
      isPeersTurn: () => intakeWaits === 0 && established.outstanding() === 0,
      minBytesPerSecond: options.minBytesPerSecond,
      messageUnderWay: () => (assembler?.isInMessage() === true ? messagesTaken : undefined),
      onIdle: (why) => abortAsUser(idleText(why, options), 'timed-out'),
    });
  }

  function countStore(response: DimseResponse, dataSetBytes: number): void {
    if (response.status === 'success') {
      objects += 1;
      bytes += dataSetBytes;
      return;
    }
    refusedObjects += 1;
    lastError = `C-STORE answered ${response.status}`;
    logger.warn({ status: response.status, comment: response.errorComment }, 'C-STORE refused');
  }

  function onReleaseRq(): void {
    raise('Evt12');
    if (assembler?.isInMessage() === true) lastError = 'A-RELEASE-RQ in the middle of a message';
    dispatcher?.abandon();
    endInvocations();
    const answer = (): void => {
      outcome ??= 'released';
      raise('Evt14');
      closeIfPeerEnded();
    };
    if (dispatcher === undefined || dispatcher.outstanding() === 0) answer();
    else void dispatcher.settled().then(answer);
  }

  function abortIfIdle(): void {
    if (state !== 'Sta6' || assembler?.isInMessage() === true || dispatcher?.outstanding() !== 0) return;
    abortAsUser('shutting down');
    // It need not close in its own time: the A-ABORT is out, and nothing of its is under way.
    clock.after(FAREWELL_MS, () => socket.destroy());
  }

  // ---- The socket ----------------------------------------------------------------------------------------------

  function feed(chunk: Buffer, from: number): number {
    try {
      return framer.feed(chunk, from);
    } catch (error) {
      logger.error({ err: error, state }, 'failed to process received data');
      if (isEstablished()) abortAsUser('internal error');
      else socket.destroy();
      return chunk.length;
    }
  }

  /** A peer that closed its side is done once what it sent before is served. */
  function closeIfPeerEnded(): void {
    if (!peerEnded || !inflow.isCaughtUp()) return;
    onTransportClosed();
    // What we said last still goes out, unless the peer does not take it.
    if (socket.writableLength === 0) socket.destroy();
    else if (!socket.writableEnded) {
      socket.end();
      clock.after(options.artimTimeoutMs, () => socket.destroy());
    }
  }

  function onTransportClosed(): void {
    if (isEstablished()) {
      fail('connection-lost', lastError ?? 'transport connection closed without A-RELEASE or A-ABORT');
    }
    raise('Evt17');
  }

  async function end(): Promise<void> {
    await dispatcher?.settled();
    const summary: AssociationSummary = {
      ...info(),
      endedAt: clock.now(),
      outcome: outcome ?? 'connection-lost',
      ...(lastError !== undefined && { lastError }),
    };
    try {
      options.onEnd(summary, dispatcher !== undefined);
    } catch (error) {
      logger.error({ err: error }, 'observer of the end of an Association failed');
    }
    resolveEnded();
  }

  socket.setNoDelay(true);
  tuneSocket?.(socket);
  socket.on('data', (chunk: Buffer) => {
    tuneSocket?.(socket);
    idleTimer?.touch(chunk.length);
    inflow.push(chunk);
  });
  socket.on('drain', () => {
    const release = releaseSlowPeer;
    releaseSlowPeer = undefined;
    release?.();
  });
  socket.on('end', () => {
    peerEnded = true;
    closeIfPeerEnded();
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (isEstablished()) lastError = `transport error ${error.code ?? error.name}`;
  });
  socket.on('close', () => {
    inflow.discard();
    onTransportClosed();
    stopArtim();
    void end();
  });
  raise('Evt5');

  return {
    peerAddress,
    info,
    isEstablished,
    drain() {
      isDraining = true;
      if (state === 'Sta2') socket.destroy();
      // All is said, and only the peer's close is waited for.
      else if (state === 'Sta13') socket.destroySoon();
      else abortIfIdle();
    },
    abort: (reason) => abortAsUser(reason),
    destroy: () => socket.destroy(),
    ended,
  };
}

function idleText(
  why: IdleReason,
  { idleTimeoutMs, minBytesPerSecond }: Pick<AssociationOptions, 'idleTimeoutMs' | 'minBytesPerSecond'>,
): string {
  return why === 'silent'
    ? `peer was silent for ${idleTimeoutMs} ms`
    : `peer sent less than ${minBytesPerSecond} bytes per second of a message for ${idleTimeoutMs} ms`;
}

/** An AE title field as it may stand in logs and lists, whatever it holds. */
function printable(field: string): string {
  return field.replace(/[^\x20-\x7e]/g, ' ').trim();
}

function nothing(): void {
  // The state machine names more than this shell needs to be told.
}
