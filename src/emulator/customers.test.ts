import { describe, expect, it } from 'vitest';
import { ACCOUNT, accountOptions, VIEWER_CREATE } from '../../test/support/emulated-account.ts';
import { createAvaraEmulator } from './avara-emulator.ts';

type Json = Record<string, unknown>;

function createApi() {
  const { app } = createAvaraEmulator(accountOptions());
  return async function call(method: string, path: string, body?: unknown, key: string = ACCOUNT.allKey) {
    const response = await app.request(path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Json };
  };
}

describe('Express customers', () => {
  it('are created, read, renamed and listed', async () => {
    const call = createApi();
    const created = await call('POST', '/v1/express', {
      expressCustomerName: 'New Clinic',
      metadata: { region: 'north' },
    });
    expect(created.body).toMatchObject({ isActive: true, userCount: 0, metadata: { region: 'north' } });
    expect(created.body.expressCustomerId).toMatch(/^cus_[0-9a-f]{32}$/);
    const path = `/v1/express/${String(created.body.expressCustomerId)}`;
    await call('PATCH', path, { expressCustomerName: 'Old Clinic', metadata: null });
    expect((await call('GET', path)).body).toMatchObject({ expressCustomerName: 'Old Clinic', metadata: {} });
    const { body } = await call('GET', '/v1/express?limit=1');
    expect(body).toMatchObject({ expressCustomers: [{ expressCustomerName: 'Old Clinic' }], hasMore: true });
  });

  it('take no new studies or members while deactivated', async () => {
    const call = createApi();
    const path = `/v1/express/${ACCOUNT.city}`;
    const member = { userId: ACCOUNT.reader };
    expect((await call('POST', `${path}/deactivate`)).body).toMatchObject({ isActive: false });
    expect((await call('POST', '/v1/viewer/studies', VIEWER_CREATE)).status).toBe(400);
    expect((await call('POST', `${path}/users`, member)).status).toBe(400);
    await call('POST', `${path}/reactivate`);
    expect((await call('POST', '/v1/viewer/studies', VIEWER_CREATE)).status).toBe(201);
    expect((await call('POST', `${path}/users`, member)).body).toEqual({ success: true });
    expect((await call('GET', path)).body).toMatchObject({ userCount: 1 });
    expect((await call('DELETE', `${path}/users`, member)).body).toEqual({ success: true });
    expect((await call('GET', path)).body).toMatchObject({ userCount: 0 });
  });

  it('are open to keys by their Express access', async () => {
    const call = createApi();
    const name = { expressCustomerName: 'x' };
    expect((await call('GET', '/v1/express', undefined, ACCOUNT.noExpressKey)).status).toBe(403);
    expect((await call('GET', '/v1/express', undefined, ACCOUNT.selfKey)).status).toBe(200);
    expect((await call('POST', '/v1/express', name, ACCOUNT.selfKey)).status).toBe(403);
  });

  it('answer 404 for an unknown id and 400 for one out of form', async () => {
    const call = createApi();
    expect((await call('GET', `/v1/express/cus_${'9'.repeat(32)}`)).status).toBe(404);
    expect((await call('GET', '/v1/express/city')).status).toBe(400);
    expect((await call('POST', '/v1/express', {})).status).toBe(400);
  });
});
