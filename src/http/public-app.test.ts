import { afterEach, describe, expect, it } from 'vitest';
import { createPublicAppFixture } from '../../test/support/public-app.ts';
import type { PublicAppFixtureOptions } from '../../test/support/public-app.ts';
import { customerKey } from '../core/study/instance.ts';

const content = Buffer.from('DICM object');
const open: ReturnType<typeof createPublicAppFixture>[] = [];
const fixture = (options?: PublicAppFixtureOptions) => {
  const created = createPublicAppFixture(options);
  open.push(created);
  return { ...created, record: created.objects.add({ content }) };
};
afterEach(() => open.splice(0).forEach(({ metrics }) => metrics.close()));

const problemOf = async (response: Response): Promise<unknown> => {
  expect(response.headers.get('Content-Type')).toBe('application/problem+json');
  return response.json();
};

describe('object URL', () => {
  it('tells size, validators and type to HEAD, without a body', async () => {
    const { app, objects, record, urlOf } = fixture();
    const response = await app.request(urlOf(record.key), { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/dicom',
      'content-length': String(content.length),
      'accept-ranges': 'bytes',
      etag: `"${record.sha256}"`,
      'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
      'cache-control': 'private, max-age=3600',
      'x-content-type-options': 'nosniff',
    });
    expect(response.headers.has('set-cookie')).toBe(false);
    expect(await response.text()).toBe('');
    expect(objects.open).toBe(0);
  });

  it.each([
    ['none', ''],
    ['an empty one', '?token='],
    ['two', '?token=a&token=b'],
  ])('refuses %s for a token with 401', async (_, query) => {
    const { app, record, pathOf } = fixture();
    const response = await app.request(pathOf(record.key) + query);
    expect(response.status).toBe(401);
    expect(response.headers.get('WWW-Authenticate')).toMatch(/^Bearer/);
    expect(await problemOf(response)).toMatchObject({ status: 401, code: 'token-missing' });
  });

  it('refuses two good tokens as it refuses none', async () => {
    const { app, record, urlOf, tokenFor } = fixture();
    const response = await app.request(`${urlOf(record.key)}&token=${tokenFor(record.key)}`);
    expect(response.status).toBe(401);
  });

  it('refuses junk, a forged and an expired token with 401 and says which; pages may read why', async () => {
    const { app, record, pathOf, urlOf, clock } = fixture();
    const junk = await app.request(`${pathOf(record.key)}?token=junk`);
    expect([junk.status, await problemOf(junk)]).toMatchObject([401, { code: 'token-malformed' }]);
    const url = urlOf(record.key);
    const forged = await app.request(url.slice(0, -1) + (url.endsWith('A') ? 'B' : 'A'));
    expect([forged.status, await problemOf(forged)]).toMatchObject([401, { code: 'token-bad-signature' }]);
    clock.advance(3_600_000);
    const expired = await app.request(url);
    expect([expired.status, await problemOf(expired)]).toMatchObject([401, { code: 'token-expired' }]);
    expect(expired.headers.get('Access-Control-Allow-Origin')).toBe('*');
    expect(expired.headers.get('Cache-Control')).toBe('no-store');
  });

  it('refuses the token of another study with 403', async () => {
    const { app, record, pathOf, tokenFor, objects } = fixture();
    const other = objects.add({ study: '1.2.99', content });
    const response = await app.request(`${pathOf(record.key)}?token=${tokenFor(other.key)}`);
    expect([response.status, await problemOf(response)]).toMatchObject([403, { code: 'token-other-study' }]);
  });

  it('serves a study UID that two customers have to each its own', async () => {
    const { app, pathOf, tokenFor, objects, record } = fixture();
    const theirs = objects.add({ customer: 'county', sop: '1.2.3.4.9', content: Buffer.from('other bytes') });
    const asCounty = tokenFor(theirs.key);
    expect((await app.request(`${pathOf(theirs.key)}?token=${asCounty}`, { method: 'HEAD' })).status).toBe(
      200,
    );
    expect((await app.request(`${pathOf(record.key)}?token=${asCounty}`, { method: 'HEAD' })).status).toBe(
      404,
    );
    const asThird = tokenFor({ ...record.key, customer: customerKey('third') });
    expect((await app.request(`${pathOf(record.key)}?token=${asThird}`, { method: 'HEAD' })).status).toBe(
      404,
    );
  });

  it('says 404 only to the bearer of a good token', async () => {
    const { app, pathOf, urlOf, record } = fixture();
    const missing = { ...record.key, sopInstanceUid: record.key.seriesInstanceUid };
    const response = await app.request(urlOf(missing));
    expect([response.status, await problemOf(response)]).toMatchObject([404, { code: 'object-not-found' }]);
    expect((await app.request(pathOf(missing))).status).toBe(401);
  });

  it.each([
    '/objects/../1.2.3.4/1.2.3.4.5.dcm',
    '/objects/%2e%2e/1.2.3.4/1.2.3.4.5.dcm',
    '/objects/1.2.3/..%2f..%2fkeys/1.2.3.4.5.dcm',
    '/objects/1.2.3/1.2.3.4/1.2.3.4.5%00.dcm',
    '/objects/1.2.3%00/1.2.3.4/1.2.3.4.5.dcm',
    '/objects/1.2.3%20/1.2.3.4/1.2.3.4.5.dcm',
    '/objects/1..3/1.2.3.4/1.2.3.4.5.dcm',
    '/objects/1.2.3/1.2.3.4/1.2.3.4.5',
    '/objects/1.2.3/1.2.3.4/.dcm',
    '/objects/1.2.3/1.2.3.4/%ff.dcm',
    `/objects/1.2.3/1.2.3.4/1.${'2'.repeat(64)}.dcm`,
  ])('refuses the path %s', async (path) => {
    const { app, record, tokenFor } = fixture();
    const response = await app.request(`${path}?token=${tokenFor(record.key)}`);
    expect([400, 404]).toContain(response.status);
    await problemOf(response);
  });

  it.each([
    [{ 'If-None-Match': '"x", W/"<etag>"' }, 304],
    [{ 'If-None-Match': '*' }, 304],
    [{ 'If-None-Match': '"x"' }, 200],
    [{ 'If-Modified-Since': 'Thu, 01 Jan 2026 00:00:00 GMT' }, 304],
    [{ 'If-Modified-Since': 'Wed, 31 Dec 2025 23:59:59 GMT' }, 200],
    [{ 'If-Modified-Since': 'junk' }, 200],
    [{ 'If-None-Match': '"x"', 'If-Modified-Since': 'Thu, 01 Jan 2026 00:00:00 GMT' }, 200],
    [{ Range: 'bytes=2-3' }, 206],
    [{ Range: 'bytes=2-3', 'If-Range': '"<etag>"' }, 206],
    [{ Range: 'bytes=2-3', 'If-Range': 'Thu, 01 Jan 2026 00:00:00 GMT' }, 206],
    [{ Range: 'bytes=2-3', 'If-Range': '"x"' }, 200],
    [{ Range: 'bytes=2-3', 'If-Range': 'W/"<etag>"' }, 200],
    [{ Range: 'bytes=500-' }, 416],
  ])('answers %o with %i', async (headers, status) => {
    const { app, record, urlOf } = fixture();
    const entries = Object.entries(headers).map(([name, value]): [string, string] => [
      name,
      value.replace('<etag>', record.sha256),
    ]);
    const response = await app.request(urlOf(record.key), { method: 'HEAD', headers: entries });
    expect(response.status).toBe(status);
    expect(response.headers.get('ETag')).toBe(`"${record.sha256}"`);
    const contentRange = { 206: 'bytes 2-3/11', 416: 'bytes */11' }[status] ?? null;
    expect(response.headers.get('Content-Range')).toBe(contentRange);
  });

  it('says 500 and logs the UIDs when an indexed file is gone or has another size', async () => {
    const { app, record, urlOf, objects, logger, metrics, audited } = fixture();
    objects.tamper(record.key, undefined);
    const gone = await app.request(urlOf(record.key), { method: 'HEAD' });
    expect(gone.status).toBe(500);
    objects.tamper(record.key, content.subarray(1));
    const short = await app.request(urlOf(record.key));
    expect([short.status, await problemOf(short)]).toMatchObject([500, { code: 'object-unreadable' }]);
    expect(logger.lines.map(({ level, fields }) => [level, fields.sopInstanceUid, fields.reason])).toEqual([
      ['error', '1.2.3.4.5', 'not-found'],
      ['error', '1.2.3.4.5', 'damaged'],
    ]);
    const text = await metrics.registry.metrics();
    expect(text).toContain('avara_ingest_object_faults_total{reason="not-found"} 1');
    expect(audited).toEqual([]);
    expect(objects.open).toBe(0);
  });

  it('audits refusals with the reason and the key', async () => {
    const { app, record, pathOf, tokenFor, audited } = fixture();
    await app.request(
      `${pathOf(record.key)}?token=${tokenFor(record.key, -1)}`,
      {},
      { peerAddress: '10.0.0.9' },
    );
    expect(audited).toEqual([
      {
        event: 'object.refused',
        studyInstanceUid: '1.2.3',
        sopInstanceUid: '1.2.3.4.5',
        detail: 'expired',
        actor: 'k1',
        peerAddress: '10.0.0.9',
      },
    ]);
  });

  it('refuses other methods with 405', async () => {
    const { app, record, urlOf } = fixture();
    const response = await app.request(urlOf(record.key), { method: 'DELETE' });
    expect(response.status).toBe(405);
    expect(response.headers.get('Allow')).toBe('GET, HEAD, OPTIONS');
  });
});

describe('CORS of object URLs', () => {
  const preflight = {
    method: 'OPTIONS',
    headers: {
      Origin: 'https://viewer.example.org',
      'Access-Control-Request-Method': 'GET',
      'Access-Control-Request-Headers': 'range, if-none-match',
      'Access-Control-Request-Private-Network': 'true',
    },
  };

  it('answers a preflight for any origin, without a token', async () => {
    const { app, record, pathOf } = fixture();
    const response = await app.request(pathOf(record.key), preflight);
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD, OPTIONS',
      'access-control-allow-headers': 'range, if-none-match',
      'access-control-allow-private-network': 'true',
      'access-control-max-age': '86400',
    });
    expect(response.headers.has('Access-Control-Allow-Credentials')).toBe(false);
  });

  it('lets pages read size, range and ETag', async () => {
    const { app, record, urlOf } = fixture();
    const response = await app.request(urlOf(record.key), { method: 'HEAD' });
    expect(response.headers.get('Access-Control-Expose-Headers')).toBe(
      'Content-Length, Content-Range, ETag, Accept-Ranges, Last-Modified',
    );
  });

  it('names only listed origins', async () => {
    const { app, record, urlOf } = fixture({ corsOrigins: ['https://viewer.example.org'] });
    const from = async (origin: string): Promise<Response> =>
      app.request(urlOf(record.key), { method: 'HEAD', headers: { Origin: origin } });
    const listed = await from('https://viewer.example.org');
    expect(listed.headers.get('Access-Control-Allow-Origin')).toBe('https://viewer.example.org');
    expect(listed.headers.get('Vary')).toBe('Origin');
    const unlisted = await from('https://evil.example');
    expect(unlisted.headers.has('Access-Control-Allow-Origin')).toBe(false);
    expect(unlisted.headers.get('Vary')).toBe('Origin');
  });
});

describe('webhook', () => {
  it('hands body and headers over as they came and answers as told', async () => {
    const { app, webhooks } = fixture({ answerWebhook: () => ({ status: 401, body: { error: 'no' } }) });
    const body = '{ "id": 1.0 }\n';
    const headers = { 'X-Avara-Signature': 'abc', 'Content-Type': 'text/plain' };
    const response = await app.request('/webhooks/avara', { method: 'POST', body, headers });
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({ error: 'no' });
    expect(webhooks[0]?.body.toString()).toBe(body);
    expect(webhooks[0]?.header('x-avara-signature')).toEqual(['abc']);
    expect(webhooks[0]?.header('X-Avara-Timestamp')).toEqual([]);
  });

  it('takes bytes that are no text', async () => {
    const { app, webhooks } = fixture();
    await app.request('/webhooks/avara', { method: 'POST', body: Buffer.from([0xff, 0x00, 0xfe]) });
    expect(webhooks[0]?.body).toEqual(Buffer.from([0xff, 0x00, 0xfe]));
  });

  it('takes 1 MiB and refuses more with 413, declared or not', async () => {
    const { app, webhooks } = fixture();
    const post = async (body: Buffer | ReadableStream): Promise<Response> =>
      app.request('/webhooks/avara', { method: 'POST', body, duplex: 'half' });
    expect((await post(Buffer.alloc(1_048_576))).status).toBe(200);
    const declared = await post(Buffer.alloc(1_048_577));
    expect([declared.status, await problemOf(declared)]).toMatchObject([413, { code: 'body-too-large' }]);
    const chunks = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) });
    expect((await post(chunks)).status).toBe(413);
    expect(webhooks).toHaveLength(1);
  });

  it('takes an empty body', async () => {
    const { app, webhooks } = fixture();
    expect((await app.request('/webhooks/avara', { method: 'POST' })).status).toBe(200);
    expect(webhooks[0]?.body.length).toBe(0);
  });

  it('refuses GET with 405', async () => {
    const { app } = fixture();
    expect((await app.request('/webhooks/avara')).status).toBe(405);
  });

  it('says 500 and logs when the receiver fails, telling nothing', async () => {
    const { app, logger } = fixture({
      answerWebhook: () => {
        throw new Error('secret cause');
      },
    });
    const response = await app.request('/webhooks/avara', { method: 'POST', body: '{}' });
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret cause');
    expect(logger.messages('error')).toEqual(['request failed']);
  });
});

describe('any other path', () => {
  it.each(['/', '/objects', '/objects/1.2.3', '/metrics', '/api/studies', '/healthz'])(
    '%s is a 404',
    async (path) => {
      const { app } = fixture();
      const response = await app.request(path);
      expect([response.status, await problemOf(response)]).toMatchObject([404, { code: 'not-found' }]);
    },
  );
});
