import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import tls from 'node:tls';

import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import { openPrivateKey } from '../platform/private-key.ts';
import type { Passphrase } from '../platform/private-key.ts';
import { readRevocationLists } from '../platform/revocation-list.ts';

export interface SyslogTarget {
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly host: string;
  readonly port: number;
  /** PEM files. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Of {@link key}, where that is encrypted. */
  readonly keyPassphrase?: Passphrase | undefined;
  /** Revocation lists, read for each connection; default: nothing is taken for revoked. */
  readonly crl?: readonly string[] | undefined;
}

export interface SyslogSenderOptions {
  readonly target: SyslogTarget;
  /** Of this machine, for the header. */
  readonly hostName: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Messages kept while they cannot be sent; more are counted and given up. Default 8,192. */
  readonly maxQueued?: number;
  /** Called for each message given up. */
  readonly onLost?: () => void;
}

/** Sends messages by syslog, in order, and never lets anybody wait. */
export interface SyslogSender {
  /** @param at ISO 8601. @param message UTF-8 text. */
  send(at: string, message: string): void;
  /** Sends what is queued, as far as that goes within `deadlineMs`. */
  close(deadlineMs: number): Promise<void>;
  readonly queued: number;
}

/** Facility 10 (security), severity 5 (notice): what PS3.15 A.6 asks for. */
const PRIORITY = 10 * 8 + 5;
const MESSAGE_ID = 'DICOM+RFC3881';
const BOM = '\ufeff';
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** What a UDP datagram can hold (RFC 5426 3.2). */
const MAX_DATAGRAM_BYTES = 65_000;

/** The header of RFC 5424 and the message. */
export function syslogMessage(hostName: string, at: string, message: string): Buffer {
  const host = hostName.replace(/[^!-~]/g, '').slice(0, 255) || '-';
  return Buffer.from(
    `<${PRIORITY}>1 ${at} ${host} avara-ingest ${process.pid} ${MESSAGE_ID} - ${BOM}${message}`,
  );
}

interface Connection {
  /** Resolves once the bytes are with the operating system. */
  write(bytes: Buffer): Promise<void>;
  close(): void;
}

export function createSyslogSender(options: SyslogSenderOptions): SyslogSender {
  const { target, hostName, clock, logger, maxQueued = 8192 } = options;
  const queue: Buffer[] = [];
  let connection: Connection | undefined;
  let working: Promise<void> | undefined;
  let cancelRetry: (() => void) | undefined;
  let retryMs = FIRST_RETRY_MS;
  let isFailing = false;
  let isClosed = false;
  let lost = 0;

  async function work(): Promise<void> {
    while (queue.length > 0) {
      const [message] = queue;
      if (message === undefined) return;
      try {
        connection ??= await connect(target);
        await connection.write(message);
      } catch (error) {
        connection?.close();
        connection = undefined;
        fail(error);
        return;
      }
      queue.shift();
      recover();
    }
  }

  function fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const { transport, host, port } = target;
    if (!isFailing)
      logger.error(
        { transport, host, port, reason, queued: queue.length },
        'audit messages cannot be sent by syslog; they are kept in memory and sending is tried again',
      );
    isFailing = true;
    if (isClosed) return;
    cancelRetry = clock.after(retryMs, () => {
      cancelRetry = undefined;
      start();
    });
    retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
  }

  function recover(): void {
    retryMs = FIRST_RETRY_MS;
    if (!isFailing) return;
    isFailing = false;
    logger.info({ lost }, 'audit messages are sent by syslog again');
    lost = 0;
  }

  function start(): void {
    if (working !== undefined || cancelRetry !== undefined || queue.length === 0) return;
    working = work().finally(() => {
      working = undefined;
      start();
    });
  }

  return {
    send(at, message) {
      if (isClosed) return;
      if (queue.length >= maxQueued) {
        lost += 1;
        options.onLost?.();
        if (lost === 1) logger.error({ queued: queue.length }, 'audit messages for syslog are being lost');
        return;
      }
      queue.push(syslogMessage(hostName, at, message));
      start();
    },
    async close(deadlineMs) {
      cancelRetry?.();
      cancelRetry = undefined;
      start();
      isClosed = true;
      let cancel: (() => void) | undefined;
      const deadline = new Promise<void>((resolve) => (cancel = clock.after(deadlineMs, resolve)));
      await Promise.race([working, deadline]);
      cancel?.();
      connection?.close();
      if (queue.length > 0) logger.error({ lost: queue.length }, 'audit messages for syslog were not sent');
    },
    get queued() {
      return queue.length;
    },
  };
}

async function connect(target: SyslogTarget): Promise<Connection> {
  const { transport, host, port } = target;
  if (transport === 'udp') return datagrams(host, port);
  const pem = async (file: string | undefined) => (file === undefined ? undefined : readFile(file));
  const lists = async (file: string) =>
    readRevocationLists(await readFile(file, 'utf8')).map((list) => list.pem);
  const [ca, cert, key, crl] = await Promise.all([
    pem(target.ca),
    pem(target.cert),
    pem(target.key),
    Promise.all((target.crl ?? []).map(lists)),
  ]);
  const socket =
    transport === 'tcp'
      ? net.connect({ host, port })
      : tls.connect({
          host,
          port,
          ...(net.isIP(host) === 0 && { servername: host }),
          ...(ca && { ca }),
          ...(cert && { cert }),
          ...(key && { key: openPrivateKey(key, target.keyPassphrase) }),
          ...(crl.length > 0 && { crl: crl.flat() }),
          minVersion: 'TLSv1.2',
        });
  return stream(socket, transport === 'tcp' ? 'connect' : 'secureConnect');
}

function stream(socket: net.Socket, ready: 'connect' | 'secureConnect'): Promise<Connection> {
  let failure: Error | undefined;
  return new Promise((resolve, reject) => {
    const give = (error: Error): void => {
      failure = error;
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => give(new Error('no answer in time')));
    socket.on('error', give);
    socket.on('close', () => (failure ??= new Error('the connection was closed')));
    // A repository answers nothing; what it sends all the same is dropped, and its end is noticed.
    socket.on('end', () => (failure ??= new Error('the connection was closed by the repository')));
    socket.resume();
    socket.once(ready, () => {
      socket.setTimeout(0);
      socket.unref();
      resolve({
        write: (bytes) =>
          new Promise((written, failed) => {
            if (failure !== undefined) {
              failed(failure);
              return;
            }
            socket.ref();
            // Frames with a count of bytes (RFC 5425 4.3, RFC 6587 3.4.1).
            socket.write(Buffer.concat([Buffer.from(`${bytes.length} `), bytes]), (error) => {
              socket.unref();
              if (error) failed(error);
              else written();
            });
          }),
        close: () => socket.end(),
      });
    });
  });
}

function datagrams(host: string, port: number): Promise<Connection> {
  const socket = createSocket(net.isIPv6(host) ? 'udp6' : 'udp4');
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(port, host, () => {
      socket.removeListener('error', reject);
      // A refused port is told by the network for an earlier datagram, if at all.
      socket.on('error', () => undefined);
      socket.unref();
      resolve({
        write: (bytes) =>
          new Promise((sent, failed) => {
            socket.send(bytes.subarray(0, MAX_DATAGRAM_BYTES), (error) => {
              if (error) failed(error);
              else sent();
            });
          }),
        close: () => socket.close(),
      });
    });
  });
}
