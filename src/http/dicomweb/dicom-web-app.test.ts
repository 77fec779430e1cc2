import { once } from 'node:events';
import net from 'node:net';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createDicomWebFixture, TOKENS } from '../../../test/support/dicom-web-app.ts';
import { customerKey } from '../../core/study/instance.ts';
import { uid } from '../../dicom/uid.ts';
import type { HttpBindings } from '../env.ts';
import { createHttpServer } from '../server.ts';
import type { DicomWebEnv } from './env.ts';

/** A service that tells what it was allowed. */
function probeRoutes(): Hono<DicomWebEnv> {
  const app = new Hono<DicomWebEnv>();
  app.get('/studies', (c) => c.json(c.var.scope));
  app.get('/studies/:study/metadata', (c) => c.json({ study: c.req.param('study') }));
  app.post('/studies', (c) => c.json({ stored: true }));
  return app;
}

const fixture = (options: { publicUrl?: string; corsOrigins?: readonly string[] } = {}) =>
  createDicomWebFixture({ routes: [probeRoutes()], ...options });

/** Everything of a response that its receiver can see. */
async function seen(response: Response | Promise<Response>): Promise<unknown> {
  const { status, headers, body } = await response;
  return { status, headers: [...headers], body: body === null ? '' : await new Response(body).text() };
}

const STUDY = { customer: customerKey('city-medical'), studyInstanceUid: uid('1.2.3') };

describe('tokens', () => {
  it('gives a bearer token the customers and rights that it was configured with', async () => {
    const { request } = fixture();
    expect(await (await request('/studies', TOKENS.both)).json()).toEqual({
      actor: 'both',
      customers: ['city-medical', 'north-clinic'],
      mayRead: true,
      mayWrite: false,
      serviceUrl: 'https://images.example.org/dicom-web',
    });
  });

  it('gives an object token one study to read, in the query or in the header', async () => {
    const { request, objectToken } = fixture();
    const token = objectToken(STUDY);
    const expected = {
      actor: 'k1',
      customers: ['city-medical'],
      study: '1.2.3',
      mayRead: true,
      mayWrite: false,
    };
    expect(await (await request(`/studies?token=${token}`, '')).json()).toMatchObject(expected);
    expect(await (await request('/studies', token)).json()).toMatchObject(expected);
  });

  it('answers every bad token alike', async () => {
    const { request, objectToken, clock } = fixture();
    const expired = objectToken(STUDY, 10);
    clock.advance(10_000);
    const none = await seen(request('/studies', ''));
    expect(none).toMatchObject({ status: 401 });
    const attempts = [
      request('/studies', 'never-was-a-token'),
      request('/studies', `${objectToken(STUDY)}x`),
      request('/studies', expired),
      request(`/studies?token=${expired}`, ''),
      // A bearer token has no place in an address.
      request(`/studies?token=${TOKENS.city}`, ''),
      request(`/studies?token=${objectToken(STUDY)}&token=${objectToken(STUDY)}`, ''),
      request(`/studies?token=${objectToken(STUDY)}`, TOKENS.city),
      request('/studies', '', { headers: { authorization: 'Basic Y2l0eTpjaXR5' } }),
      request('/nowhere', ''),
      request('/customers/city-medical/studies', ''),
      request('/customers/unknown/studies', ''),
    ];
    for (const attempt of attempts) expect(await seen(attempt)).toEqual(none);
    expect((none as { headers: [string, string][] }).headers).toContainEqual([
      'www-authenticate',
      'Bearer realm="dicom-web"',
    ]);
  });

  it('takes over new tokens at once', async () => {
    const { request, reload } = fixture();
    reload([
      { name: 'new', token: 'brand-new-token', customers: [STUDY.customer], mayRead: true, mayWrite: false },
    ]);
    expect((await request('/studies', TOKENS.city)).status).toBe(401);
    expect((await request('/studies', 'brand-new-token')).status).toBe(200);
  });

  it('says which right is missing', async () => {
    const { request, objectToken } = fixture();
    expect((await request('/studies', TOKENS.store)).status).toBe(403);
    expect((await request('/studies', TOKENS.store, { method: 'POST' })).status).toBe(200);
    expect((await request('/studies', TOKENS.north, { method: 'POST' })).status).toBe(403);
    expect((await request('/studies', objectToken(STUDY), { method: 'POST' })).status).toBe(403);
  });
});

describe('below /customers/<key>', () => {
  it('narrows the scope to that customer', async () => {
    const { request } = fixture();
    expect(await (await request('/customers/north-clinic/studies', TOKENS.both)).json()).toMatchObject({
      customers: ['north-clinic'],
      serviceUrl: 'https://images.example.org/dicom-web/customers/north-clinic',
    });
    const response = await request('/customers/north-clinic/studies/1.2/metadata', TOKENS.both);
    expect(await response.json()).toEqual({ study: '1.2' });
  });

  it('answers for a customer of others exactly as for one that does not exist', async () => {
    const { request, objectToken } = fixture();
    for (const token of [TOKENS.city, TOKENS.store, objectToken(STUDY)])
      for (const path of ['/studies', '/studies/1.2/metadata', '/nowhere', ''])
        for (const method of ['GET', 'POST', 'DELETE', 'HEAD']) {
          const foreign = await seen(request(`/customers/north-clinic${path}`, token, { method }));
          const unknown = await seen(request(`/customers/no-such-one${path}`, token, { method }));
          expect(foreign).toMatchObject({ status: 404 });
          expect(foreign).toEqual(unknown);
        }
  });
});

describe('methods', () => {
  it('answers 405 with what is allowed', async () => {
    const { request } = fixture();
    const response = await request('/studies/1.2/metadata', TOKENS.city, { method: 'POST' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
    const inCustomer = await request('/customers/city-medical/studies', TOKENS.city, { method: 'DELETE' });
    expect(inCustomer.status).toBe(405);
    expect(inCustomer.headers.get('allow')).toBe('GET, HEAD, OPTIONS, POST');
  });

  it('answers HEAD without a body and 404 where nothing is', async () => {
    const { request } = fixture();
    const head = await request('/studies', TOKENS.city, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect((await request('/nowhere')).status).toBe(404);
  });
});

describe('capabilities', () => {
  it('are described as WADL or JSON, to anybody', async () => {
    const { request } = fixture();
    const wadl = await request('/', '', { method: 'OPTIONS' });
    expect(wadl.headers.get('content-type')).toBe('application/vnd.sun.wadl+xml');
    const text = await wadl.text();
    expect(text).toContain('<resources base="https://images.example.org/dicom-web/">');
    expect(text).toContain('<resource path="studies/{study}/metadata"><method name="GET"');
    expect(text).toContain('<param name="PatientID" style="query"/>');
    const json = await request('', '', { method: 'OPTIONS', headers: { accept: 'application/json' } });
    expect(await json.json()).toMatchObject({
      resources: [
        {
          path: 'studies',
          methods: [
            { name: 'GET', service: 'search' },
            { name: 'POST', service: 'store' },
          ],
        },
        {
          path: 'studies/{study}/metadata',
          methods: [
            { name: 'GET', service: 'metadata', answers: ['application/dicom+json', 'application/json'] },
          ],
        },
      ],
    });
    expect((await request('', '', { method: 'OPTIONS', headers: { accept: 'image/png' } })).status).toBe(406);
  });

  it('are the same below every customer, also one that is not there', async () => {
    const { request } = fixture();
    const options = { method: 'OPTIONS' };
    const known = await seen(request('/customers/city-medical', '', options));
    expect(known).toMatchObject({ status: 200 });
    expect(await seen(request('/customers/no-such-one', '', options))).toEqual(known);
  });
});

describe('web pages of other origins', () => {
  const preflight = {
    method: 'OPTIONS',
    headers: {
      origin: 'https://viewer.example.org',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization',
    },
  };

  it('may ask before they have a token', async () => {
    const { request } = fixture();
    const response = await request('/customers/any/studies', '', preflight);
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-headers')).toBe('authorization');
    expect(response.headers.get('access-control-allow-methods')).toContain('GET');
  });

  it('may read answers and refusals, and the headers that viewers need', async () => {
    const { request } = fixture({ corsOrigins: ['https://viewer.example.org'] });
    const headers = { origin: 'https://viewer.example.org' };
    for (const token of [TOKENS.city, '']) {
      const response = await request('/studies', token, { headers });
      expect(response.headers.get('access-control-allow-origin')).toBe('https://viewer.example.org');
      expect(response.headers.get('access-control-expose-headers')).toContain('Warning');
      expect(response.headers.get('vary')).toContain('Origin');
    }
    const stranger = await request('/studies', TOKENS.city, { headers: { origin: 'https://evil.example' } });
    expect(stranger.headers.get('access-control-allow-origin')).toBeNull();
    const asked = await request('/studies', '', {
      ...preflight,
      headers: { ...preflight.headers, origin: 'https://evil.example' },
    });
    expect(asked.headers.get('access-control-allow-headers')).toBeNull();
  });
});

describe('records', () => {
  it('puts refusals into the audit trail without the token', async () => {
    const { request, audited } = fixture();
    await request('/studies', 'secret-guess', {}, { peerAddress: '10.0.0.7' });
    await request('/customers/north-clinic/studies', TOKENS.city);
    await request('/studies', TOKENS.store);
    expect(audited).toEqual([
      { event: 'dicomweb.refused', detail: 'token', peerAddress: '10.0.0.7' },
      { event: 'dicomweb.refused', detail: 'customer', actor: 'city' },
      { event: 'dicomweb.refused', detail: 'right to read', actor: 'store' },
    ]);
  });

  it('counts requests by service and status', async () => {
    const { request, metrics } = fixture();
    await request('/studies');
    await request('/customers/city-medical/studies/1.2/metadata');
    await request('/studies', '');
    const text = await metrics.registry.metrics();
    expect(text).toContain('avara_ingest_dicomweb_requests_total{service="search",status="2xx"} 1');
    expect(text).toContain('avara_ingest_dicomweb_requests_total{service="metadata",status="2xx"} 1');
    expect(text).toContain('avara_ingest_dicomweb_requests_total{service="search",status="4xx"} 1');
  });

  it('lets nobody else keep an answer', async () => {
    const { request } = fixture();
    expect((await request('/studies')).headers.get('cache-control')).toBe('private, no-store');
  });
});

it('takes the address of the service from the request where none is configured', async () => {
  const app = createDicomWebFixture({ routes: [probeRoutes()], publicUrl: '' });
  expect(await (await app.request('/studies')).json()).toMatchObject({
    serviceUrl: 'http://localhost/dicom-web',
  });
});

describe('URLs in answers', () => {
  const serviceUrl = async (
    publicUrl: string,
    host: string,
    bindings: HttpBindings = {},
  ): Promise<unknown> => {
    const { listenable } = fixture({ publicUrl });
    const headers = { authorization: `Bearer ${TOKENS.city}` };
    const response = await listenable.request(`http://${host}/dicom-web/studies`, { headers }, bindings);
    return ((await response.json()) as { serviceUrl: unknown }).serviceUrl;
  };

  it('begin with the public URL, else with what a trusted proxy says, else with the host asked', async () => {
    const origin = 'https://proxy.example';
    expect(await serviceUrl('https://images.example.org', 'evil.example', { origin })).toBe(
      'https://images.example.org/dicom-web',
    );
    expect(await serviceUrl('', '10.0.0.5:8080', { origin })).toBe('https://proxy.example/dicom-web');
    expect(await serviceUrl('', '10.0.0.5:8080')).toBe('http://10.0.0.5:8080/dicom-web');
  });
});

it('counts the bytes of every answer once, heads included, however the service sends them', async () => {
  const app = new Hono<DicomWebEnv>();
  app.get('/studies', (c) => c.text('x'.repeat(1000)));
  app.get('/studies/:study/metadata', (c) => {
    c.env.outgoing?.writeHead(200, { 'Content-Length': '100000' });
    c.env.outgoing?.end(Buffer.alloc(100_000));
    return RESPONSE_ALREADY_SENT;
  });
  const { listenable, metrics, logger } = createDicomWebFixture({ routes: [app] });
  const server = createHttpServer({ app: listenable, host: '127.0.0.1', port: 0, logger });
  const { port } = await server.listen();
  onTestFinished(() => server.close(0));
  const head = `Host: localhost\r\nAuthorization: Bearer ${TOKENS.city}\r\n`;
  const socket = net.connect(port, '127.0.0.1');
  let received = 0;
  socket.on('data', (chunk) => (received += chunk.length));
  // All at once, so that answers wait behind each other; the last one closes the connection.
  socket.write(
    `GET /dicom-web/studies HTTP/1.1\r\n${head}\r\n` +
      `GET /dicom-web/studies/1.2/metadata HTTP/1.1\r\n${head}\r\n` +
      `GET /dicom-web/studies HTTP/1.1\r\n${head}Connection: close\r\n\r\n`,
  );
  await once(socket, 'close');
  const counted = async (): Promise<number> =>
    (await metrics.dicomWebBytesSent.get()).values.reduce((sum, { value }) => sum + value, 0);
  await vi.waitFor(async () => expect(await counted()).toBe(received));
  expect(received).toBeGreaterThan(102_000);
});
