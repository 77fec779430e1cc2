import { randomBytes } from 'node:crypto';
import { createId } from './ids.ts';
import type { SigningScheme } from './webhook-signature.ts';
import { signWebhook } from './webhook-signature.ts';

/** The envelope of every event. */
export interface WebhookEvent {
  readonly id: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * Ways for the sender to misbehave:
 * - `wrong-secret`: signed with another secret.
 * - `stale-timestamp`: signed an hour ago.
 * - `truncated-body`: the signature is of the whole body, half of it is sent.
 * - `tampered-body`: the signature is of the body, a changed one is sent.
 * - `unsigned`: no signature headers at all.
 */
export const MISBEHAVIOURS = [
  'wrong-secret',
  'stale-timestamp',
  'truncated-body',
  'tampered-body',
  'unsigned',
] as const;
export type Misbehaviour = (typeof MISBEHAVIOURS)[number];

const STALE_BY_MS = 3_600_000;

/** A webhook request as it goes over the wire. */
export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

export interface WebhookReply {
  readonly status: number;
  readonly contentType: string | null;
  readonly text: string;
}

/** Makes an event with a new id, or with the id of an event that is delivered once more. */
export function createEvent(
  type: string,
  data: Readonly<Record<string, unknown>>,
  id = createId('whe'),
): WebhookEvent {
  return { id, type, data };
}

export interface PrepareWebhookOptions {
  readonly url: string;
  readonly event: WebhookEvent;
  readonly secret: string;
  readonly signing: SigningScheme;
  readonly nowMs: number;
  readonly misbehaviour?: Misbehaviour | undefined;
}

/** Serialises and signs an event. */
export function prepareWebhook(options: PrepareWebhookOptions): WebhookRequest {
  const { url, event, signing, nowMs, misbehaviour } = options;
  const body = new TextEncoder().encode(JSON.stringify(event));
  const secret =
    misbehaviour === 'wrong-secret' ? `whsec_${randomBytes(24).toString('base64')}` : options.secret;
  const timestampMs = misbehaviour === 'stale-timestamp' ? nowMs - STALE_BY_MS : nowMs;
  const signature = signWebhook({ body, secret, signing, timestampMs, messageId: event.id });
  return {
    url,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Avara-Emulator-Webhooks',
      ...(misbehaviour === 'unsigned' ? {} : signature),
    },
    body: misbehave(body, misbehaviour),
  };
}

function misbehave(
  body: Uint8Array<ArrayBuffer>,
  misbehaviour: Misbehaviour | undefined,
): Uint8Array<ArrayBuffer> {
  if (misbehaviour === 'truncated-body') return body.slice(0, Math.floor(body.length / 2));
  // A space more is the same event to whoever parses before checking.
  if (misbehaviour === 'tampered-body') return new Uint8Array([...body, 0x20]);
  return body;
}

/**
 * Posts a webhook request.
 * @throws where there is no reply within `timeoutMs`, or one longer than `maxReplyBytes`.
 */
export async function postWebhook(
  request: WebhookRequest,
  limits: { timeoutMs: number; maxReplyBytes: number },
): Promise<WebhookReply> {
  const response = await fetch(request.url, {
    method: 'POST',
    headers: request.headers,
    body: request.body,
    redirect: 'manual',
    signal: AbortSignal.timeout(limits.timeoutMs),
  });
  const chunks: Uint8Array[] = [];
  let length = 0;
  const body: AsyncIterable<Uint8Array> | null = response.body;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > limits.maxReplyBytes) {
      throw new RangeError(`webhook reply is longer than ${limits.maxReplyBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return {
    status: response.status,
    contentType: response.headers.get('content-type'),
    text: Buffer.concat(chunks).toString('utf8'),
  };
}
