import { Hono } from 'hono';

import type { AlertLoop } from '../../core/alerts/alert-loop.ts';
import type { HttpEnv } from '../env.ts';

/** `/api/alerts`: what is wrong, and whether it can be told. */
export function createAlertRoutes(alerts: Pick<AlertLoop, 'active' | 'channels' | 'test'>): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  const time = (at: number): string => new Date(at).toISOString();
  app.get('/api/alerts', (c) =>
    c.json({
      alerts: alerts.active().map(({ key, rule, subject, severity, summary, advice, since, told }) => ({
        id: key,
        rule,
        subject,
        severity,
        summary,
        advice,
        since: time(since),
        told: Object.entries(told).map(([channel, { at }]) => ({ channel, at: time(at) })),
      })),
      channels: alerts.channels().map(({ name, lastSentAt, lastError }) => ({
        name,
        lastSentAt: lastSentAt === undefined ? null : time(lastSentAt),
        lastError: lastError ?? null,
      })),
    }),
  );
  app.post('/api/alerts/test', async (c) => {
    const results = await alerts.test();
    return c.json({
      results: results.map(({ channel, error }) => ({
        channel,
        ok: error === undefined,
        error: error ?? null,
      })),
    });
  });
  return app;
}
