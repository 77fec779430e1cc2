import { Hono } from 'hono';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { WebhookReceiver, WebhookRequest } from '../core/ports/webhook-receiver.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { HttpEnv } from './env.ts';
import { HttpProblem, methodNotAllowed } from './errors.ts';
import { readBody } from './read-body.ts';

/** Avara's events are a few KiB; the largest carry a report's text. */
const MAX_BODY_BYTES = 1_048_576;
const BODY_TIMEOUT_MS = 10_000;

export interface WebhooksRouteOptions {
  readonly receiver: WebhookReceiver;
  readonly metrics: Pick<Metrics, 'webhookRequests' | 'webhookDuration'>;
}

/** `POST /avara`: hands the raw body and headers to the receiver, which alone knows what they mean. */
export function createWebhooksRoute({ receiver, metrics }: WebhooksRouteOptions): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  app.post('/avara', async (c) => {
    const stopTimer = metrics.webhookDuration.startTimer();
    try {
      const body = await readBody(c.req.raw, { maxBytes: MAX_BODY_BYTES, timeoutMs: BODY_TIMEOUT_MS });
      const answer = await receiver.receive(webhookRequest(c, body));
      metrics.webhookRequests.inc({ outcome: outcomeOf(answer.status) });
      const status = answer.status as ContentfulStatusCode;
      const { body: content } = answer;
      if (!(content instanceof Uint8Array)) return c.json(content, status);
      return c.body(content as Uint8Array<ArrayBuffer>, status, { 'Content-Type': 'application/json' });
    } catch (error) {
      metrics.webhookRequests.inc({ outcome: error instanceof HttpProblem ? 'rejected' : 'failed' });
      throw error;
    } finally {
      stopTimer();
    }
  });
  app.all('/avara', () => {
    throw methodNotAllowed('POST');
  });
  return app;
}

function webhookRequest(c: Context<HttpEnv>, body: Buffer): WebhookRequest {
  const { incoming, peerAddress } = c.env;
  return {
    body,
    header(name) {
      // Hono joins repeated headers; only the raw list shows them apart.
      if (incoming !== undefined) return rawHeaderValues(incoming.rawHeaders, name.toLowerCase());
      const value = c.req.raw.headers.get(name);
      return value === null ? [] : [value];
    },
    ...(peerAddress !== undefined && { peerAddress }),
  };
}

/** @param rawHeaders names and values in turn, as `IncomingMessage` has them. */
function rawHeaderValues(rawHeaders: readonly string[], lowerCaseName: string): readonly string[] {
  return rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === lowerCaseName,
  );
}

function outcomeOf(status: number): string {
  if (status < 300) return 'answered';
  if (status === 401) return 'unauthorized';
  return status < 500 ? 'rejected' : 'failed';
}
