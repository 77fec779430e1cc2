import { Hono } from 'hono';
import type { WebhookReceiver } from '../core/ports/webhook-receiver.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { DicomWebEnv } from './dicomweb/env.ts';
import type { HttpEnv } from './env.ts';
import { createErrorHandler, handleNotFound } from './errors.ts';
import { createObjectsRoute } from './objects-route.ts';
import type { ObjectsRouteOptions } from './objects-route.ts';
import { createOpenRoute } from './open-route.ts';
import type { OpenRouteOptions } from './open-route.ts';
import { createUploadsRoute } from './uploads-route.ts';
import type { UploadsRouteOptions } from './uploads-route.ts';
import { createWebhooksRoute } from './webhooks-route.ts';

export interface PublicAppOptions extends ObjectsRouteOptions {
  /** Without them there is no `/uploads`. */
  readonly captures?: UploadsRouteOptions['captures'];
  /** Without it there is no `/open`. */
  readonly open?: Pick<OpenRouteOptions, 'index' | 'opener' | 'tokens'>;
  readonly webhooks: WebhookReceiver;
  readonly metrics: Metrics;
  /** The app at `/dicom-web`, if there is one. */
  readonly dicomWeb?: Hono<DicomWebEnv>;
}

/** What the public listener answers: Avara's webhooks, object URLs, DICOMweb. */
export function createPublicApp(options: PublicAppOptions): Hono<HttpEnv> {
  const { webhooks, dicomWeb, captures, open } = options;
  const app = new Hono<HttpEnv>();
  app.onError(createErrorHandler(options.logger));
  app.notFound(handleNotFound);
  app.route('/webhooks', createWebhooksRoute({ receiver: webhooks, metrics: options.metrics }));
  app.route('/objects', createObjectsRoute(options));
  if (captures !== undefined) app.route('/uploads', createUploadsRoute({ ...options, captures }));
  if (open !== undefined) app.route('/open', createOpenRoute({ ...options, ...open }));
  if (dicomWeb !== undefined) app.route('/dicom-web', dicomWeb);
  return app;
}
