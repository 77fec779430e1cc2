import { Hono } from 'hono';
import { verifyUploadToken } from '../core/access/upload-token.ts';
import type { KeyRing } from '../core/access/object-token.ts';
import type { AuditTrail } from '../core/ports/audit-trail.ts';
import type { CaptureIntake } from '../core/ports/capture-intake.ts';
import type { Clock } from '../core/ports/clock.ts';
import { createCorsPolicy } from './cors.ts';
import type { HttpEnv } from './env.ts';
import { HttpProblem, methodNotAllowed, problemResponse } from './errors.ts';
import { readBody } from './read-body.ts';
import { createRefusalAudit } from './refusal-audit.ts';

export interface UploadsRouteOptions {
  readonly captures: CaptureIntake;
  readonly keys: KeyRing;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly corsOrigins: readonly string[];
}

/** A capture is a picture of a screen; bodies are held in memory, so their number is bounded too. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
const MAX_UPLOADS_AT_ONCE = 4;
const BODY_TIMEOUT_MS = 120_000;
const METHODS = 'PUT, OPTIONS';

/** `PUT /:study?token=…`: one Part 10 file that Avara's viewer made, for the study that the token names. */
export function createUploadsRoute(options: UploadsRouteOptions): Hono<HttpEnv> {
  const { captures, keys, audit, clock } = options;
  const cors = createCorsPolicy(options.corsOrigins, METHODS);
  const refusals = createRefusalAudit({ audit, clock });
  let underway = 0;

  const app = new Hono<HttpEnv>();
  app.onError((error, c) => {
    if (!(error instanceof HttpProblem)) throw error;
    return problemResponse(error, cors.headersFor(c.req.header('origin')));
  });
  app.options('/*', (c) => {
    const headers = cors.preflightHeaders(c.req.header('origin'), {
      headers: c.req.header('access-control-request-headers'),
      privateNetwork: c.req.header('access-control-request-private-network'),
    });
    return new Response(null, { status: 204, headers: { Allow: METHODS, ...headers } });
  });
  app.put('/:study', async (c) => {
    const { peerAddress } = c.env;
    const peer = peerAddress === undefined ? {} : { peerAddress };
    const tokens = c.req.queries('token') ?? [];
    const grant = tokens.length === 1 ? verifyUploadToken(tokens[0] ?? '', keys, clock.now()) : undefined;
    if (grant?.study.studyInstanceUid !== c.req.param('study')) {
      refusals.record({ event: 'capture.refused', detail: 'token', ...peer });
      throw new HttpProblem(401, {
        code: 'token-invalid',
        detail: 'This URL is not genuine, or no longer good. Make the capture again.',
        headers: { 'WWW-Authenticate': 'Bearer realm="uploads"' },
      });
    }
    if (underway >= MAX_UPLOADS_AT_ONCE) throw busy('Too many uploads at once.');
    underway += 1;
    try {
      const body = await readBody(c.req.raw, { maxBytes: MAX_BODY_BYTES, timeoutMs: BODY_TIMEOUT_MS });
      const outcome = await captures.take(grant, body, peerAddress);
      const detail = outcome.kind;
      audit.record({ event: 'capture.uploaded', actor: grant.keyId, ...grant.study, detail, ...peer });
      switch (outcome.kind) {
        case 'refused':
          throw new HttpProblem(422, { code: 'capture-refused', detail: outcome.reason });
        case 'unavailable':
          throw busy(outcome.reason);
        default:
          return c.json(outcome, 200, cors.headersFor(c.req.header('origin')));
      }
    } finally {
      underway -= 1;
    }
  });
  app.all('/:study', () => {
    throw methodNotAllowed(METHODS);
  });
  return app;
}

function busy(detail: string): HttpProblem {
  return new HttpProblem(503, { code: 'try-again', detail, headers: { 'Retry-After': '10' } });
}
