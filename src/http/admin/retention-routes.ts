import { Hono } from 'hono';

import type { Removals } from '../../core/ports/removals.ts';
import type { RemovalRecord } from '../../core/ports/removals.ts';
import { PROTECTIONS } from '../../core/retention/protections.ts';
import type { JudgedStudy, RetentionLoop } from '../../core/retention/retention-loop.ts';
import { parseCustomerKey } from '../../core/study/instance.ts';
import type { HttpEnv } from '../env.ts';
import { badCursor, badParameter, readLimit, readOne } from '../study-list.ts';

export interface RetentionRoutesOptions {
  readonly retention: Pick<RetentionLoop, 'preview' | 'run' | 'status'>;
  readonly removals: Pick<Removals, 'list'>;
}

/** What retention did and would do, for the admin listener. */
export function createRetentionRoutes({ retention, removals }: RetentionRoutesOptions): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  app.get('/api/retention', (c) => c.json(retention.status()));
  app.get('/api/retention/preview', async (c) => {
    const limit = readLimit(new URL(c.req.url).searchParams);
    return c.json(await summarize(retention.preview(), limit));
  });
  app.post('/api/retention/run', (c) => {
    // At the pace that is set it may take hours; a failure is logged and counted where it happens.
    retention.run().catch(() => undefined);
    return c.json({ started: true }, 202);
  });
  app.get('/api/removals', (c) => {
    const parameters = new URL(c.req.url).searchParams;
    const limit = readLimit(parameters);
    const cursor = readOne(parameters, 'cursor');
    if (cursor !== undefined && !/^[1-9]\d{0,14}$/.test(cursor)) throw badCursor();
    const text = readOne(parameters, 'customer');
    const customer = parseCustomerKey(text ?? '');
    if (text !== undefined && customer === undefined)
      throw badParameter('customer', 'must be the key of a customer, such as city-medical');
    const found = removals.list(limit + 1, cursor === undefined ? undefined : Number(cursor), customer);
    const page = found.slice(0, limit);
    const last = found.length > limit ? page.at(-1) : undefined;
    return c.json({
      removals: page.map(presentRemoval),
      cursor: last === undefined ? null : String(last.id),
    });
  });
  return app;
}

/** A removal as the API shows it. */
export function presentRemoval(removal: RemovalRecord) {
  const { key, why, movedTo, instances, bytes, files } = removal;
  return {
    ...key,
    why,
    ...(movedTo !== undefined && { movedTo }),
    instances,
    bytes,
    firstReceivedAt: new Date(removal.firstReceivedAt).toISOString(),
    lastReceivedAt: new Date(removal.lastReceivedAt).toISOString(),
    removedAt: new Date(removal.removedAt).toISOString(),
    filesDeleted: files === 'removed',
    avara: removal.deliveries,
  };
}

/** Counts everything and lists the oldest. */
async function summarize(judged: AsyncIterable<JudgedStudy>, limit: number) {
  const counts = {
    remove: { studies: 0, instances: 0, bytes: 0 },
    protected: { studies: 0, instances: 0, bytes: 0 },
    notDue: { studies: 0, instances: 0, bytes: 0 },
  };
  const protectedBy: Record<string, number> = {};
  const studies = [];
  for await (const { facts, verdict } of judged) {
    const count = counts[verdict.kind === 'not-due' ? 'notDue' : verdict.kind];
    count.studies += 1;
    count.instances += facts.instances;
    count.bytes += facts.bytes;
    if (verdict.kind === 'protected')
      for (const name of verdict.by) protectedBy[name] = (protectedBy[name] ?? 0) + 1;
    if (studies.length >= limit) continue;
    studies.push({
      ...facts.key,
      instances: facts.instances,
      bytes: facts.bytes,
      lastReceivedAt: new Date(facts.lastReceivedAt).toISOString(),
      verdict: verdict.kind,
      ...(verdict.kind !== 'not-due' && { why: verdict.why }),
      ...(verdict.kind === 'protected' && {
        protectedBy: verdict.by.map((name) => ({ name, reason: PROTECTIONS[name] })),
      }),
    });
  }
  return { counts, protectedBy, studies };
}
