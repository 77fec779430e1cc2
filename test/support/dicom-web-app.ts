import { Hono } from 'hono';
import { signObjectToken } from '../../src/core/access/object-token.ts';
import type { SigningKey } from '../../src/core/access/object-token.ts';
import type { AuditEntry } from '../../src/core/ports/audit-trail.ts';
import { customerKey } from '../../src/core/study/instance.ts';
import type { StudyKey } from '../../src/core/study/instance.ts';
import type { AccessToken } from '../../src/http/access-tokens.ts';
import { createDicomWebApp, DICOM_WEB_PATH } from '../../src/http/dicomweb/dicom-web-app.ts';
import type { DicomWebEnv } from '../../src/http/dicomweb/env.ts';
import type { HttpBindings, HttpEnv } from '../../src/http/env.ts';
import { createErrorHandler, handleNotFound } from '../../src/http/errors.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { createFakeClock } from './fake-clock.ts';
import { createRecordingLogger } from './recording-logger.ts';

/** Bearer tokens of the fixture, by what they are for. */
export const TOKENS = {
  city: 'city-reads-and-writes',
  north: 'north-reads',
  both: 'both-read',
  store: 'city-writes-only',
  two: 'two-write',
} as const;

const ACCESS_TOKENS: readonly AccessToken[] = [
  accessToken('city', ['city-medical'], true, true),
  accessToken('north', ['north-clinic'], true, false),
  accessToken('both', ['city-medical', 'north-clinic'], true, false),
  accessToken('store', ['city-medical'], false, true),
  accessToken('two', ['city-medical', 'north-clinic'], true, true),
];

export interface DicomWebFixtureOptions {
  /** Services as they are mounted in the daemon. */
  readonly routes: readonly Hono<DicomWebEnv>[];
  /** Empty: none is configured. */
  readonly publicUrl?: string;
  readonly corsOrigins?: readonly string[];
}

/** DICOMweb services behind the frame that they have in the daemon, with everything it tells laid open. */
export function createDicomWebFixture({
  routes,
  publicUrl = 'https://images.example.org',
  corsOrigins = ['*'],
}: DicomWebFixtureOptions) {
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const metrics = createMetrics({ includeProcess: false });
  const audited: AuditEntry[] = [];
  const signingKey: SigningKey = { id: 'k1', secret: Buffer.alloc(32, 7), createdAt: 0 };
  let tokens = ACCESS_TOKENS;
  const app = new Hono<HttpEnv>();
  app.onError(createErrorHandler(logger));
  app.notFound(handleNotFound);
  app.route(
    DICOM_WEB_PATH,
    createDicomWebApp({
      routes,
      tokens: () => tokens,
      keys: { current: () => signingKey, find: (id) => (id === signingKey.id ? signingKey : undefined) },
      publicUrl: () => (publicUrl === '' ? undefined : publicUrl),
      audit: { record: (entry) => void audited.push(entry) },
      clock,
      metrics,
      corsOrigins,
    }),
  );

  return {
    /** For a listener. */
    listenable: app,
    /**
     * Calls the app without a listener.
     * @param path below `/dicom-web`.
     * @param token sent as bearer token; empty: none.
     */
    request: (
      path: string,
      token: string = TOKENS.city,
      init: RequestInit = {},
      bindings: HttpBindings = {},
    ): Response | Promise<Response> => {
      const headers = new Headers(init.headers);
      if (token !== '') headers.set('authorization', `Bearer ${token}`);
      return app.request(`${DICOM_WEB_PATH}${path}`, { ...init, headers }, bindings);
    },
    /** Replaces the tokens in force, as a reload does. */
    reload: (next: readonly AccessToken[]): void => {
      tokens = next;
    },
    objectToken: (study: StudyKey, lifetimeSeconds = 3600): string =>
      signObjectToken(signingKey, study, Math.floor(clock.now() / 1000) + lifetimeSeconds),
    audit: { record: (entry: AuditEntry) => void audited.push(entry) },
    audited,
    clock,
    logger,
    metrics,
  };
}

function accessToken(
  name: keyof typeof TOKENS,
  customers: readonly string[],
  mayRead: boolean,
  mayWrite: boolean,
): AccessToken {
  return { name, token: TOKENS[name], customers: customers.map(customerKey), mayRead, mayWrite };
}
