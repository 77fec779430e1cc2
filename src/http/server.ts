import http from 'node:http';
import type { Server } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Logger } from '../core/ports/logger.ts';
import type { SendFile } from '../platform/send-file.ts';
import { createClientAddressOf } from './client-address.ts';
import type { HttpApp } from './env.ts';
import { HttpProblem, problemResponse } from './errors.ts';
import { createForwardedOriginOf } from './forwarded-origin.ts';

const DROP_REPORT_INTERVAL_MS = 60_000;

export interface HttpServerOptions {
  readonly app: HttpApp;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly logger: Logger;
  /** Certificate chain and private key, PEM: HTTPS instead of plain HTTP. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined;
  /** Without it, and with TLS, objects are copied through the daemon. */
  readonly sendFile?: SendFile | undefined;
  /** Proxies (addresses or CIDR blocks) whose X-Forwarded-For, -Proto and -Host are believed. Default none. */
  readonly trustProxy?: readonly string[];
  /** How long a client may take over the headers of a request. Default 15 s. */
  readonly headersTimeoutMs?: number;
  /**
   * How long a client may take over a whole request. Default 0, no limit: uploads of studies take long over slow
   * lines, and {@link idleTimeoutMs} ends those that stand still.
   */
  readonly requestTimeoutMs?: number;
  /** A connection on which nothing moves for so long, in either direction, is closed. Default 120 s. */
  readonly idleTimeoutMs?: number;
  /** How long an unused connection is kept for the next request. Default 65 s: longer than proxies usually keep it. */
  readonly keepAliveTimeoutMs?: number;
  /** Default 16 KiB. */
  readonly maxHeaderBytes?: number;
  /** Connections beyond this are closed at once. Default 1024. */
  readonly maxConnections?: number;
}

export interface HttpServer {
  /** @returns the address taken. @throws the operating system's error, such as EADDRINUSE. */
  listen(): Promise<{ host: string; port: number }>;
  /**
   * Takes no more connections, lets requests in flight finish, and cuts what is left after `graceMs`.
   * Resolves when every connection is closed.
   */
  close(graceMs: number): Promise<void>;
  /** HTTPS only: new connections get this certificate; those open keep theirs. @throws Error where it cannot be used. */
  renewTls(tls: { readonly cert: string | Buffer; readonly key: string | Buffer }): void;
}

/** Makes a listener for an app: limits on slow and oversized requests, client address, orderly close. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { app, host, port, logger, tls, sendFile, trustProxy = [] } = options;
  const headersTimeout = options.headersTimeoutMs ?? 15_000;
  const clientAddressOf = createClientAddressOf(trustProxy);
  const forwardedOriginOf = createForwardedOriginOf(trustProxy);
  let isClosing = false;

  const answer = getRequestListener(
    (request, bindings) => {
      // Never HTTP/2: both servers below speak HTTP/1.1 only.
      const { incoming, outgoing } = bindings as {
        incoming: http.IncomingMessage;
        outgoing: http.ServerResponse;
      };
      const peerAddress = clientAddressOf(incoming);
      const origin = forwardedOriginOf(incoming);
      return app.fetch(request, {
        incoming,
        outgoing,
        ...(tls === undefined && sendFile !== undefined && { sendFile }),
        ...(peerAddress !== undefined && { peerAddress }),
        ...(origin !== undefined && { origin }),
      });
    },
    { errorHandler: (error) => problemResponse(requestProblem(error, logger)) },
  );
  const listener = (incoming: http.IncomingMessage, outgoing: http.ServerResponse): void => {
    if (isClosing) outgoing.shouldKeepAlive = false;
    outgoing.once('close', () => {
      if (isClosing) setImmediate(() => server.closeIdleConnections());
    });
    void answer(incoming, outgoing);
  };

  const serverOptions = {
    headersTimeout,
    requestTimeout: options.requestTimeoutMs ?? 0,
    keepAliveTimeout: options.keepAliveTimeoutMs ?? 65_000,
    maxHeaderSize: options.maxHeaderBytes ?? 16_384,
    connectionsCheckingInterval: Math.min(5000, Math.ceil(headersTimeout / 2)),
    noDelay: true,
  };
  const server: Server =
    tls === undefined
      ? http.createServer(serverOptions, listener)
      : https.createServer(
          { ...serverOptions, cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' },
          listener,
        );
  server.maxConnections = options.maxConnections ?? 1024;
  server.setTimeout(options.idleTimeoutMs ?? 120_000);
  server.on('drop', createDropReport(logger, server.maxConnections));

  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port }, () => {
          server.off('error', reject);
          server.on('error', (error) => logger.error({ err: error }, 'HTTP listener failed'));
          const address = server.address() as AddressInfo;
          resolve({ host: address.address, port: address.port });
        });
      }),
    renewTls({ cert, key }) {
      if (!(server instanceof https.Server)) throw new Error('this listener has no TLS');
      server.setSecureContext({ cert, key, minVersion: 'TLSv1.2' });
    },
    close: (graceMs) =>
      new Promise((resolve) => {
        isClosing = true;
        const cut = setTimeout(() => server.closeAllConnections(), graceMs);
        // Calls back with an error where it was never listening, which is closed as well.
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

/** Logs refused connections once a minute at most: whoever causes them must not fill the log as well. */
function createDropReport(logger: Logger, maxConnections: number): () => void {
  let dropped = 0;
  return () => {
    dropped += 1;
    if (dropped > 1) return;
    setTimeout(() => {
      logger.warn({ dropped, maxConnections }, 'connections refused within a minute: too many at once');
      dropped = 0;
    }, DROP_REPORT_INTERVAL_MS).unref();
  };
}

/** A request that never reached the app (its target or Host header is no URL), or that the app failed on. */
function requestProblem(error: unknown, logger: Logger): HttpProblem {
  if (error instanceof Error && error.name === 'RequestError')
    return new HttpProblem(400, {
      code: 'bad-request',
      detail: 'The request target or Host header is malformed.',
    });
  logger.error({ err: error }, 'request failed outside the app');
  return new HttpProblem(500, {
    code: 'internal-error',
    detail: 'Something went wrong here; the log says what.',
  });
}
