import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../../test/support/recording-logger.ts';
import { customerKey } from '../../core/study/instance.ts';
import type { CustomerKey } from '../../core/study/instance.ts';
import type { ApiRequest, ApiResult } from '../client.ts';
import type { AvaraCustomer } from '../customers.ts';
import { createCustomerWatch } from './customer-watch.ts';

const idOf = (name: string) => `cus_${name}`;
const customerOf = (name: string): readonly [CustomerKey, AvaraCustomer] => [
  customerKey(name),
  {
    expressCustomerId: idOf(name),
    products: ['viewer'],
    severity: 'normal',
    avara: { baseUrl: 'https://avara.example', apiKey: 'k' },
  },
];

/** An account whose list has one customer a page. */
function setUp(account: Record<string, boolean>, failure?: ApiResult) {
  const parts = { account, failure };
  const requests: string[] = [];
  const request = (call: ApiRequest): Promise<ApiResult> => {
    requests.push(call.path);
    if (parts.failure !== undefined) return Promise.resolve(parts.failure);
    const names = Object.keys(parts.account);
    const at = Number(new URLSearchParams(call.path.split('?')[1]).get('cursor') ?? '0');
    const name = names[at] ?? '';
    const item = {
      expressCustomerId: idOf(name),
      expressCustomerName: name,
      isActive: parts.account[name],
      userCount: 2,
    };
    const body = { expressCustomers: [item], cursor: String(at + 1), hasMore: at + 1 < names.length };
    return Promise.resolve({ ok: true, status: 200, body });
  };
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const watch = createCustomerWatch({
    customers: new Map(['city', 'port', 'hill'].map(customerOf)),
    clientOf: () => ({ request, close: () => undefined }),
    intervalMs: 60_000,
    clock,
    logger,
  });
  const states = () => watch.standings().map(({ state }) => state);
  return { watch, clock, logger, requests, states, parts };
}

describe('the customer watch', () => {
  it('reads every page and says once which customers Avara would refuse', async () => {
    const { watch, clock, logger, requests, states } = setUp({ other: true, city: true, port: false });
    expect(states()).toEqual(['unchecked', 'unchecked', 'unchecked']);
    watch.start();
    await clock.advanceAsync(0);
    expect(states()).toEqual(['active', 'inactive', 'unknown']);
    expect(requests).toHaveLength(3);
    expect(logger.messages('error')).toHaveLength(2);
    await clock.advanceAsync(60_000);
    expect(requests).toHaveLength(6);
    expect(logger.messages('error')).toHaveLength(2);
    watch.stop();
    await clock.advanceAsync(600_000);
    expect(requests).toHaveLength(6);
  });

  it('announces a change for the better, and keeps what was said while nobody answers', async () => {
    const { watch, clock, logger, states, parts } = setUp({ city: false, port: true, hill: true });
    watch.start();
    await clock.advanceAsync(0);
    parts.account = { city: true, port: true, hill: true };
    await watch.checkNow();
    expect(states()).toEqual(['active', 'active', 'active']);
    expect(logger.messages('info')).toHaveLength(1);
    parts.failure = { ok: false, kind: 'transient', message: 'down', isRateLimit: false };
    await watch.checkNow();
    expect(states()).toEqual(['active', 'active', 'active']);
  });

  it('says why it cannot tell where the key may not list customers', async () => {
    const { watch, logger, states } = setUp(
      {},
      { ok: false, status: 403, kind: 'unauthorized', message: '403' },
    );
    await watch.checkNow();
    expect(states()).toEqual(['unchecked', 'unchecked', 'unchecked']);
    expect(logger.messages('warn')).toHaveLength(3);
  });
});
