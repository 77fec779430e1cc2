import { createHmac } from 'node:crypto';

export interface AccessWebhookOptions {
  /** Where the daemon takes webhooks. */
  readonly url: string;
  readonly secret: string;
  readonly studyId: string;
  readonly studyInstanceUid: string;
  /** What is signed and sent as the time, milliseconds since 1970; default now. */
  readonly sentAt?: number;
}

export interface AccessAnswer {
  readonly status: number;
  readonly authorized: boolean | undefined;
  readonly urls: readonly string[];
  readonly error: string | undefined;
  /** The body as it came. */
  readonly text: string;
}

export interface SignedRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `study.access_requested`, signed as Avara's product documentation describes, by whoever holds `secret`. */
export function signAccessWebhook(options: Omit<AccessWebhookOptions, 'url'>): SignedRequest {
  const { secret, studyId, studyInstanceUid, sentAt = Date.now() } = options;
  const body = JSON.stringify({
    id: `whe_${'0'.repeat(32)}`,
    type: 'study.access_requested',
    data: { studyId, studyInstanceUid },
  });
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'x-avara-timestamp': String(sentAt),
      'x-avara-signature': createHmac('sha256', secret).update(`${sentAt}${body}`).digest('hex'),
    },
  };
}

/** Asks for a study. */
export function askForStudy({ url, ...question }: AccessWebhookOptions): Promise<AccessAnswer> {
  return postAccessWebhook(url, signAccessWebhook(question));
}

/** Posts a request as it stands. */
export async function postAccessWebhook(url: string, request: SignedRequest): Promise<AccessAnswer> {
  const response = await fetch(url, { method: 'POST', ...request });
  const text = await response.text();
  const answer = JSON.parse(text) as { authorized?: boolean; urls?: readonly string[]; error?: string };
  return {
    status: response.status,
    authorized: answer.authorized,
    urls: answer.urls ?? [],
    error: answer.error,
    text,
  };
}
