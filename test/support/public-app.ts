import { signObjectToken } from '../../src/core/access/object-token.ts';
import type { SigningKey } from '../../src/core/access/object-token.ts';
import type { AuditEntry } from '../../src/core/ports/audit-trail.ts';
import type { InstanceStore } from '../../src/core/ports/instance-store.ts';
import type { WebhookRequest, WebhookResponse } from '../../src/core/ports/webhook-receiver.ts';
import type { InstanceKey, StudyKey } from '../../src/core/study/instance.ts';
import type { HttpBindings } from '../../src/http/env.ts';
import { createPublicApp } from '../../src/http/public-app.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { createFakeClock } from './fake-clock.ts';
import { createMemoryObjects } from './memory-objects.ts';
import { createRecordingLogger } from './recording-logger.ts';

const LIFETIME_SECONDS = 3600;

export interface PublicAppFixtureOptions {
  readonly corsOrigins?: readonly string[];
  /** Where the bytes of objects come from instead of memory. */
  readonly store?: Pick<InstanceStore, 'open'>;
  readonly answerWebhook?: (request: WebhookRequest) => WebhookResponse;
}

/** The public app over objects in memory, with everything it tells laid open. */
export function createPublicAppFixture({
  corsOrigins = ['*'],
  store,
  answerWebhook,
}: PublicAppFixtureOptions = {}) {
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const metrics = createMetrics({ includeProcess: false });
  const objects = createMemoryObjects(clock.now());
  const signingKey: SigningKey = { id: 'k1', secret: Buffer.alloc(32, 7), createdAt: 0 };
  const audited: AuditEntry[] = [];
  const webhooks: WebhookRequest[] = [];

  const app = createPublicApp({
    index: objects,
    store: store ?? objects.store,
    keys: { current: () => signingKey, find: (id) => (id === signingKey.id ? signingKey : undefined) },
    audit: { record: (entry) => void audited.push(entry) },
    clock,
    logger,
    metrics,
    corsOrigins,
    webhooks: {
      receive(request) {
        webhooks.push(request);
        return Promise.resolve(answerWebhook?.(request) ?? { status: 200, body: { ok: true } });
      },
    },
  });
  const tokenFor = (study: StudyKey, lifetimeSeconds = LIFETIME_SECONDS): string =>
    signObjectToken(signingKey, study, Math.floor(clock.now() / 1000) + lifetimeSeconds);
  const pathOf = (key: InstanceKey): string =>
    `/objects/${key.studyInstanceUid}/${key.seriesInstanceUid}/${key.sopInstanceUid}.dcm`;
  return {
    /** Calls the app without a listener. */
    app: {
      request: (
        path: string,
        init?: RequestInit,
        bindings: HttpBindings = {},
      ): Response | Promise<Response> => app.request(path, init, bindings),
    },
    /** For a listener. */
    listenable: app,
    clock,
    logger,
    metrics,
    objects,
    audited,
    webhooks,
    tokenFor,
    /** Path of an object without its token. */
    pathOf,
    /** Path of an object with a good token. */
    urlOf: (key: InstanceKey): string => `${pathOf(key)}?token=${tokenFor(key)}`,
  };
}
