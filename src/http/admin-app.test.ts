import { afterEach, describe, expect, it, vi } from 'vitest';
import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createFakeOverview } from '../../test/support/fake-overview.ts';
import { createRecordingLogger } from '../../test/support/recording-logger.ts';
import type { AuditEntry } from '../core/ports/audit-trail.ts';
import type { AssociationQuery, AssociationRecord } from '../core/ports/association-history.ts';
import { CursorError } from '../core/ports/study-index.ts';
import { customerKey } from '../core/study/instance.ts';
import type { StudyQuery, StudyRecord } from '../core/study/study.ts';
import { uid } from '../dicom/uid.ts';
import { createMetrics } from '../observability/metrics.ts';
import { createAdminApp } from './admin-app.ts';
import type { AdminOperations } from './admin-operations.ts';
import type { HttpBindings } from './env.ts';

const TOKEN = 'a-long-admin-token';
const study: StudyRecord = {
  key: { customer: customerKey('city-medical'), studyInstanceUid: uid('1.2.3') },
  state: 'receiving',
  instances: 2,
  bytes: 1_052_000,
  firstReceivedAt: Date.UTC(2026, 0, 1, 9),
  lastReceivedAt: Date.UTC(2026, 0, 1, 10),
  attributes: { PatientName: 'Doe^Jane', PatientID: 'P-1', StudyDescription: 'CT HEAD' },
  modalities: ['CT'],
  origin: { source: 'dimse' },
  deliveries: [
    { product: 'viewer', state: 'attention', attempts: 3, lastError: '<b>unknown customer</b>' },
    { product: 'autoScribe', state: 'created', attempts: 1, studyId: 'stu_1' },
  ],
};

const association: AssociationRecord = {
  id: 'a1',
  peerAddress: '10.0.0.7',
  callingAeTitle: 'CT1',
  contexts: [{ abstractSyntaxUid: '1.2', transferSyntaxUid: '1.3' }],
  objects: 3,
  refusedObjects: 1,
  bytes: 4096,
  startedAt: Date.UTC(2026, 0, 1, 9),
  endedAt: Date.UTC(2026, 0, 1, 10),
  outcome: 'timed-out',
  lastError: 'peer was silent for 60000 ms',
  attempts: 1,
};

const open: { close(): void }[] = [];
afterEach(() => open.splice(0).forEach((metrics) => metrics.close()));

const fixture = (token?: string) => {
  const clock = createFakeClock();
  const metrics = createMetrics({ includeProcess: false });
  open.push(metrics);
  const queries: StudyQuery[] = [];
  const asked: AssociationQuery[] = [];
  const operations = {
    readiness: vi.fn<AdminOperations['readiness']>(() => ({ index: { ok: true } })),
    status: vi.fn(() => ({ version: '1.0.0' })),
    completeStudy: vi.fn(() => Promise.resolve()),
    retryStudy: vi.fn(() => Promise.resolve(2)),
    cancelStudy: vi.fn(() => Promise.resolve(2)),
    openStudy: vi.fn(() =>
      Promise.resolve({ kind: 'url', url: 'https://avara.example/o', product: 'viewer' } as const),
    ),
    retryReports: vi.fn(() => Promise.resolve(3)),
    correctStudy: vi.fn(() => Promise.resolve(['PatientName'])),
    retryAll: vi.fn(() => Promise.resolve(7)),
    explainRoute: vi.fn((question: object) => ({ question, customer: 'city-medical' })),
    rotateKeys: vi.fn(() => Promise.resolve('k2')),
  };
  const audited: AuditEntry[] = [];
  const app = createAdminApp({
    overview: createFakeOverview(),
    events: { ofStudy: () => [] },
    reports: {
      ofStudy: () => [],
      problems: () => [],
      totals: () => ({
        reports: { pending: 0, stored: 0, attention: 0 },
        outputs: { pending: 0, done: 0, attention: 0 },
      }),
    },
    audit: { record: (entry) => void audited.push(entry) },
    index: {
      listStudies(query) {
        if (query.cursor === 'junk') throw new CursorError('bad cursor');
        queries.push(query);
        return { studies: [study], ...(query.limit === 1 && { cursor: 'next' }) };
      },
      listSeries: () => [],
      describeStudy: () => [],
      conflicts: () => [],
      findStudy: (key) =>
        key.customer === 'city-medical' && key.studyInstanceUid === '1.2.3' ? study : undefined,
      findRemovals: () => [],
      totals: () => ({
        studies: 1,
        receivingStudies: 1,
        instances: 2,
        bytes: 1_052_000,
        conflicts: 0,
        deliveries: { pending: 0, created: 1, attention: 1 },
        acknowledgedInstances: 0,
        removedInstances: 0,
        announcedInstances: 0,
      }),
    },
    associations: {
      list: (query) => {
        if (query.cursor === 'junk') throw new CursorError('bad cursor');
        asked.push(query);
        return { associations: [association], ...(query.limit === 1 && { cursor: 'next' }) };
      },
    },
    operations,
    registry: metrics.registry,
    clock,
    logger: createRecordingLogger(),
    token,
  });
  const request = async (
    path: string,
    init: RequestInit = {},
    bindings: HttpBindings = {},
  ): Promise<Response> => app.request(path, init, bindings);
  const post = (path: string, headers: Record<string, string> = {}, body?: string): Promise<Response> =>
    request(path, { method: 'POST', headers, ...(body !== undefined && { body }) });
  return { request, post, operations, queries, asked, clock, audited };
};
const bearer = { Authorization: `Bearer ${TOKEN}` };

describe('health', () => {
  it('is told without a token, and readiness names its parts', async () => {
    const { request, operations } = fixture(TOKEN);
    expect((await request('/healthz')).status).toBe(200);
    const ready = await request('/readyz');
    expect([ready.status, await ready.json()]).toEqual([200, { ok: true, parts: { index: { ok: true } } }]);
    operations.readiness.mockReturnValue({
      index: { ok: true },
      disk: { ok: false, detail: 'below the reserve' },
    });
    const notReady = await request('/readyz');
    expect(notReady.status).toBe(503);
    expect(await notReady.json()).toMatchObject({
      ok: false,
      parts: { disk: { detail: 'below the reserve' } },
    });
  });
});

describe('study list', () => {
  it('shows studies as documented, without patient data', async () => {
    const { request } = fixture();
    const response = await request('/api/studies?limit=1');
    const text = await response.text();
    expect(JSON.parse(text)).toEqual({
      studies: [
        {
          customer: 'city-medical',
          studyInstanceUid: '1.2.3',
          state: 'receiving',
          instances: 2,
          bytes: 1_052_000,
          firstReceivedAt: '2026-01-01T09:00:00.000Z',
          lastReceivedAt: '2026-01-01T10:00:00.000Z',
          avara: [
            {
              product: 'viewer',
              state: 'attention',
              studyId: null,
              attempts: 3,
              lastError: '<b>unknown customer</b>',
            },
            { product: 'autoScribe', state: 'created', studyId: 'stu_1', attempts: 1, lastError: null },
          ],
        },
      ],
      cursor: 'next',
    });
    expect(text).not.toMatch(/Doe|P-1|CT HEAD/);
    expect(response.headers.get('Cache-Control')).toBe('no-store');
  });

  it('hands its filters to the index, 100 studies where no limit is given', async () => {
    const { request, queries } = fixture();
    const last = await request('/api/studies');
    expect(await last.json()).toMatchObject({ cursor: null });
    await request(
      '/api/studies?limit=1000&cursor=abc&customer=county&state=stable&delivery=attention&q=%20doe%20',
    );
    expect(queries).toEqual([
      { limit: 100 },
      {
        limit: 1000,
        cursor: 'abc',
        customers: ['county'],
        state: 'stable',
        delivery: 'attention',
        text: 'doe',
      },
    ]);
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['limit=', 'limit'],
    ['cursor=', 'cursor'],
    ['cursor=junk', 'cursor'],
    ['customer=City%20Medical', 'customer'],
    ['state=settled', 'state'],
    ['delivery=lost', 'delivery'],
    [`q=${'x'.repeat(129)}`, 'q'],
  ])('refuses %s with a 400 naming the parameter', async (query, name) => {
    const { request } = fixture();
    const response = await request(`/api/studies?${query}`);
    expect(response.status).toBe(400);
    expect(response.headers.get('Content-Type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining(`"${name}"`) as unknown });
  });
});

describe('actions', () => {
  it('complete and retry one study', async () => {
    const { post, operations } = fixture();
    const completed = await post('/api/studies/city-medical/1.2.3/complete');
    expect([completed.status, await completed.json()]).toMatchObject([200, { studyInstanceUid: '1.2.3' }]);
    expect(operations.completeStudy).toHaveBeenCalledWith(study.key);
    const retried = await post('/api/studies/city-medical/1.2.3/retry');
    expect(await retried.json()).toEqual({ retried: 2 });
  });

  it.each(['city-medical/1.2.4', 'county/1.2.3', 'City%20Medical/1.2.3', 'city-medical/..%2f1', '%00/1.2.3'])(
    'know no study %s',
    async (study) => {
      const { post, operations } = fixture();
      for (const action of ['complete', 'retry'])
        expect((await post(`/api/studies/${study}/${action}`)).status).toBe(404);
      expect(operations.completeStudy).not.toHaveBeenCalled();
      expect(operations.retryStudy).not.toHaveBeenCalled();
    },
  );

  it('cancel, uncancel and correct one study', async () => {
    const { post, operations } = fixture();
    const path = '/api/studies/city-medical/1.2.3';
    expect(await (await post(`${path}/cancel`)).json()).toEqual({ changed: 2 });
    await post(`${path}/uncancel?product=viewer`);
    const key = { customer: 'city-medical', studyInstanceUid: '1.2.3' };
    expect(operations.cancelStudy.mock.calls).toEqual([
      [key, undefined, true],
      [key, 'viewer', false],
    ]);
    expect((await post(`${path}/cancel?product=pacs`)).status).toBe(400);
    expect(await (await post(`${path}/correct`)).json()).toEqual({ corrected: ['PatientName'] });
    expect(await (await post(`${path}/open?product=viewer`)).json()).toEqual({
      url: 'https://avara.example/o',
      product: 'viewer',
    });
    expect(operations.openStudy).toHaveBeenCalledWith({ study: key, product: 'viewer', userId: undefined });
  });

  it('retry all, rotate keys, tell status and explain a route', async () => {
    const { post, request, operations } = fixture();
    expect(await (await post('/api/retry?customer=county')).json()).toEqual({ retried: 7 });
    expect(operations.retryAll).toHaveBeenCalledWith('county');
    expect((await post('/api/retry?customer=No%20Such')).status).toBe(400);
    expect(await (await post('/api/keys/rotate')).json()).toEqual({ keyId: 'k2' });
    expect(await (await request('/api/status')).json()).toEqual({ version: '1.0.0' });
    const route = await request('/api/route?calledAe=CITYMED&callingAe=CT1&from=10.20.0.1');
    expect(await route.json()).toMatchObject({
      question: { calledAe: 'CITYMED', callingAe: 'CT1', from: '10.20.0.1' },
    });
  });

  it.each([
    '',
    'calledAe=',
    'calledAe=A%5CB',
    'calledAe=A&from=here',
    'calledAe=A&callingAe=12345678901234567',
  ])('refuse the route question "%s"', async (query) => {
    expect((await fixture().request(`/api/route?${query}`)).status).toBe(400);
  });

  it('cannot be reached by GET', async () => {
    const { request, operations } = fixture();
    expect((await request('/api/keys/rotate')).status).toBe(404);
    expect(operations.rotateKeys).not.toHaveBeenCalled();
  });
});

describe('metrics', () => {
  it('are in Prometheus text format', async () => {
    const response = await fixture(TOKEN).request('/metrics', { headers: bearer });
    expect(response.headers.get('Content-Type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await response.text()).toContain('# HELP avara_ingest_instances_received_total');
  });
});

describe('admin token', () => {
  it.each(['/', '/metrics', '/api/studies', '/api/status', '/nothing'])('is needed for %s', async (path) => {
    const { request } = fixture(TOKEN);
    for (const headers of [{}, { Authorization: 'Bearer wrong' }, { Authorization: `Basic ${TOKEN}` }]) {
      const response = await request(path, { headers });
      expect(response.status).toBe(401);
      expect(await response.text()).not.toContain('1.2.3');
    }
  });

  it('opens API and page, under any host name', async () => {
    const { request } = fixture(TOKEN);
    const headers = { ...bearer, Host: 'ingest.example.org:8081' };
    expect((await request('/api/studies', { headers })).status).toBe(200);
    expect((await request('/', { headers })).status).toBe(200);
  });

  it('is taken by the login form, which gives a cookie that scripts and other sites cannot use', async () => {
    const { request, post, clock } = fixture(TOKEN);
    const form = { 'Content-Type': 'application/x-www-form-urlencoded', Origin: 'http://localhost' };
    const wrong = await post('/login', form, 'token=wrong');
    expect(wrong.status).toBe(401);
    expect(wrong.headers.has('Set-Cookie')).toBe(false);

    const login = await post('/login', form, `token=${TOKEN}`);
    expect([login.status, login.headers.get('Location')]).toEqual([303, '/']);
    const setCookie = login.headers.get('Set-Cookie') ?? '';
    expect(setCookie).toMatch(/HttpOnly/);
    expect(setCookie).toMatch(/SameSite=Strict/);
    expect(setCookie).not.toContain(TOKEN);
    const cookie = setCookie.split(';')[0] ?? '';
    expect((await request('/', { headers: { Cookie: cookie } })).status).toBe(200);
    expect((await request('/', { headers: { Cookie: `${cookie}x` } })).status).toBe(401);
    const later = cookie.replace(/=(\d+)/, (_, expiry: string) => `=${Number(expiry) + 1}`);
    expect((await request('/', { headers: { Cookie: later } })).status).toBe(401);
    clock.advance(8 * 3_600_000);
    expect((await request('/', { headers: { Cookie: cookie } })).status).toBe(401);
  });

  it('of a cookie changes things for the own page alone', async () => {
    const { post, operations } = fixture(TOKEN);
    const form = { Origin: 'http://localhost' };
    const login = await post('/login', form, `token=${TOKEN}`);
    const Cookie = (login.headers.get('Set-Cookie') ?? '').split(';')[0] ?? '';
    const rotate = async (headers: Record<string, string>): Promise<number> =>
      (await post('/api/keys/rotate', { Cookie, ...headers })).status;
    expect(await rotate({ Origin: 'https://evil.example' })).toBe(403);
    expect(await rotate({ Origin: 'null' })).toBe(403);
    expect(await rotate({ 'Sec-Fetch-Site': 'cross-site' })).toBe(403);
    expect(await rotate({ 'Sec-Fetch-Site': 'same-site' })).toBe(403);
    expect(await rotate({})).toBe(403);
    expect(operations.rotateKeys).not.toHaveBeenCalled();
    expect(await rotate({ 'Sec-Fetch-Site': 'same-origin', Origin: 'http://localhost' })).toBe(200);
  });
});

describe('wrong bearer tokens', () => {
  type App = ReturnType<typeof fixture>;
  const ask = (app: App, token: string, peerAddress = '10.0.0.5', headers: Record<string, string> = {}) =>
    app.request(
      '/api/studies',
      { headers: { Authorization: `Bearer ${token}`, ...headers } },
      { peerAddress },
    );
  const guess = async (app: App, peerAddress?: string): Promise<void> => {
    for (let attempt = 0; attempt < 8; attempt += 1)
      expect((await ask(app, `guess-${attempt}`, peerAddress)).status).toBe(401);
  };

  it('of one address stop it, also with the right one, until the time is over', async () => {
    const app = fixture(TOKEN);
    await guess(app);
    const refused = await ask(app, TOKEN);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('Retry-After'))).toBe(600);
    expect(await refused.json()).toMatchObject({ code: 'too-many-tokens' });
    app.clock.advance(10 * 60_000);
    expect((await ask(app, TOKEN)).status).toBe(200);
  });

  it('keep the right one out from no other address', async () => {
    const app = fixture(TOKEN);
    await guess(app);
    expect((await ask(app, TOKEN, '10.0.0.6')).status).toBe(200);
    await guess(app, '2001:db8:0:1::5');
    expect((await ask(app, TOKEN, '2001:db8:0:1:ffff::6')).status).toBe(429);
    expect((await ask(app, TOKEN, '2001:db8:0:2::5')).status).toBe(200);
  });

  it('stop nobody where it is the same again: a program with an old token is no guesser', async () => {
    const app = fixture(TOKEN);
    for (let attempt = 0; attempt < 20; attempt += 1)
      expect((await ask(app, 'of-yesterday')).status).toBe(401);
    expect((await ask(app, TOKEN)).status).toBe(200);
    expect(app.audited).toEqual([{ event: 'admin.login_refused', peerAddress: '10.0.0.5' }]);
  });

  it('leave health and those who are logged in alone', async () => {
    const app = fixture(TOKEN);
    const form = { Origin: 'http://localhost' };
    const Cookie = ((await app.post('/login', form, `token=${TOKEN}`)).headers.get('Set-Cookie') ?? '').split(
      ';',
    )[0];
    await guess(app);
    expect((await ask(app, 'guess-9', '10.0.0.5', { Cookie: Cookie ?? '' })).status).toBe(200);
    expect((await app.request('/healthz', {}, { peerAddress: '10.0.0.5' })).status).toBe(200);
  });
});

describe('without an admin token', () => {
  it.each(['localhost', 'localhost:8081', '127.0.0.1:8081', '[::1]:8081', 'LOCALHOST'])(
    '%s is answered',
    async (Host) => {
      expect((await fixture().request('/api/studies', { headers: { Host } })).status).toBe(200);
    },
  );

  it.each([
    'evil.example',
    'evil.example:8081',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    'localhost.evil.example',
    '',
  ])('the host name "%s" is refused, as a rebound one would be', async (Host) => {
    const { request, post } = fixture();
    expect((await request('/api/studies', { headers: { Host } })).status).toBe(403);
    expect((await post('/api/keys/rotate', { Host })).status).toBe(403);
  });

  it('no page of another origin changes anything', async () => {
    const { post, operations } = fixture();
    expect((await post('/api/keys/rotate', { Origin: 'https://evil.example' })).status).toBe(403);
    expect((await post('/api/keys/rotate', { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
    expect(operations.rotateKeys).not.toHaveBeenCalled();
    expect((await post('/api/keys/rotate')).status).toBe(200);
  });
});

describe('status page', () => {
  it('shows counts, studies and what needs attention, and no patient data', async () => {
    const response = await fixture().request('/');
    const page = await response.text();
    expect(response.headers.get('Content-Type')).toMatch(/^text\/html/);
    expect(page).toContain('1.2.3');
    expect(page).toContain('1.1 MB');
    expect(page).toContain('Viewer: &lt;b&gt;unknown customer&lt;/b&gt;');
    expect(page).toContain('action="/do/retry-study"');
    expect(page).not.toMatch(/Doe|P-1|CT HEAD/);
  });

  it.each([
    '/',
    '/studies',
    '/studies/city-medical/1.2.3',
    '/senders',
    '/deliveries',
    '/files',
    '/associations',
    '/audit',
  ])('%s loads from its own listener only, runs nothing inline, and cannot be framed', async (path) => {
    const response = await fixture().request(path);
    const page = await response.text();
    expect(response.status).toBe(200);
    expect(page).not.toMatch(/<script(?! src="\/assets\/)|<style|\sstyle=|\son[a-z]+=|https?:\/\//);
    const policy = response.headers.get('Content-Security-Policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toContain('unsafe');
    expect(policy).toContain("frame-ancestors 'none'");
  });

  it('has its style sheet and script without a token, kept for ever', async () => {
    const { request } = fixture(TOKEN);
    const page = await (await request('/login')).text();
    const paths = [...page.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '');
    expect(paths.length).toBeGreaterThanOrEqual(3);
    for (const path of paths) {
      const response = await request(path);
      expect(response.status).toBe(200);
      expect(response.headers.get('Cache-Control')).toContain('immutable');
    }
  });

  it('goes to the login form where a token is needed, and from there to where one wanted to', async () => {
    const { request } = fixture(TOKEN);
    const refused = await request('/studies?q=x', { headers: { Accept: 'text/html' } });
    expect([refused.status, refused.headers.get('Location')]).toEqual([
      303,
      '/login?return=%2Fstudies%3Fq%3Dx',
    ]);
    const form = await request('/login?return=%2Fstudies%3Fq%3Dx');
    expect(await form.text()).toContain('name="return" value="/studies?q=x"');
    for (const elsewhere of ['//evil.example', 'https://evil.example/', '/\\evil.example'])
      expect(await (await request(`/login?return=${encodeURIComponent(elsewhere)}`)).text()).toContain(
        'name="return" value="/"',
      );
  });

  it('tells people, not programs, in words what is not there', async () => {
    const { request } = fixture();
    const page = await request('/studies/city-medical/9.9', { headers: { Accept: 'text/html' } });
    expect(page.status).toBe(404);
    expect(await page.text()).toContain('This customer has no such study.');
    expect((await request('/api/studies/city-medical/9.9')).headers.get('Content-Type')).toContain(
      'problem+json',
    );
  });
});

describe('buttons of the page', () => {
  const press = async (
    app: ReturnType<typeof fixture>,
    action: string,
    fields: Record<string, string> = {},
    token?: string,
  ) => {
    const page = await (await app.request('/studies/city-medical/1.2.3')).text();
    const formToken = token ?? /name="form-token" value="([^"]+)"/.exec(page)?.[1] ?? '';
    return app.request(`/do/${action}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'text/html' },
      body: new URLSearchParams({
        'form-token': formToken,
        return: '/deliveries',
        customer: 'city-medical',
        study: '1.2.3',
        ...fields,
      }).toString(),
    });
  };

  it('do what they say, come back and say what was done', async () => {
    const app = fixture();
    const response = await press(app, 'retry-study');
    expect([response.status, response.headers.get('Location')]).toEqual([
      303,
      '/deliveries?done=retried&n=2',
    ]);
    expect(app.operations.retryStudy).toHaveBeenCalledWith(study.key);
    const page = await (await app.request('/deliveries?done=retried&n=2')).text();
    expect(page).toContain('2 deliveries are tried again now.');
  });

  it('do nothing without the token of a page of this session', async () => {
    const app = fixture();
    for (const token of ['', 'guessed'])
      expect((await press(app, 'retry-study', {}, token)).status).toBe(403);
    expect(app.operations.retryStudy).not.toHaveBeenCalled();
  });

  it('never lead to another site', async () => {
    const response = await press(fixture(), 'complete-study', { return: '//evil.example/x' });
    expect(response.headers.get('Location')).toBe('/?done=completed');
  });

  it('are each in the audit trail, by whom, done or failed', async () => {
    const app = fixture();
    await press(app, 'complete-study');
    app.operations.retryStudy.mockRejectedValueOnce(new Error('disk full'));
    await press(app, 'retry-study');
    await app.post('/api/studies/city-medical/1.2.3/retry');
    const common = { event: 'admin.action', actor: 'local', ...study.key };
    expect(app.audited).toEqual([
      { ...common, detail: 'complete-study' },
      { ...common, detail: 'retry-study failed' },
      { ...common, detail: 'retry (200)' },
    ]);
  });

  it('show the patient to whoever asks, and that is taken down', async () => {
    const app = fixture();
    const page = await (await press(app, 'show-patient')).text();
    expect(page).toMatch(/Doe Jane[^]*P-1[^]*CT HEAD/);
    expect(app.audited).toMatchObject([{ event: 'admin.action', detail: 'show-patient', ...study.key }]);
  });
});

describe('login', () => {
  const logIn = (app: ReturnType<typeof fixture>, token: string) =>
    app.request('/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'Sec-Fetch-Site': 'same-origin' },
      body: new URLSearchParams({ token }).toString(),
    });

  it('waits after too many wrong tokens, also with the right one, until the time is over', async () => {
    const app = fixture(TOKEN);
    for (let attempt = 0; attempt < 8; attempt += 1) expect((await logIn(app, 'wrong')).status).toBe(401);
    const refused = await logIn(app, TOKEN);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(500);
    app.clock.advance(10 * 60_000);
    expect((await logIn(app, TOKEN)).status).toBe(303);
    expect(app.audited.map(({ event }) => event)).toEqual([
      ...Array<string>(8).fill('admin.login_refused'),
      'admin.logged_in',
    ]);
  });

  it('lets no more guesses through when they come all at once', async () => {
    const app = fixture(TOKEN);
    const answers = await Promise.all(Array.from({ length: 40 }, () => logIn(app, 'wrong')));
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(8);
  });

  it('names its session in what is done with it', async () => {
    const app = fixture(TOKEN);
    const Cookie = (await logIn(app, TOKEN)).headers.get('Set-Cookie')?.split(';')[0] ?? '';
    await app.request('/api/keys/rotate', {
      method: 'POST',
      headers: { Cookie, 'Sec-Fetch-Site': 'same-origin' },
    });
    const [login, action] = app.audited;
    expect(login?.actor).toMatch(/^session:[\w-]{12}$/);
    expect(action).toMatchObject({ event: 'admin.action', actor: login?.actor, detail: 'keys/rotate (200)' });
  });
});

describe('GET /api/associations', () => {
  it('lists past Associations, with the filters and the cursor of the question', async () => {
    const { request, asked } = fixture();
    const url = '/api/associations?limit=1&outcome=timed-out&callingAe=CT1&calledAe=CITYMED&cursor=abc';
    const response = await request(url);
    expect(asked).toEqual([
      { limit: 1, cursor: 'abc', outcome: 'timed-out', callingAeTitle: 'CT1', calledAeTitle: 'CITYMED' },
    ]);
    expect(await response.json()).toEqual({
      associations: [
        {
          ...association,
          startedAt: '2026-01-01T09:00:00.000Z',
          endedAt: '2026-01-01T10:00:00.000Z',
          calledAeTitle: null,
          customer: null,
        },
      ],
      cursor: 'next',
    });
  });

  it.each([
    ['limit=0', 'limit'],
    ['outcome=fine', 'outcome'],
    ['callingAe=A%5CB', 'callingAe'],
    ['cursor=junk', 'cursor'],
  ])('answers 400 for %s and names it', async (query, name) => {
    const response = await fixture().request(`/api/associations?${query}`);
    expect(response.status).toBe(400);
    expect(JSON.stringify(await response.json())).toContain(name);
  });

  it('is for the holder of the token only', async () => {
    const { request } = fixture(TOKEN);
    expect((await request('/api/associations')).status).toBe(401);
    expect((await request('/api/associations', { headers: bearer })).status).toBe(200);
  });
});
