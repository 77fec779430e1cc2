import { Hono } from 'hono';
import type { EmulatorEnv } from './env.ts';
import { ApiError } from './errors.ts';
import { createId, timestamp } from './ids.ts';
import type { ApiKey, EmulatedUser, ExpressCustomer } from './model.ts';
import { pageOf } from './paging.ts';
import { readBody, readQuery, readSegment } from './read-request.ts';
import {
  customerCreateSchema,
  customerIdSchema,
  customerUpdateSchema,
  customerUserSchema,
  pageQuerySchema,
} from './schemas.ts';
import type { EmulatorState } from './state.ts';

export interface CustomerRoutesOptions {
  readonly state: EmulatorState;
  readonly users: readonly EmulatedUser[];
  /** Whether the account has Express; without it every call is refused. */
  readonly expressEnabled: boolean;
  readonly now: () => number;
}

function toCustomerReply(customer: ExpressCustomer): Record<string, unknown> {
  const { userIds, createdByApiKeyId, ...fields } = customer;
  return {
    ...fields,
    userCount: userIds.length,
    ...(createdByApiKeyId === null ? {} : { createdByApiKeyId }),
  };
}

/** The Express customer endpoints, to be mounted at `/v1/express`. */
export function createCustomerRoutes(options: CustomerRoutesOptions): Hono<EmulatorEnv> {
  const { state, users, expressEnabled, now } = options;
  const app = new Hono<EmulatorEnv>();

  function requireAccess(apiKey: ApiKey, level: 'read' | 'write'): void {
    if (!expressEnabled) throw new ApiError(403, 'Express is not enabled for this account');
    const allowed = apiKey.expressAccess === 'write' || apiKey.expressAccess === level;
    if (!allowed) throw new ApiError(403, `This API key has no Express customer ${level} access`);
  }

  function getCustomer(segment: string): ExpressCustomer {
    const customer = state.findCustomer(readSegment(customerIdSchema, 'expressCustomerId', segment));
    if (customer === undefined) throw new ApiError(404, 'Express customer not found');
    return customer;
  }

  function save(customer: ExpressCustomer): ExpressCustomer {
    const saved = { ...customer, updatedAt: timestamp(now()) };
    state.putCustomer(saved);
    return saved;
  }

  app.use(async function checkExpressAccess(c, next) {
    requireAccess(c.get('apiKey'), c.req.method === 'GET' ? 'read' : 'write');
    await next();
  });

  app.post('/', async (c) => {
    const body = await readBody(c, customerCreateSchema);
    const at = timestamp(now());
    const customer: ExpressCustomer = {
      expressCustomerId: createId('cus'),
      expressCustomerName: body.expressCustomerName,
      isActive: true,
      userIds: [],
      createdAt: at,
      updatedAt: at,
      createdByApiKeyId: c.get('apiKey').apiKeyId,
      metadata: body.metadata ?? {},
    };
    state.putCustomer(customer);
    return c.json(toCustomerReply(customer));
  });

  app.get('/', (c) => {
    const { items, cursor, hasMore } = pageOf(state.customers().toReversed(), readQuery(c, pageQuerySchema));
    return c.json({ expressCustomers: items.map(toCustomerReply), cursor, hasMore });
  });

  app.get('/:expressCustomerId', (c) =>
    c.json(toCustomerReply(getCustomer(c.req.param('expressCustomerId')))),
  );

  app.patch('/:expressCustomerId', async (c) => {
    const customer = getCustomer(c.req.param('expressCustomerId'));
    const body = await readBody(c, customerUpdateSchema);
    const updated = save({
      ...customer,
      expressCustomerName: body.expressCustomerName ?? customer.expressCustomerName,
      metadata: body.metadata === undefined ? customer.metadata : (body.metadata ?? {}),
    });
    return c.json(toCustomerReply(updated));
  });

  for (const [action, isActive] of [
    ['deactivate', false],
    ['reactivate', true],
  ] as const) {
    app.post(`/:expressCustomerId/${action}`, (c) =>
      c.json(toCustomerReply(save({ ...getCustomer(c.req.param('expressCustomerId')), isActive }))),
    );
  }

  app.post('/:expressCustomerId/users', async (c) => {
    const customer = getCustomer(c.req.param('expressCustomerId'));
    const { userId } = await readBody(c, customerUserSchema);
    if (!users.some((user) => user.userId === userId)) throw new ApiError(404, 'User not found');
    if (!customer.isActive) throw new ApiError(400, 'This Express customer is deactivated');
    if (customer.userIds.includes(userId)) {
      return c.json({ success: false, message: 'User is a member already' });
    }
    save({ ...customer, userIds: [...customer.userIds, userId] });
    return c.json({ success: true });
  });

  app.delete('/:expressCustomerId/users', async (c) => {
    const customer = getCustomer(c.req.param('expressCustomerId'));
    const { userId } = await readBody(c, customerUserSchema);
    if (!customer.userIds.includes(userId))
      return c.json({ success: false, message: 'User is not a member' });
    save({ ...customer, userIds: customer.userIds.filter((id) => id !== userId) });
    return c.json({ success: true });
  });

  return app;
}
