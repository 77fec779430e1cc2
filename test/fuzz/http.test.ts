import { createHmac } from 'node:crypto';

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { askForStudy } from '../support/access-webhook.ts';
import { syntheticCt } from '../support/data-sets.ts';
import { sendObjects } from '../support/send-objects.ts';
import { areAllCreated, CENTRES, createSite } from '../support/site.ts';
import type { Site } from '../support/site.ts';
import { damagedBytes } from './support/damage.ts';
import { casesTried, fuzz } from './support/fuzz.ts';
import { sendRaw } from './support/raw-http.ts';
import type { RawRequest } from './support/raw-http.ts';

const { city } = CENTRES;
const STUDY = '2.25.815';

let site: Site;
let studyId: string;
let objectUrl: URL;

beforeAll(async () => {
  site = await createSite();
  await site.start();
  const image = syntheticCt({ rows: 64, columns: 64, studyInstanceUid: STUDY });
  expect(await sendObjects([image], { to: site.daemon.dimse, calledAe: city.calledAe })).toEqual([0]);
  const [study] = await site.studiesWhen(
    'the study at Avara',
    (all) => all.length === 1 && areAllCreated(all),
  );
  studyId = study?.avara[0]?.studyId ?? '';
  const { urls } = await askForStudy({
    url: site.webhookUrl(),
    secret: city.webhookSecret,
    studyId,
    studyInstanceUid: STUDY,
  });
  objectUrl = new URL(urls[0] ?? '');
});
afterAll(async () => {
  await site.close();
  process.stdout.write(`HTTP: ${casesTried()} requests tried\n`);
});

/** No request is ever the daemon's fault. A closed connection is Node's answer to what is no HTTP. */
async function request(port: number, raw: RawRequest): Promise<number | undefined> {
  const status = await sendRaw(port, raw);
  if (status !== undefined && (status < 200 || status > 499)) throw new Error(`answered ${status}`);
  const { daemon } = site;
  expect(daemon.process.exitCode).toBeNull();
  expect(daemon.noise).toEqual([]);
  expect(daemon.log.filter(({ level }) => level === 'error')).toEqual([]);
  return status;
}

const method = fc.oneof(
  { weight: 6, arbitrary: fc.constant('GET') },
  { weight: 3, arbitrary: fc.constant('POST') },
  { weight: 2, arbitrary: fc.constantFrom('HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'TRACE') },
);
/** What may stand in a request line or a header: no line breaks, no NUL, which Node refuses before we see it. */
const printable = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    maxLength,
  });
const awkward = fc.constantFrom(
  '..',
  '.',
  '',
  '%2e%2e',
  '%2F',
  '%00',
  '%',
  '%zz',
  '%c0%ae',
  '%F0%9F%98%80',
  '%ff',
  '\\',
  '1.2.840',
  '0',
  '-1',
  '1e9',
  '9'.repeat(70),
  '__proto__',
  'constructor',
  '[object',
  '*',
  "'",
  '%27%20OR%201=1',
  '%25',
  '_',
  '%0d%0aX:%20y',
  'a'.repeat(5000),
);
const part = fc.oneof(awkward, printable(30));

/** A good text with a part of it replaced. */
const damagedText = (good: string): fc.Arbitrary<string> =>
  fc
    .record({ at: fc.nat(good.length), removed: fc.nat(12), put: fc.oneof(fc.constant(''), part) })
    .map(({ at, removed, put }) => good.slice(0, at) + put + good.slice(at + removed));
const mostly = (good: string): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(good) },
    { weight: 2, arbitrary: damagedText(good) },
    { weight: 1, arbitrary: part },
  );
const header = fc.tuple(
  fc.constantFrom(
    'Range',
    'If-Range',
    'If-None-Match',
    'If-Modified-Since',
    'Origin',
    'Accept',
    'Accept-Encoding',
    'Authorization',
    'Cookie',
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'Content-Type',
    'Access-Control-Request-Method',
    'X-HTTP-Method-Override',
  ),
  fc.oneof(
    fc.constantFrom(
      'bytes=0-0',
      'bytes=-1',
      'bytes=5-',
      'bytes=9999999999-',
      'bytes=0-0,2-2',
      `bytes=${'0-1,'.repeat(300)}5-`,
      'bytes=-99999999999999999999',
      '*',
      'W/"x"',
      'Bearer',
      'Bearer x',
      '127.0.0.1, ::1, x',
      'null',
      'text/html;q=0.0000',
      'multipart/form-data',
    ),
    printable(80),
  ),
);
const headers = fc.array(header, { maxLength: 4 });

test('object URLs with any path, token and headers are answered with 2xx to 4xx', async () => {
  const [, , study = '', series = '', file = ''] = objectUrl.pathname.split('/');
  const token = objectUrl.searchParams.get('token') ?? '';
  const statuses = new Set<number | undefined>();
  await fuzz({
    name: 'object URLs with any path',
    of: fc.record({
      method,
      target: fc
        .record({
          parts: fc.tuple(mostly('objects'), mostly(study), mostly(series), mostly(file)),
          more: fc.oneof({ weight: 5, arbitrary: fc.constant([]) }, fc.array(part, { maxLength: 3 })),
          token: mostly(token),
          query: fc.oneof({ weight: 4, arbitrary: fc.constant('') }, printable(60)),
        })
        .map(
          ({ parts, more, token: used, query }) => `/${[...parts, ...more].join('/')}?token=${used}&${query}`,
        ),
      headers,
    }),
    few: 500,
    lanes: 8,
    check: async (raw) => void statuses.add(await request(site.daemon.http.port, raw)),
  });
  expect([...statuses]).toEqual(expect.arrayContaining([200, 401, 404]));
});

test('webhooks with any body and headers are answered with 2xx to 4xx', async () => {
  const values = fc.oneof(
    fc.constantFrom<unknown>(null, true, 0, -1, 1e308, '', 'x', [], {}, '2.25.815', 'study.access_requested'),
    fc.jsonValue(),
    fc.string({ maxLength: 300 }),
  );
  const body = fc.oneof(
    fc
      .record(
        {
          id: fc.oneof(fc.constant(`whe_${'0'.repeat(32)}`), values),
          type: fc.oneof(
            {
              weight: 4,
              arbitrary: fc.constantFrom(
                'study.access_requested',
                'study.created',
                'study.updated',
                'report.created',
                'report.updated',
                'report.finalized',
              ),
            },
            { weight: 1, arbitrary: values },
          ),
          data: fc.oneof(
            fc.record(
              {
                studyId: fc.oneof(fc.constant(studyId), values),
                studyInstanceUid: fc.oneof(fc.constant(STUDY), values),
                study: values,
                report: values,
              },
              { requiredKeys: [] },
            ),
            values,
          ),
        },
        { requiredKeys: [] },
      )
      .map((event) => Buffer.from(JSON.stringify(event))),
    damagedBytes([
      Buffer.from(
        JSON.stringify({
          id: `whe_${'0'.repeat(32)}`,
          type: 'study.access_requested',
          data: { studyId, studyInstanceUid: STUDY },
        }),
      ),
    ]),
    fc.nat(3000).map((depth) => Buffer.from('{"data":'.repeat(depth))),
  );
  const statuses = new Set<number | undefined>();
  await fuzz({
    name: 'webhooks with any body',
    of: fc.record({
      body,
      method: fc.oneof({ weight: 9, arbitrary: fc.constant('POST') }, method),
      timestamp: fc.oneof(
        { weight: 6, arbitrary: fc.constant('now') },
        fc.constantFrom('', '0', '-1', 'NaN', 'Infinity', '1e3', '9'.repeat(400), '0x10', '2025-01-01'),
        printable(30),
      ),
      signature: fc.oneof(
        { weight: 6, arbitrary: fc.constant('good') },
        fc.constantFrom('', 'sha256=', '00', 'z'.repeat(64), '0'.repeat(64), '0'.repeat(10_000)),
        printable(70),
      ),
      headers,
    }),
    few: 500,
    lanes: 8,
    async check({ body: bytes, timestamp, signature, headers: more, method: verb }) {
      const sentAt = timestamp === 'now' ? String(Date.now()) : timestamp;
      const good = createHmac('sha256', city.webhookSecret).update(sentAt).update(bytes).digest('hex');
      const status = await request(site.daemon.http.port, {
        method: verb,
        target: '/webhooks/avara',
        headers: [
          ['X-Avara-Timestamp', sentAt],
          ['X-Avara-Signature', signature === 'good' ? good : signature],
          ...more,
        ],
        body: bytes,
      });
      statuses.add(status);
      if (signature !== 'good') expect(status).not.toBe(200);
    },
  });
  expect([...statuses]).toEqual(expect.arrayContaining([200, 400, 401]));
});

test('the admin API with any query is answered with 2xx to 4xx', async () => {
  const paths = [
    '/api/studies',
    '/api/status',
    '/api/route',
    '/api/retry',
    '/api/associations',
    '/metrics',
    '/healthz',
    '/',
    '/login',
    `/api/studies/${city.customer}/${STUDY}/retry`,
  ];
  const names = [
    ...['limit', 'cursor', 'customer', 'state', 'delivery', 'q', 'since', 'calledAe', 'callingAe', 'from'],
    ...['called', 'calling', 'peer', 'outcome'],
  ];
  const values = [
    ...[
      '1',
      '1000',
      '1001',
      '0',
      'receiving',
      'stable',
      'attention',
      city.customer,
      STUDY,
      'CITYMED',
      '10.1.2.3',
    ],
    ...[
      'Builder',
      '2024-01-01',
      Buffer.from('{"a":1}').toString('base64url'),
      Buffer.from('[1,2]').toString('base64'),
    ],
  ];
  const statuses = new Set<number | undefined>();
  await fuzz({
    name: 'the admin API with any query',
    of: fc.record({
      method,
      target: fc
        .record({
          path: fc.oneof(
            { weight: 5, arbitrary: fc.constantFrom(...paths) },
            { weight: 1, arbitrary: fc.constantFrom(...paths).chain(damagedText) },
          ),
          query: fc.array(
            fc.tuple(
              fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...names) }, part),
              fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: part }),
            ),
            { maxLength: 4 },
          ),
        })
        .map(({ path, query }) => `${path}?${query.map(([name, value]) => `${name}=${value}`).join('&')}`),
      headers,
      body: damagedBytes([Buffer.from('{"customer":"city-medical"}'), Buffer.from('token=x')]),
    }),
    few: 500,
    lanes: 8,
    check: async ({ body, ...raw }) =>
      void statuses.add(
        await request(site.daemon.admin.port, raw.method === 'POST' ? { ...raw, body } : raw),
      ),
  });
  expect([...statuses]).toEqual(expect.arrayContaining([200, 400, 404]));
});
