import { Hono } from 'hono';
import type { Context } from 'hono';

import type { AdminOperations } from '../admin-operations.ts';
import type { HttpEnv } from '../env.ts';
import { problemOf } from '../open-route.ts';
import { parseStudyQuery, presentStudy, readOne, readProduct } from '../study-list.ts';
import type { AdminIndex } from './admin-index.ts';
import { withGoodCursor } from './with-good-cursor.ts';
import { knownStudy } from './known-study.ts';

export interface StudyRoutesOptions {
  readonly index: AdminIndex;
  readonly operations: AdminOperations;
}

/** `/api/studies` and what can be done with one. */
export function createStudyRoutes({ index, operations }: StudyRoutesOptions): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  const keyOf = (c: Context<HttpEnv>) => knownStudy(index, c.req.param()).key;

  app.get('/api/studies', (c) => {
    const query = parseStudyQuery(new URL(c.req.url).searchParams);
    const { studies, cursor } = withGoodCursor(() => index.listStudies(query));
    return c.json({ studies: studies.map(presentStudy), cursor: cursor ?? null });
  });
  app.post('/api/studies/:customer/:study/complete', async (c) => {
    const key = keyOf(c);
    await operations.completeStudy(key);
    const study = index.findStudy(key);
    return c.json(study === undefined ? null : presentStudy(study));
  });
  app.post('/api/studies/:customer/:study/retry', async (c) => {
    return c.json({ retried: await operations.retryStudy(keyOf(c)) });
  });
  for (const [action, isCancelled] of [
    ['cancel', true],
    ['uncancel', false],
  ] as const) {
    app.post(`/api/studies/:customer/:study/${action}`, async (c) => {
      const product = readProduct(new URL(c.req.url).searchParams);
      return c.json({ changed: await operations.cancelStudy(keyOf(c), product, isCancelled) });
    });
  }
  app.post('/api/studies/:customer/:study/open', async (c) => {
    const parameters = new URL(c.req.url).searchParams;
    const userId = readOne(parameters, 'user');
    const outcome = await operations.openStudy({
      study: keyOf(c),
      product: readProduct(parameters),
      userId,
    });
    if (outcome.kind !== 'url') throw problemOf(outcome);
    return c.json({ url: outcome.url, product: outcome.product });
  });
  app.post('/api/studies/:customer/:study/correct', async (c) =>
    c.json({ corrected: await operations.correctStudy(keyOf(c)) }),
  );
  return app;
}
