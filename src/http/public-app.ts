import { Hono } from 'hono';
import type { WebhookReceiver } from '../core/ports/webhook-receiver.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { HttpEnv } from './env.ts';
import { createErrorHandler, handleNotFound } from './errors.ts';
import { createObjectsRoute } from './objects-route.ts';
import type { ObjectsRouteOptions } from './objects-route.ts';
import { createWebhooksRoute } from './webhooks-route.ts';

export interface PublicAppOptions extends ObjectsRouteOptions {
  readonly webhooks: WebhookReceiver;
  readonly metrics: Metrics;
  /** The app at `/dicom-web`, if there is one. */
  readonly dicomWeb?: Hono<HttpEnv>;
}

/** What the public listener answers: Avara's webhooks, object URLs, DICOMweb. */
export function createPublicApp({ webhooks, dicomWeb, ...options }: PublicAppOptions): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  app.onError(createErrorHandler(options.logger));
  app.notFound(handleNotFound);
  app.route('/webhooks', createWebhooksRoute({ receiver: webhooks, metrics: options.metrics }));
  app.route('/objects', createObjectsRoute(options));
  if (dicomWeb !== undefined) app.route('/dicom-web', dicomWeb);
  return app;
}
