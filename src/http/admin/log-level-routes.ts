import { Hono } from 'hono';

import { LOG_LEVELS, type LogLevelControl, type LogLevelState } from '../../observability/log-level.ts';
import { MAX_LOG_LEVEL_OVERRIDE_MS } from '../../observability/log-level.ts';
import type { HttpEnv } from '../env.ts';
import { badParameter, readOne } from '../study-list.ts';

const DEFAULT_SECONDS = 600;
const MAX_SECONDS = MAX_LOG_LEVEL_OVERRIDE_MS / 1000;

/** `/api/log-level`: what is logged, for a time, without a restart. */
export function createLogLevelRoutes(control: LogLevelControl): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  app.get('/api/log-level', (c) => c.json(present(control.current())));
  app.post('/api/log-level', (c) => {
    const query = new URL(c.req.url).searchParams;
    const wanted = readOne(query, 'level');
    if (wanted === 'configured') return c.json(present(control.reset()));
    const level = LOG_LEVELS.find((one) => one === wanted);
    if (level === undefined)
      throw badParameter('level', `must be one of ${LOG_LEVELS.join(', ')}, or "configured"`);
    const seconds = Number(readOne(query, 'seconds') ?? DEFAULT_SECONDS);
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_SECONDS)
      throw badParameter('seconds', `must be a whole number from 1 to ${MAX_SECONDS}`);
    return c.json(present(control.override(level, seconds * 1000)));
  });
  return app;
}

function present({ level, configured, until }: LogLevelState): object {
  return { level, configured, until: until === undefined ? null : new Date(until).toISOString() };
}
