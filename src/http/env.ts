import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SendFile } from '../platform/send-file.ts';

/** What a request carries besides itself; empty when an app is called without a listener. */
export interface HttpBindings {
  readonly incoming?: IncomingMessage;
  readonly outgoing?: ServerResponse;
  /** Only over plain TCP, and where the operating system knows it. */
  readonly sendFile?: SendFile;
  /** The client's IP address, as far as the proxies in front of us are trusted. */
  readonly peerAddress?: string;
  /** Scheme and host that the client used, where a trusted proxy tells of others than ours. */
  readonly origin?: string;
}

/** The environment type of our Hono apps. */
export interface HttpEnv {
  Bindings: HttpBindings;
}

/** Anything that answers requests: a Hono app. */
export interface HttpApp {
  fetch(request: Request, bindings: HttpBindings): Response | Promise<Response>;
}
