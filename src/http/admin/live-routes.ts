import { createHash } from 'node:crypto';

import { Hono } from 'hono';

import { bytesOf } from '../../core/summary/in-words.ts';
import { HttpProblem } from '../errors.ts';
import type { AdminEnv } from './admin-env.ts';
import type { AdminIndex } from './admin-index.ts';
import type { LiveFeed, LiveSnapshot } from './live-feed.ts';
import type { AdminOverview } from './overview.ts';

/** `GET /events`: what goes on, for pages that are open. */
export function createLiveRoutes(feed: LiveFeed): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.get('/events', (c) => {
    const stream = feed.watch(c.req.header('last-event-id'));
    if (stream === undefined)
      throw new HttpProblem(503, {
        code: 'too-many-watchers',
        detail: 'Too many pages are open. This one works without live updates.',
        headers: { 'Retry-After': '30' },
      });
    return c.body(stream, 200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // Tells nginx to pass each event on at once.
      'X-Accel-Buffering': 'no',
    });
  });
  return app;
}

export interface LiveSnapshotOptions {
  readonly index: Pick<AdminIndex, 'totals'>;
  readonly overview: Pick<AdminOverview, 'summary' | 'rate' | 'openAssociations'>;
  readonly quarantinedCount: () => number;
  /** Of what the totals do not show. */
  readonly marks: () => readonly unknown[];
}

/** The moment as the overview shows it. */
export function takeLiveSnapshot({
  index,
  overview,
  quarantinedCount,
  marks,
}: LiveSnapshotOptions): LiveSnapshot {
  const totals = index.totals();
  const { imagesPerSecond, bytesPerSecond } = overview.rate();
  const open = overview.openAssociations();
  const { problems } = overview.summary();
  const state = [totals, problems, quarantinedCount(), open.map(({ id }) => id), marks()];
  return {
    figures: {
      rate:
        imagesPerSecond >= 10
          ? Math.round(imagesPerSecond).toLocaleString('en')
          : String(Math.round(imagesPerSecond * 10) / 10),
      'rate-under': `images a second, ${bytesOf(bytesPerSecond)}`,
      associations: open.length.toLocaleString('en'),
      waiting: totals.deliveries.pending.toLocaleString('en'),
      held: totals.studies.toLocaleString('en'),
    },
    version: createHash('sha256').update(JSON.stringify(state)).digest('base64url').slice(0, 16),
  };
}
