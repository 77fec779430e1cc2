import { Hono } from 'hono';

import type { Clock } from '../../core/ports/clock.ts';
import type { AdminOperations } from '../admin-operations.ts';
import { PAGE_HEADERS, renderStatusPage } from '../admin-page.ts';
import type { HttpEnv } from '../env.ts';
import type { AdminIndex } from './admin-index.ts';

export interface PageRoutesOptions {
  readonly index: AdminIndex;
  readonly operations: Pick<AdminOperations, 'readiness'>;
  readonly clock: Clock;
  readonly hasLogin: boolean;
}

const ATTENTION_SHOWN = 50;
const RECENT_SHOWN = 25;

/** The status page. */
export function createPageRoutes({ index, operations, clock, hasLogin }: PageRoutesOptions): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  app.get('/', (c) => {
    const page = renderStatusPage({
      now: clock.now(),
      readiness: operations.readiness(),
      totals: index.totals(),
      attention: index.listStudies({ limit: ATTENTION_SHOWN, delivery: 'attention' }).studies,
      recent: index.listStudies({ limit: RECENT_SHOWN }).studies,
      hasLogin,
    });
    return c.html(page, 200, PAGE_HEADERS);
  });
  return app;
}
