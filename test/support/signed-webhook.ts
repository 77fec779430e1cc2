import { createHmac } from 'node:crypto';
import type { WebhookRequest } from '../../src/core/ports/webhook-receiver.ts';

export interface SignedWebhookOptions {
  readonly secret: string;
  /** Milliseconds since 1970. */
  readonly sentAt: number;
  /** The event, or the body as it stands. */
  readonly event: object | string;
  readonly peerAddress?: string;
}

/** A webhook signed the way Avara's product documentation describes. */
export function signedWebhook(options: SignedWebhookOptions): WebhookRequest {
  const { secret, sentAt, event, peerAddress } = options;
  const text = typeof event === 'string' ? event : JSON.stringify(event);
  const signature = createHmac('sha256', secret).update(`${sentAt}${text}`).digest('hex');
  const headers: Readonly<Record<string, string>> = {
    'x-avara-timestamp': String(sentAt),
    'x-avara-signature': signature,
  };
  return {
    body: Buffer.from(text),
    header: (name) => [headers[name.toLowerCase()] ?? []].flat(),
    ...(peerAddress === undefined ? {} : { peerAddress }),
  };
}
