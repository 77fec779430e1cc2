import { Hono } from 'hono';

import type { MoveOutcome, StudyMover } from '../../core/move/move-study.ts';
import { parseCustomerKey } from '../../core/study/instance.ts';
import type { AdminEnv } from './admin-env.ts';
import { HttpProblem } from '../errors.ts';
import { badParameter, readOne } from '../study-list.ts';
import type { AdminIndex } from './admin-index.ts';
import { knownStudy } from './known-study.ts';

export interface MoveRoutesOptions {
  readonly index: AdminIndex;
  readonly mover: StudyMover;
}

/** `POST /api/studies/{customer}/{study}/move?to=…`: gives a study to another customer. */
export function createMoveRoutes({ index, mover }: MoveRoutesOptions): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.post('/api/studies/:customer/:study/move', async (c) => {
    const { key } = knownStudy(index, c.req.param());
    const to = parseCustomerKey(readOne(new URL(c.req.url).searchParams, 'to') ?? '');
    if (to === undefined) throw badParameter('to', 'must be the key of a customer, such as city-medical');
    const outcome = await mover.move(key, to, {
      actor: c.get('actor') ?? 'admin',
      peerAddress: c.env.peerAddress,
    });
    if (outcome.kind === 'refused') throw moveProblem(outcome);
    const { instances, merged } = outcome;
    return c.json({ customer: to, studyInstanceUid: key.studyInstanceUid, instances, merged });
  });
  return app;
}

/** Why a study was not moved, as HTTP tells it. */
export function moveProblem({ code, reason }: Extract<MoveOutcome, { kind: 'refused' }>): HttpProblem {
  const status = code === 'study-not-found' ? 404 : code === 'customer-not-configured' ? 400 : 409;
  return new HttpProblem(status, { code, detail: reason });
}
