import { createHmac } from 'node:crypto';
import { EmulatorError } from './errors.ts';

/**
 * How an event is signed.
 * - `avara-headers`: `X-Avara-Signature` and `X-Avara-Timestamp` as the documentation has it, with the whole secret
 *   string or its decoded base64 part as the key.
 * - `standard-webhooks`: `webhook-id`, `webhook-timestamp` and `webhook-signature` as the SDK has it.
 */
export type SigningScheme =
  | { readonly scheme: 'avara-headers'; readonly key: 'whole-secret' | 'decoded-secret' }
  | { readonly scheme: 'standard-webhooks' };

/** As the documentation has it. */
export const DEFAULT_SIGNING: SigningScheme = { scheme: 'avara-headers', key: 'whole-secret' };

export interface SignWebhookOptions {
  /** The exact bytes of the request body. */
  readonly body: Uint8Array;
  /** `whsec_` and base64. */
  readonly secret: string;
  readonly signing: SigningScheme;
  /** Time to sign with, milliseconds since 1970 UTC. */
  readonly timestampMs: number;
  /** Message id, signed by Standard Webhooks only. */
  readonly messageId: string;
}

const SECRET_PREFIX = 'whsec_';

/** @throws EmulatorError where the secret is not `whsec_` and base64. */
function decodeSecret(secret: string): Buffer {
  const encoded = secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : '';
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) {
    throw new EmulatorError('this way of signing needs a webhook secret of the form whsec_<base64>');
  }
  return Buffer.from(encoded, 'base64');
}

/** Signs a webhook request. @returns the headers to send with it. */
export function signWebhook(options: SignWebhookOptions): Record<string, string> {
  const { body, secret, signing, timestampMs, messageId } = options;
  if (signing.scheme === 'avara-headers') {
    const key = signing.key === 'whole-secret' ? Buffer.from(secret, 'utf8') : decodeSecret(secret);
    const timestamp = String(Math.trunc(timestampMs));
    return {
      'x-avara-timestamp': timestamp,
      'x-avara-signature': createHmac('sha256', key).update(timestamp).update(body).digest('hex'),
    };
  }
  const timestamp = String(Math.trunc(timestampMs / 1000));
  const mac = createHmac('sha256', decodeSecret(secret))
    .update(`${messageId}.${timestamp}.`)
    .update(body)
    .digest('base64');
  return {
    'webhook-id': messageId,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${mac}`,
  };
}
