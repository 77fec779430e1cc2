import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';

import { networkErrorText } from './failure-text.ts';
import type { PreparedTls } from './peer-tls.ts';
import { describeTlsFailure } from './tls-failure.ts';
import type { TlsProblem } from './tls-failure.ts';

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  /** Without, plain TCP. */
  readonly tls?: PreparedTls | undefined;
}

/** Why a connection failed. */
export interface ConnectionFailure {
  /** In words. */
  readonly message: string;
  /** Where it is about TLS. */
  readonly tlsProblem?: TlsProblem;
}

/** A connection to a peer, plain or TLS, that is being made or is up. */
export interface PeerConnection {
  readonly socket: Socket;
  /** Calls back once bytes may be sent: over TLS, when the peer has shown that it is the right one. */
  onReady(callback: () => void): void;
  /**
   * Why the connection is over, where nobody had wanted it to be. Looks whether a peer that hung up on plain DICOM without
   * a word speaks TLS.
   * @param otherwise what to say where the connection itself tells of no error.
   */
  explain(otherwise: string): Promise<ConnectionFailure>;
}

/** TLS record header (RFC 8446 5.1): an alert, of any version since SSL 3. */
const TLS_ALERT = Buffer.of(0x15, 0x03);
const PROBE_TIMEOUT_MS = 2000;

/**
 * Opens a connection. Nagle's algorithm is off: a small object is a command and a Data Set, and the second would wait 40 ms
 * for the peer's delayed ACK of the first.
 */
export function connectToPeer({ host, port, tls }: ConnectOptions): PeerConnection {
  const socket = tls === undefined ? connect({ host, port }) : connectTls({ host, port, ...tls.options });
  socket.setNoDelay(true);
  let isConnected = false;
  let isReady = false;
  let error: Error | undefined;
  let firstBytes: Buffer | undefined;
  socket.once('connect', () => (isConnected = true));
  socket.once(tls === undefined ? 'connect' : 'secureConnect', () => (isReady = true));
  socket.once('data', (chunk: Buffer) => (firstBytes = Buffer.from(chunk.subarray(0, TLS_ALERT.length))));
  socket.on('error', (failure: Error) => (error ??= failure));

  /** A plain connection was answered by a TLS alert, or by nothing and TLS would have been answered. */
  async function isTlsOnly(): Promise<boolean> {
    if (tls !== undefined || !isReady) return false;
    if (firstBytes !== undefined) return firstBytes.equals(TLS_ALERT);
    return speaksTls(host, port);
  }

  async function explain(otherwise: string): Promise<ConnectionFailure> {
    // What goes wrong once the peer has spoken is no matter of certificates and handshakes.
    if (socket instanceof TLSSocket && error !== undefined && firstBytes === undefined) {
      const failure = describeTlsFailure(error, socket, tls?.showsCertificate === true);
      if (failure !== undefined) return { message: failure.message, tlsProblem: failure.problem };
    }
    if (tls !== undefined && isConnected && !isReady) {
      return {
        message: 'it answers no TLS handshake: it may speak plain DICOM on this port',
        tlsProblem: 'no-tls',
      };
    }
    if (await isTlsOnly()) return { message: 'it speaks TLS on this port', tlsProblem: 'tls-only' };
    return { message: error === undefined ? otherwise : networkErrorText(error) };
  }

  return {
    socket,
    onReady(callback) {
      socket.once(tls === undefined ? 'connect' : 'secureConnect', callback);
    },
    explain,
  };
}

/** Whether something answers a TLS handshake there. Nothing is sent over it, so its certificate does not matter. */
function speaksTls(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTls({ host, port, rejectUnauthorized: false });
    const deadline = setTimeout(() => end(false), PROBE_TIMEOUT_MS);
    const end = (answer: boolean): void => {
      clearTimeout(deadline);
      socket.destroy();
      resolve(answer);
    };
    socket.once('secureConnect', () => end(true));
    // An alert is TLS as well.
    socket.on('error', ({ code = '' }: NodeJS.ErrnoException) => end(code.includes('_ALERT_')));
    socket.once('close', () => end(false));
  });
}
