import { Hono } from 'hono';
import ipaddr from 'ipaddr.js';

import { parseCustomerKey } from '../../core/study/instance.ts';
import { parseAeTitle } from '../../dicom/ae-title.ts';
import type { AeTitle } from '../../dicom/ae-title.ts';
import type { AdminOperations, RouteQuestion } from '../admin-operations.ts';
import { listAssociations } from '../association-list.ts';
import type { HttpEnv } from '../env.ts';
import { badParameter, readOne } from '../study-list.ts';
import type { AdminAssociations } from './admin-index.ts';

export interface OperationRoutesOptions {
  readonly associations: AdminAssociations;
  readonly operations: AdminOperations;
}

/** What the API tells of, and has done with, the daemon as a whole. */
export function createOperationRoutes({ associations, operations }: OperationRoutesOptions): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  app.get('/api/status', async (c) => c.json(await operations.status()));
  app.get('/api/associations', (c) =>
    c.json(listAssociations(associations, new URL(c.req.url).searchParams)),
  );
  app.get('/api/route', (c) =>
    c.json(operations.explainRoute(routeQuestion(new URL(c.req.url).searchParams))),
  );
  app.post('/api/reports/retry', async (c) => c.json({ retried: await operations.retryReports() }));
  app.post('/api/retry', async (c) => {
    const text = readOne(new URL(c.req.url).searchParams, 'customer');
    const customer = parseCustomerKey(text ?? '');
    if (text !== undefined && customer === undefined)
      throw badParameter('customer', 'must be the key of a customer, such as city-medical');
    return c.json({ retried: await operations.retryAll(customer) });
  });
  app.post('/api/keys/rotate', async (c) => c.json({ keyId: await operations.rotateKeys() }));
  return app;
}

function routeQuestion(parameters: URLSearchParams): RouteQuestion {
  const aeTitle = (name: string): AeTitle | undefined => {
    const text = readOne(parameters, name);
    const title = parseAeTitle(text ?? '');
    if (text !== undefined && title === undefined) throw badParameter(name, 'must be an AE title');
    return title;
  };
  const calledAe = aeTitle('calledAe');
  if (calledAe === undefined) throw badParameter('calledAe', 'must be given');
  const callingAe = aeTitle('callingAe');
  const from = readOne(parameters, 'from');
  if (from !== undefined && !ipaddr.isValid(from)) throw badParameter('from', 'must be an IP address');
  return { calledAe, ...(callingAe !== undefined && { callingAe }), ...(from !== undefined && { from }) };
}
