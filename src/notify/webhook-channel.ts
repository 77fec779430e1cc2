import { createHmac } from 'node:crypto';

import type { AlertChannel, AlertMessage } from '../core/ports/alert-channel.ts';
import { textOfMessage } from './message-text.ts';

/** Name of the header that a receiver checks the signature in. */
export const SIGNATURE_HEADER = 'x-avara-ingest-signature';

export interface WebhookChannelOptions {
  readonly url: string;
  /** Signs each message; left out: none is signed. */
  readonly secret?: string | undefined;
  readonly timeoutMs: number;
  /** Of this installation, for whoever looks after several. */
  readonly name: string;
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Posts alerts as JSON. `text` holds the whole message for people: chat systems with incoming webhooks show it as it is.
 * The signature header is `t=<seconds since 1970>,v1=<hex>`, the HMAC-SHA-256 of `<t>.<body>`.
 */
export function createWebhookChannel(options: WebhookChannelOptions): AlertChannel {
  const { url, secret, timeoutMs, name, version, now } = options;
  return {
    name: 'webhook',
    async send(message) {
      const body = webhookBody(message, { name, version });
      const time = Math.floor(now() / 1000);
      let response: Response;
      try {
        response = await fetch(url, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'user-agent': `avara-ingest/${version}`,
            ...(secret !== undefined && { [SIGNATURE_HEADER]: `t=${time},v1=${sign(secret, time, body)}` }),
          },
          body,
          signal: AbortSignal.timeout(timeoutMs),
          // The URL may be a secret; it is given to nobody else.
          redirect: 'manual',
        });
      } catch (error) {
        throw new Error(`the webhook does not answer: ${reasonOf(error)}`, { cause: error });
      }
      await response.body?.cancel();
      if (!response.ok) throw new Error(`the webhook answered with HTTP ${response.status}`);
    },
  };
}

function webhookBody(message: AlertMessage, { name, version }: { name: string; version: string }): string {
  return JSON.stringify({
    source: 'avara-ingest',
    name,
    version,
    ...message,
    text: textOfMessage(message, name),
  });
}

function sign(secret: string, time: number, body: string): string {
  return createHmac('sha256', secret).update(`${time}.${body}`).digest('hex');
}

/** Without the URL, which may be a secret. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if (error.name === 'TimeoutError') return 'no answer in time';
  const cause: unknown = error.cause;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : error.name;
}
