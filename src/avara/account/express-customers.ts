import type { ApiFailure, AvaraClient } from '../client.ts';

/** An Express customer as Avara has it. */
export interface ExpressCustomer {
  readonly expressCustomerId: string;
  readonly name: string;
  readonly isActive: boolean;
  readonly userCount: number | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

export type CustomerResult<T> = { readonly ok: true; readonly value: T } | ApiFailure;

/** The calls below `/v1/express`. Nothing is repeated. */
export interface ExpressCustomers {
  /** Every customer of the account, page by page. */
  list(): Promise<CustomerResult<readonly ExpressCustomer[]>>;
  create(name: string, metadata?: Readonly<Record<string, string>>): Promise<CustomerResult<ExpressCustomer>>;
  update(
    id: string,
    changes: {
      readonly name?: string | undefined;
      readonly metadata?: Readonly<Record<string, string>> | undefined;
    },
  ): Promise<CustomerResult<ExpressCustomer>>;
  setActive(id: string, isActive: boolean): Promise<CustomerResult<ExpressCustomer>>;
  /** @returns Avara's message where it did not do it. */
  addUser(id: string, userId: string): Promise<CustomerResult<string | undefined>>;
  removeUser(id: string, userId: string): Promise<CustomerResult<string | undefined>>;
}

const PAGE_SIZE = 100;
/** More pages than any account has customers for: a server that never ends must not keep us for ever. */
const MAX_PAGES = 1000;

export function createExpressCustomers(client: Pick<AvaraClient, 'request'>): ExpressCustomers {
  async function one(call: Parameters<AvaraClient['request']>[0]): Promise<CustomerResult<ExpressCustomer>> {
    const answer = await client.request(call);
    if (!answer.ok) return answer;
    const customer = readCustomer(answer.body);
    return customer === undefined ? unreadable(answer.status) : { ok: true, value: customer };
  }

  async function user(
    method: 'POST' | 'DELETE',
    id: string,
    userId: string,
  ): Promise<CustomerResult<string | undefined>> {
    const answer = await client.request({ method, path: `${pathOf(id)}/users`, body: { userId } });
    if (!answer.ok) return answer;
    const { success, message } = asRecord(answer.body);
    if (success === true) return { ok: true, value: undefined };
    return { ok: true, value: typeof message === 'string' ? message : 'without a reason' };
  }

  return {
    async list() {
      const found = new Map<string, ExpressCustomer>();
      let cursor: string | undefined;
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
        if (cursor !== undefined) query.set('cursor', cursor);
        const answer = await client.request({ method: 'GET', path: `/v1/express?${query.toString()}` });
        if (!answer.ok) return answer;
        const { expressCustomers, cursor: next, hasMore } = asRecord(answer.body);
        if (!Array.isArray(expressCustomers)) return unreadable(answer.status);
        // Pages shift while customers are added, so one may come twice.
        for (const item of expressCustomers) {
          const customer = readCustomer(item);
          if (customer !== undefined) found.set(customer.expressCustomerId, customer);
        }
        if (hasMore !== true || typeof next !== 'string' || next === '' || expressCustomers.length === 0)
          return { ok: true, value: [...found.values()] };
        cursor = next;
      }
      return { ok: false, kind: 'permanent', message: 'Avara’s list of Express customers does not end' };
    },
    create: (name, metadata) =>
      one({
        method: 'POST',
        path: '/v1/express',
        body: { expressCustomerName: name, ...(metadata !== undefined && { metadata }) },
      }),
    update: (id, { name, metadata }) =>
      one({
        method: 'PATCH',
        path: pathOf(id),
        body: {
          ...(name !== undefined && { expressCustomerName: name }),
          ...(metadata !== undefined && { metadata }),
        },
      }),
    setActive: (id, isActive) =>
      one({ method: 'POST', path: `${pathOf(id)}/${isActive ? 'reactivate' : 'deactivate'}` }),
    addUser: (id, userId) => user('POST', id, userId),
    removeUser: (id, userId) => user('DELETE', id, userId),
  };
}

function pathOf(id: string): string {
  return `/v1/express/${encodeURIComponent(id)}`;
}

function readCustomer(value: unknown): ExpressCustomer | undefined {
  const { expressCustomerId, expressCustomerName, isActive, userCount, metadata } = asRecord(value);
  if (typeof expressCustomerId !== 'string' || expressCustomerId === '') return undefined;
  return {
    expressCustomerId,
    name: typeof expressCustomerName === 'string' ? expressCustomerName : '',
    isActive: isActive !== false,
    userCount: typeof userCount === 'number' ? userCount : undefined,
    metadata: Object.fromEntries(
      Object.entries(asRecord(metadata)).flatMap(([key, text]) =>
        typeof text === 'string' ? [[key, text]] : [],
      ),
    ),
  };
}

function unreadable(status: number): ApiFailure {
  const message = `Avara answered ${status}, but not as expected`;
  return { ok: false, kind: 'transient', message, isRateLimit: false };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
