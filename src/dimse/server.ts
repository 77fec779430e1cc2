import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';

import type { Clock } from '../core/ports/clock.ts';
import type { Intake } from '../core/ports/intake.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { SenderRefusal } from '../core/ports/refused-senders.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import { IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME } from '../dicom/implementation.ts';
import { isStorageSopClass } from '../dicom/sop-class.ts';
import type { Uid } from '../dicom/uid.ts';
import type { AssociationInfo, AssociationSummary } from './association-summary.ts';
import { createAssociation, FAREWELL_MS } from './association.ts';
import type { Association } from './association.ts';
import { describeRefusal } from './describe-refusal.ts';
import { readIntoFixedBuffer } from './fixed-read-buffer.ts';
import { COMMAND_FIELD } from './message/command-set.ts';
import { negotiate, reject } from './negotiation.ts';
import type { Admission, AssociationRequest, NegotiationPolicy } from './negotiation.ts';
import { DEFAULT_MAX_ASSOCIATE_PDU_BYTES } from './pdu/reader.ts';
import type { PduLimits } from './pdu/reader.ts';
import type { AAssociateRq } from './pdu/types.ts';
import type { RejectionReason } from './rejection.ts';
import type { AssociationContext, DimseService } from './services/service.ts';
import { createStorageService } from './services/storage.ts';
import { createVerificationService } from './services/verification.ts';
import {
  checkTlsMaterial,
  createAeTitleCheck,
  listenerTlsOptions,
  peerCertificate,
  revocationHint,
  secureContextOptions,
} from './tls.ts';
import type { CertificateSubject, DimseTlsOptions, PeerCertificate, TlsMaterial } from './tls.ts';

/** What `admit` decides over. */
export interface AdmissionRequest extends AssociationRequest {
  /** IP address; IPv4 in its plain form also on a dual-stack listener. */
  readonly peerAddress: string;
}
export type AdmissionDecision =
  | {
      readonly kind: 'admitted';
      readonly customer: CustomerKey;
      /** A peer that is let in to report on what it was asked for, and for nothing else. */
      readonly reportsOnly?: true;
    }
  | {
      readonly kind: 'rejected';
      readonly reason:
        'called-ae-title-not-recognized' | 'calling-ae-title-not-recognized' | 'no-reason-given';
      /** One line for people. */
      readonly explanation?: string;
    };

export interface DimseServerOptions {
  /** Address to bind; default `0.0.0.0`. */
  readonly host?: string;
  /** Default 11112; 0 picks a free one. */
  readonly port?: number;
  /** Associations at the same time; beyond it A-ASSOCIATE-RJ local-limit-exceeded. Default 64. */
  readonly maxAssociations?: number;
  /** The same per peer address; default no limit of its own. */
  readonly maxAssociationsPerPeer?: number;
  /**
   * Connections, beyond {@link maxAssociations}, that may be waiting for their answer or for their peer to close; more
   * are closed unheard. Default 1024.
   */
  readonly maxPendingConnections?: number;
  /**
   * How many of these may be of one peer address, so that one that opens connections and says nothing leaves room for
   * the others. Default a quarter of {@link maxPendingConnections}.
   */
  readonly maxPendingConnectionsPerPeer?: number;
  /** Maximum-length-received to announce, bytes; at least 4096. Default 131072, the most that DCMTK sends. */
  readonly maxPduLengthBytes?: number;
  /** Default 1 MiB. */
  readonly maxAssociatePduBytes?: number;
  /** Default 1, which is to say that requests are served one by one. */
  readonly maxOperationsPerformed?: number;
  /** Default 30 s. */
  readonly artimTimeoutMs?: number;
  /** Default 5 minutes. */
  readonly idleTimeoutMs?: number;
  /**
   * Bytes per second below which a peer that is inside a message counts as silent, so that one that trickles does not
   * hold its Association for ever; default 1024, 0 puts up with any rate.
   */
  readonly minBytesPerSecond?: number;
  /** Serves DICOM over TLS (PS3.15 B) instead of plain TCP. */
  readonly tls?: DimseTlsOptions;
  /** Which customer a requestor sends to, if any. */
  admit(request: AdmissionRequest): AdmissionDecision;
  /** While it holds, requestors that would be let in are told to come later (temporary-congestion). */
  readonly isCongested?: () => boolean;
  readonly intake: Intake;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Further Service Classes besides Verification and Storage. */
  readonly services?: readonly DimseService[];
  /** Default: the standard's storage classes and private ones. */
  readonly isStorageSopClass?: (sopClassUid: Uid) => boolean;
  /** Default: all, since every Data Set is stored as it comes. */
  readonly acceptsTransferSyntax?: (transferSyntaxUid: Uid) => boolean;
  /** Called for each accepted socket and after each of its reads. */
  readonly tuneSocket?: (socket: Socket) => void;
  /** Every connection that sent an A-ASSOCIATE-RQ or broke the protocol, when all of it is over. */
  readonly onAssociationEnd?: (summary: AssociationSummary) => void;
  readonly onRejected?: (info: AssociationInfo, reason: RejectionReason) => void;
  /** The same with everything that the requestor proposed. */
  readonly onRefusal?: (refusal: SenderRefusal) => void;
}

export interface DimseServer {
  /** Resolves when connections are taken. @throws where the address cannot be bound. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /**
   * Takes no more connections, lets each request in flight be answered and aborts its Association then, idle ones at
   * once; what is left at the deadline is aborted as it stands. Resolves when all of it is over, a moment after the
   * deadline at the latest unless the intake itself takes longer to settle.
   */
  drain(deadlineMs: number): Promise<void>;
  /** {@link drain} without a deadline to wait for. */
  close(): Promise<void>;
  /** Connections that are up now. */
  associations(): readonly AssociationInfo[];
  /**
   * Shows new connections another certificate; Associations that are up keep theirs.
   * @throws Error where it cannot be used, and the old one stays; or where the server is without TLS.
   */
  renewTls(material: TlsMaterial): void;
}

/** Who asks for an Association. */
interface Requestor {
  readonly id: string;
  readonly peerAddress: string;
  /** Of its valid TLS certificate. */
  readonly subject: CertificateSubject | undefined;
}

const NO_TLS_CODES: ReadonlySet<string> = new Set(['ERR_SSL_HTTP_REQUEST', 'ERR_SSL_WRONG_VERSION_NUMBER']);
const NO_CERTIFICATE: PeerCertificate = { kind: 'none' };
const MIN_PDU_LENGTH_BYTES = 4096;
/** Peers named in one line about dropped connections. */
const MAX_DROPPED_PEERS_NAMED = 8;

/**
 * Accepts Associations for Verification, Storage and any further services given.
 * @throws RangeError for limits that make no sense.
 */
export function createDimseServer(options: DimseServerOptions): DimseServer {
  const {
    host = '0.0.0.0',
    port = 11112,
    maxAssociations = 64,
    maxAssociationsPerPeer = Infinity,
    maxPendingConnections = 1024,
    maxPendingConnectionsPerPeer = Math.ceil(maxPendingConnections / 4),
    maxPduLengthBytes = 131_072,
    maxAssociatePduBytes = DEFAULT_MAX_ASSOCIATE_PDU_BYTES,
    maxOperationsPerformed = 1,
    artimTimeoutMs = 30_000,
    idleTimeoutMs = 300_000,
    minBytesPerSecond = 1024,
    intake,
    logger,
    clock,
    acceptsTransferSyntax = () => true,
  } = options;
  for (const [name, value] of Object.entries({
    maxAssociations,
    maxAssociationsPerPeer,
    maxPendingConnections,
    maxPendingConnectionsPerPeer,
    maxAssociatePduBytes,
    maxOperationsPerformed,
    artimTimeoutMs,
    idleTimeoutMs,
  })) {
    if (!(value >= 1)) throw new RangeError(`${name} must be at least 1, got ${value}`);
  }
  if (!(maxPduLengthBytes >= MIN_PDU_LENGTH_BYTES)) {
    throw new RangeError(
      `maxPduLengthBytes must be at least ${MIN_PDU_LENGTH_BYTES}, got ${maxPduLengthBytes}`,
    );
  }

  const services: readonly DimseService[] = [
    createVerificationService(),
    createStorageService({ intake, isStorageSopClass: options.isStorageSopClass ?? isStorageSopClass }),
    ...(options.services ?? []),
  ];
  const isReportedOn = (uid: Uid): boolean =>
    services.some(
      (service) =>
        service.commandField === COMMAND_FIELD['N-EVENT-REPORT-RQ'] && service.supportsAbstractSyntax(uid),
    );
  const policy: NegotiationPolicy = {
    acceptsScpRole: isReportedOn,
    acceptsAbstractSyntax: (uid) => services.some((service) => service.supportsAbstractSyntax(uid)),
    acceptsTransferSyntax,
    maxPduLengthBytes,
    maxOperationsPerformed,
    implementationClassUid: IMPLEMENTATION_CLASS_UID,
    implementationVersionName: IMPLEMENTATION_VERSION_NAME,
  };
  const limits: PduLimits = { maxAssociatePduBytes, maxPDataTfBytes: maxPduLengthBytes };
  const live = new Set<Association>();
  /** Transport connections, those in their TLS handshake included. */
  const sockets = new Set<Socket>();
  /** Those in their TLS handshake, by the peer's endpoint. */
  const handshaking = new Map<string, Socket>();
  let isDraining = false;
  let renewTls: ((material: TlsMaterial) => void) | undefined;
  const mayUseAeTitle = createAeTitleCheck(options.tls?.callingAeBySubject ?? {});

  function admit(
    { id, peerAddress, subject }: Requestor,
    request: AssociationRequest,
  ): Admission<AssociationContext> & { readonly explanation?: string } {
    if (!mayUseAeTitle(request.callingAeTitle, subject)) {
      logger.warn(
        { ...request, peerAddress, certificateSubject: subject ?? 'none' },
        'calling AE title does not belong to this TLS certificate',
      );
      const explanation = 'its TLS certificate does not entitle it to this calling AE title';
      return { kind: 'rejected', reason: 'calling-ae-title-not-recognized', explanation };
    }
    let decision: AdmissionDecision;
    try {
      decision = options.admit({ ...request, peerAddress });
    } catch (error) {
      logger.error({ err: error, ...request, peerAddress }, 'could not decide over an A-ASSOCIATE-RQ');
      return { kind: 'rejected', reason: 'processing-failure' };
    }
    if (decision.kind === 'rejected') return decision;
    if (isDraining || options.isCongested?.() === true) {
      return { kind: 'rejected', reason: 'temporary-congestion' };
    }
    let total = 0;
    let ofPeer = 0;
    for (const association of live) {
      if (!association.isEstablished()) continue;
      total += 1;
      if (association.peerAddress === peerAddress) ofPeer += 1;
    }
    if (total >= maxAssociations || ofPeer >= maxAssociationsPerPeer) {
      return { kind: 'rejected', reason: 'local-limit-exceeded' };
    }
    return {
      kind: 'admitted',
      admitted: {
        origin: { source: 'dimse', customer: decision.customer, ...request, peerAddress, intakeId: id },
      },
      ...(decision.reportsOnly === true && { acceptsAbstractSyntax: isReportedOn }),
    };
  }

  function decide(requestor: Requestor, request: AAssociateRq) {
    let explanation: string | undefined;
    try {
      const answer = negotiate(request, policy, (titles) => {
        const admission = admit(requestor, titles);
        if (admission.kind === 'rejected') ({ explanation } = admission);
        return admission;
      });
      if (answer.kind === 'rejected')
        options.onRefusal?.(
          describeRefusal(request, { ...requestor, reason: answer.reason, explanation, at: clock.now() }),
        );
      return answer;
    } catch (error) {
      logger.error(
        { err: error, peerAddress: requestor.peerAddress },
        'could not negotiate an A-ASSOCIATE-RQ',
      );
      return reject('processing-failure');
    }
  }

  /** Whether this peer has more connections waiting, in their TLS handshake included, than are its share. */
  function hasTooManyPending(address: string | undefined): boolean {
    const peerAddress = plainAddress(address);
    let connections = 0;
    let associations = 0;
    let established = 0;
    for (const socket of sockets) if (socket.remoteAddress === address) connections += 1;
    for (const association of live) {
      if (association.peerAddress !== peerAddress) continue;
      associations += 1;
      if (association.isEstablished()) established += 1;
    }
    // The one at hand is in the first figure only.
    return Math.max(connections, associations + 1) - established > maxPendingConnectionsPerPeer;
  }

  function onConnection(socket: Socket): void {
    if (socket.destroyed) return;
    const id = randomUUID();
    const peerAddress = plainAddress(socket.remoteAddress);
    const certificate = socket instanceof TLSSocket ? peerCertificate(socket) : NO_CERTIFICATE;
    if (certificate.kind === 'invalid') {
      // Also where none is needed: better told now than taken for a peer without one.
      const hint = revocationHint(certificate.reason);
      logger.warn(
        { peerAddress, reason: certificate.reason, ...(hint !== undefined && { hint }) },
        'client certificate refused',
      );
      socket.destroy();
      return;
    }
    const subject = certificate.kind === 'valid' ? certificate.subject : undefined;
    const association = createAssociation({
      socket,
      id,
      peerAddress,
      negotiate: (request) => decide({ id, peerAddress, subject }, request),
      services,
      limits,
      artimTimeoutMs,
      idleTimeoutMs,
      minBytesPerSecond,
      logger,
      clock,
      ...(options.tuneSocket !== undefined && { tuneSocket: options.tuneSocket }),
      ...(options.onRejected !== undefined && { onRejected: options.onRejected }),
      onEnd(summary, wasEstablished) {
        live.delete(association);
        onAssociationEnd(summary, wasEstablished);
      },
    });
    live.add(association);
    if (isDraining) association.drain();
  }

  function onAssociationEnd(summary: AssociationSummary, wasEstablished: boolean): void {
    const { id, startedAt, endedAt, state, contexts, ...rest } = summary;
    const fields = { associationId: id, ...rest, durationMs: endedAt - startedAt };
    if (wasEstablished) {
      logger.info(fields, 'Association ended');
      intake.intakeEnded(id);
    } else if (summary.lastError === undefined) {
      // A port probe or a load balancer's health check.
      logger.debug({ ...fields, state, contexts: contexts.length }, 'connection closed without a request');
      return;
    }
    options.onAssociationEnd?.(summary);
  }

  function createListener(): Server {
    if (options.tls === undefined) {
      return createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) =>
        onConnection(readIntoFixedBuffer(socket)),
      );
    }
    const tlsServer = createTlsServer(
      {
        ...listenerTlsOptions(options.tls),
        handshakeTimeout: artimTimeoutMs,
        noDelay: true,
      },
      (socket) => {
        handshaking.delete(endpointOf(socket));
        // Only from here on: one that goes away during the handshake is closed, not waited for.
        socket.allowHalfOpen = true;
        onConnection(socket);
      },
    );
    tlsServer.prependListener('connection', (socket: Socket) => {
      const endpoint = endpointOf(socket);
      handshaking.set(endpoint, socket);
      socket.once('close', () => handshaking.delete(endpoint));
    });
    tlsServer.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const code = tlsFailure(error, socket);
      const hint = NO_TLS_CODES.has(code) ? 'the peer does not speak TLS' : revocationHint(code);
      logger.warn(
        {
          peerAddress: plainAddress(socket.remoteAddress),
          code,
          ...(hint !== undefined && { hint }),
        },
        'TLS handshake failed',
      );
      socket.destroy();
    });
    renewTls = (material) => tlsServer.setSecureContext(secureContextOptions(material));
    return tlsServer;
  }

  const server = createListener();
  server.maxConnections = maxAssociations + maxPendingConnections;
  // Before the listener's own handler, which is to find a socket that is not wanted closed.
  server.prependListener('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    if (!hasTooManyPending(socket.remoteAddress)) return;
    noteDropped(plainAddress(socket.remoteAddress));
    socket.destroy();
  });
  server.on('drop', (dropped) => noteDropped(plainAddress(dropped?.remoteAddress)));
  const droppedSinceLog = new Map<string, number>();
  function noteDropped(peerAddress: string): void {
    // One line for a flood, not one per connection.
    if (droppedSinceLog.size === 0) clock.after(1000, logDropped);
    const known = droppedSinceLog.size < MAX_DROPPED_PEERS_NAMED || droppedSinceLog.has(peerAddress);
    const name = known ? peerAddress : 'others';
    droppedSinceLog.set(name, (droppedSinceLog.get(name) ?? 0) + 1);
  }
  function logDropped(): void {
    const peers = Object.fromEntries(droppedSinceLog);
    droppedSinceLog.clear();
    logger.warn({ peers, limit: server.maxConnections }, 'too many connections, closed unheard');
  }
  server.on('error', (error: NodeJS.ErrnoException) => {
    if (server.listening) logger.error({ code: error.code ?? error.name }, 'DIMSE listener failed');
  });

  async function drain(deadlineMs: number): Promise<void> {
    isDraining = true;
    const closed = server.listening ? once(server, 'close') : undefined;
    server.close();
    for (const socket of handshaking.values()) socket.destroy();
    for (const association of live) association.drain();
    const cancelDeadline = clock.after(deadlineMs, () => {
      for (const association of live) association.abort('shutting down, deadline reached');
    });
    const cancelFarewell = clock.after(deadlineMs + FAREWELL_MS, () => {
      for (const socket of sockets) socket.destroy();
      for (const association of live) association.destroy();
    });
    await Promise.all([closed, ...[...live].map((association) => association.ended)]);
    cancelDeadline();
    cancelFarewell();
  }

  return {
    async listen() {
      server.listen({ host, port });
      await once(server, 'listening');
      const address = server.address() as AddressInfo;
      logger.info(
        { host: address.address, port: address.port, tls: options.tls !== undefined },
        'DIMSE listening',
      );
      return { host: address.address, port: address.port };
    },
    drain,
    close: () => drain(0),
    associations: () => [...live].map((association) => association.info()),
    renewTls(material) {
      if (renewTls === undefined) throw new Error('this server is without TLS');
      checkTlsMaterial(material);
      renewTls(material);
    },
  };
}

/** IPv4 addresses as such where a dual-stack listener shows them inside IPv6, so that they match routes. */
function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
}

/** Names a connection; the socket before and the one after the handshake have it in common. */
function endpointOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** What went wrong in a handshake; the reason why a certificate was refused stands beside the error, if anywhere. */
function tlsFailure(error: NodeJS.ErrnoException, socket: TLSSocket): string {
  const refused = socket.authorizationError as unknown;
  return typeof refused === 'string' ? refused : (error.code ?? error.name);
}
