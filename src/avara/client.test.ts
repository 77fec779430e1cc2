import { afterEach, describe, expect, it, vi } from 'vitest';
import { createAvaraClient, MAX_RESPONSE_BYTES } from './client.ts';

const API_KEY = 'sk_live_0123456789abcdef0123456789abcdef';
const client = () =>
  createAvaraClient({ baseUrl: 'https://avara.example/gateway/', apiKey: API_KEY, version: '1.2.3' });

function answerWith(status: number, body: string | null, headers: Record<string, string> = {}) {
  const fetchStub = vi.fn<typeof fetch>(() => Promise.resolve(new Response(body, { status, headers })));
  vi.stubGlobal('fetch', fetchStub);
  return fetchStub;
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('createAvaraClient', () => {
  it('sends a bearer key, JSON and the user agent below the base URL, and follows no redirect', async () => {
    const fetchStub = answerWith(201, '{"studyId":"stu_1"}');
    const result = await client().request({ method: 'POST', path: '/v1/viewer/studies', body: { a: 1 } });
    expect(result).toEqual({ ok: true, status: 201, body: { studyId: 'stu_1' } });
    const [url, init] = fetchStub.mock.calls[0] ?? [];
    expect(url).toBe('https://avara.example/gateway/v1/viewer/studies');
    expect(init).toMatchObject({ method: 'POST', body: '{"a":1}', redirect: 'manual' });
    expect(init?.headers).toEqual({
      authorization: `Bearer ${API_KEY}`,
      accept: 'application/json',
      'content-type': 'application/json',
      'user-agent': 'avara-ingest/1.2.3',
    });
  });

  it.each([
    [400, 'permanent'],
    [401, 'unauthorized'],
    [403, 'unauthorized'],
    [404, 'permanent'],
    [408, 'transient'],
    [409, 'transient'],
    [418, 'permanent'],
    [422, 'permanent'],
    [429, 'transient'],
    [301, 'transient'],
    [500, 'transient'],
    [503, 'transient'],
  ])('takes a %i for %s', async (status, kind) => {
    answerWith(status, '{"message":"no"}');
    const result = await client().request({ method: 'GET', path: '/v1/x' });
    expect(result).toMatchObject({ ok: false, status, kind, message: `Avara answered ${status}: no` });
  });

  it.each([
    [503, 'false', { kind: 'permanent', mayHaveHappened: true }],
    [409, 'false', { kind: 'permanent', mayHaveHappened: true }],
    [429, 'false', { kind: 'transient', isRateLimit: true }],
    [400, 'true', { kind: 'transient' }],
    [403, 'true', { kind: 'transient' }],
    [401, 'false', { kind: 'unauthorized', scope: 'key' }],
    [403, 'false', { kind: 'unauthorized', scope: 'customer' }],
  ])('heeds x-should-retry at a %i: %s', async (status, shouldRetry, expected) => {
    answerWith(status, '{"message":"no"}', { 'x-should-retry': shouldRetry });
    expect(await client().request({ method: 'POST', path: '/v1/x', body: {} })).toMatchObject(expected);
  });

  it('says of a 429 that it is a rate limit, and how long to wait', async () => {
    answerWith(429, null, { 'retry-after': '12' });
    const result = await client().request({ method: 'GET', path: '/v1/x' });
    expect(result).toMatchObject({ kind: 'transient', isRateLimit: true, retryAfterMs: 12_000 });
  });

  it.each([
    ['cut off', '{"studyId": "stu'],
    ['empty', ''],
    ['HTML', '<html>captive portal</html>'],
    ['too large', `"${'x'.repeat(MAX_RESPONSE_BYTES)}"`],
  ])('takes a 2xx that is %s for an unknown outcome', async (_, body) => {
    answerWith(200, body);
    const result = await client().request({ method: 'POST', path: '/v1/x', body: {} });
    expect(result).toMatchObject({ ok: false, kind: 'transient', isRateLimit: false });
  });

  it('names the cause of a network error', async () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED 192.0.2.1:443'), { code: 'ECONNREFUSED' });
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('fetch failed', { cause })));
    const result = await client().request({ method: 'GET', path: '/v1/x' });
    expect(result).toEqual({
      ok: false,
      kind: 'transient',
      isRateLimit: false,
      message: 'network error: ECONNREFUSED: connect ECONNREFUSED 192.0.2.1:443',
    });
  });

  it('keeps the key and the hidden values out of messages, whole or escaped', async () => {
    const body = JSON.stringify({
      message: `key ${API_KEY}: patientName "Jane \\"JJ\\" Doe" and JANE "jj" DOE of P-77 are wrong`,
    });
    answerWith(422, body);
    const result = await client().request({
      method: 'POST',
      path: '/v1/x',
      body: {},
      hidden: ['Jane "JJ" Doe', 'P-77'],
    });
    expect(result).toMatchObject({
      message: 'Avara answered 422: key […]: patientName "[…]" and […] of […] are wrong',
    });
  });

  it.each([
    ['{"message":{"field":"severity"}}', '{"field":"severity"}'],
    ['{"error":"bad\\nrequest"}', 'bad request'],
    ['{"error":{"message":"nested"}}', 'nested'],
    ['{"code":7}', '{"code":7}'],
    ['plain text', 'plain text'],
  ])('takes the message out of %s', async (body, message) => {
    answerWith(400, body);
    const result = await client().request({ method: 'GET', path: '/v1/x' });
    expect(result).toMatchObject({ message: `Avara answered 400: ${message}` });
  });

  it('bounds messages', async () => {
    answerWith(400, 'x'.repeat(100_000));
    const result = await client().request({ method: 'GET', path: '/v1/x' });
    expect(result.ok ? '' : result.message).toHaveLength('Avara answered 400: '.length + 500);
  });

  it('sends nothing once closed', async () => {
    const fetchStub = answerWith(200, '{}');
    const closed = client();
    closed.close();
    expect(await closed.request({ method: 'GET', path: '/v1/x' })).toMatchObject({ kind: 'transient' });
    expect(fetchStub).not.toHaveBeenCalled();
  });

  it.each([
    [{ apiKey: '' }],
    [{ apiKey: 'two words' }],
    [{ apiKey: 'line\nbreak' }],
    [{ baseUrl: 'avara.example' }],
    [{ baseUrl: 'ftp://avara.example' }],
    [{ baseUrl: 'https://user:pw@avara.example' }],
    [{ baseUrl: 'https://avara.example/?x=1' }],
    [{ timeoutMs: 0 }],
  ])('refuses %o without repeating a key', (wrong) => {
    const make = () => createAvaraClient({ apiKey: API_KEY, version: '1', ...wrong });
    expect(make).toThrow(RangeError);
    expect(make).not.toThrow(/two words|pw/);
  });
});
