import { Hono } from 'hono';

import type { Metrics } from '../../observability/metrics.ts';
import type { AdminOperations } from '../admin-operations.ts';
import type { HttpEnv } from '../env.ts';

export interface HealthRoutesOptions {
  readonly operations: Pick<AdminOperations, 'readiness'>;
  readonly registry: Metrics['registry'];
}

/** Paths that need no token and tell nothing worth one. */
export const OPEN_PATHS = ['/healthz', '/readyz'];

/** Liveness, readiness, metrics: what programs ask. */
export function createHealthRoutes({ operations, registry }: HealthRoutesOptions): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  app.get('/healthz', (c) => c.json({ ok: true }));
  app.get('/readyz', (c) => {
    const parts = operations.readiness();
    const ok = Object.values(parts).every((part) => part.ok);
    return c.json({ ok, parts }, ok ? 200 : 503);
  });
  app.get('/metrics', async (c) =>
    c.body(await registry.metrics(), 200, { 'Content-Type': registry.contentType }),
  );
  return app;
}
