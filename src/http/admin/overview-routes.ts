import { Hono } from 'hono';

import type { StudyEvents } from '../../core/ports/study-events.ts';
import type { HttpEnv } from '../env.ts';
import { HttpProblem } from '../errors.ts';
import { presentStudy, readLimit } from '../study-list.ts';
import type { AdminIndex } from './admin-index.ts';
import { knownStudy } from './known-study.ts';
import { presentIntegrity } from './integrity.ts';
import type { AdminOverview, RefusedStanding, SenderStanding } from './overview.ts';

export interface OverviewRoutesOptions {
  readonly overview: AdminOverview;
  readonly index: Pick<AdminIndex, 'findStudy' | 'findRemovals'>;
  readonly events: Pick<StudyEvents, 'ofStudy'>;
}

/** Events of a study in one answer. */
export const MAX_EVENTS = 200;

/** What the status page tells, as JSON. */
export function createOverviewRoutes({ overview, index, events }: OverviewRoutesOptions): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  app.get('/api/disk', (c) => c.json(presentDisk(overview)));
  app.get('/api/integrity', (c) => c.json(presentIntegrity(overview.integrity())));
  app.get('/api/senders', (c) => c.json({ senders: overview.senders().map(presentSender) }));
  app.get('/api/refused', (c) => c.json({ refused: overview.refused().map(presentRefused) }));
  app.post('/api/refused/:id/forget', async (c) => {
    const id = Number(c.req.param('id'));
    if (!Number.isSafeInteger(id) || !(await overview.forgetRefused(id)))
      throw new HttpProblem(404, { code: 'not-found', detail: 'There is no such refused sender.' });
    return c.json({ forgotten: true });
  });
  app.get('/api/audit', async (c) =>
    c.json({ entries: await overview.audit(readLimit(new URL(c.req.url).searchParams)) }),
  );
  app.get('/api/studies/:customer/:study', (c) => {
    const study = knownStudy(index, c.req.param());
    return c.json({ ...presentStudy(study), modalities: study.modalities, origin: study.origin });
  });
  app.get('/api/studies/:customer/:study/timeline', (c) => {
    const { key } = knownStudy(index, c.req.param());
    return c.json({
      events: events.ofStudy(key, MAX_EVENTS).map(({ firstAt, lastAt, ...event }) => ({
        ...event,
        firstAt: iso(firstAt),
        lastAt: iso(lastAt),
      })),
    });
  });
  return app;
}

/** The answer of `GET /api/disk`. */
export function presentDisk(overview: Pick<AdminOverview, 'disk'>) {
  const { forecast, ...disk } = overview.disk();
  return {
    ...disk,
    forecast: forecast.kind === 'filling' ? { ...forecast, fullAt: iso(forecast.fullAt) } : forecast,
  };
}

/** A sender as `GET /api/senders` shows it. */
export function presentSender({ firstAt, lastAt, verdict, ...sender }: SenderStanding) {
  return {
    ...sender,
    firstAt: iso(firstAt),
    lastAt: iso(lastAt),
    habit:
      verdict.kind === 'usual' && verdict.silentFrom !== undefined
        ? { ...verdict, silentFrom: iso(verdict.silentFrom) }
        : verdict,
  };
}

/** A refused sender as `GET /api/refused` shows it. */
export function presentRefused({ firstAt, lastAt, admittedTo, ...sender }: RefusedStanding) {
  return { ...sender, firstAt: iso(firstAt), lastAt: iso(lastAt), admittedTo: admittedTo ?? null };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
