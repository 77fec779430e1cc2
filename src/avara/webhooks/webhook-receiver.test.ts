import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../../test/support/recording-logger.ts';
import { signedWebhook } from '../../../test/support/signed-webhook.ts';
import { studyRecord } from '../../../test/support/study-records.ts';
import type { AuditEntry } from '../../core/ports/audit-trail.ts';
import { customerKey } from '../../core/study/instance.ts';
import type { SeriesDescription, StudyRecord } from '../../core/study/study.ts';
import { uid } from '../../dicom/uid.ts';
import { createWebhookReceiver } from './webhook-receiver.ts';
import type { WebhookReceiverOptions } from './webhook-receiver.ts';

const SHARED = 'whsec_c2hhcmVkLXNlY3JldC0wMQ';
const OLD_SHARED = 'whsec_b2xkLXNoYXJlZC1zZWNyZXQ';
const OWN = 'whsec_aGlsbHMtb3duLXNlY3JldA';

const city = studyRecord({ customer: 'city', study: '1.2.3', instances: 2 });
const port = studyRecord({ customer: 'port', study: '1.2.4', instances: 2 });
const hill = studyRecord({ customer: 'hill', study: '1.2.5', instances: 2 });
const byAvaraId: Readonly<Record<string, StudyRecord>> = { stu_city: city, stu_port: port, stu_hill: hill };

const CT = {
  sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'),
  image: {
    rows: 2,
    columns: 2,
    bitsAllocated: 8,
    samplesPerPixel: 1,
    photometricInterpretation: 'MONOCHROME2',
  },
};

/** A series of CT slices `<series>.1`, `<series>.2` and so on. */
function seriesOf(series: string, instances: number, attributes = { Modality: 'CT' }): SeriesDescription {
  const sopInstanceUids = Array.from({ length: instances }, (_, at) => uid(`${series}.${at + 1}`));
  const runs = [{ ...CT, sopInstanceUids, instanceNumbers: sopInstanceUids.map((_, at) => at) }];
  return { seriesInstanceUid: uid(series), attributes, instances, runs: instances === 0 ? [] : runs };
}

/** city and port share an account of Avara (two secrets while they change), hill has its own. */
function setUp(changes: Partial<WebhookReceiverOptions> = {}) {
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const audit: AuditEntry[] = [];
  const receiver = createWebhookReceiver({
    secrets: new Map([
      [customerKey('city'), [SHARED, OLD_SHARED]],
      [customerKey('port'), [SHARED]],
      [customerKey('hill'), [OWN]],
    ]),
    index: {
      findStudyByAvaraId(id) {
        const study = byAvaraId[id];
        return study && { study, product: 'viewer' };
      },
      findStudiesByUid: (asked) => [city, port, hill].filter(({ key }) => key.studyInstanceUid === asked),
      describeStudy: () => [seriesOf('7.1', 2)],
    },
    objectUrls: {
      forStudy: ({ customer }) => ({
        head: (series) => `https://images.example/${customer}/${series}/`,
        tail: '.dcm?token="t"',
      }),
    },
    audit: { record: (entry) => void audit.push(entry) },
    clock,
    logger,
    ...changes,
  });
  const send = async (event: object | string, secret = SHARED) => {
    const request = signedWebhook({ secret, sentAt: clock.now(), event, peerAddress: '192.0.2.9' });
    const { status, body } = await receiver.receive(request);
    return { status, body: body instanceof Buffer ? (JSON.parse(body.toString()) as unknown) : body };
  };
  return { receiver, clock, logger, audit, send };
}

function accessEvent(studyId: string, studyInstanceUid: string) {
  return { id: 'whe_1', type: 'study.access_requested', data: { studyId, studyInstanceUid } };
}

const NOT_FOUND = { status: 200, body: { authorized: false, urls: [], error: 'study not found' } };

describe('study.access_requested', () => {
  it('is answered with the URL of every object and a manifest in the same order', async () => {
    const { send, audit } = setUp();
    expect(await send(accessEvent('stu_city', '1.2.3'))).toEqual({
      status: 200,
      body: {
        authorized: true,
        urls: ['1', '2'].map((number) => `https://images.example/city/7.1/7.1.${number}.dcm?token="t"`),
        manifest: {
          studyInstanceUID: '1.2.3',
          series: [
            expect.objectContaining({
              seriesInstanceUID: '7.1',
              sops: [
                expect.objectContaining({ sopInstanceUID: '7.1.1' }),
                expect.objectContaining({ sopInstanceUID: '7.1.2' }),
              ],
            }),
          ],
        },
      },
    });
    expect(audit).toEqual([
      {
        event: 'study.access_granted',
        customer: 'city',
        studyInstanceUid: '1.2.3',
        actor: 'avara',
        peerAddress: '192.0.2.9',
        detail: 'whe_1: matched by avara-id, 2 urls',
      },
    ]);
  });

  it('is answered by the UID alone while Avara’s id is not known yet', async () => {
    const { send } = setUp();
    expect(await send(accessEvent('stu_new', '1.2.4'))).toMatchObject({ body: { authorized: true } });
  });

  it('is answered the same way when it is delivered again', async () => {
    const { send } = setUp();
    const first = await send(accessEvent('stu_city', '1.2.3'));
    expect(await send(accessEvent('stu_city', '1.2.3'))).toEqual(first);
  });

  it('takes the name that the documentation’s samples have for the UID', async () => {
    const { send } = setUp();
    const data = { studyId: 'stu_city', studyUid: '1.2.3' };
    expect(await send({ id: 'whe_1', type: 'study.access_requested', data })).toMatchObject({
      body: { authorized: true },
    });
  });

  it('never opens a study of a customer whose secret did not sign', async () => {
    const { send, audit } = setUp();
    expect(await send(accessEvent('stu_hill', '1.2.5'), SHARED)).toEqual(NOT_FOUND);
    expect(await send(accessEvent('stu_new', '1.2.5'), SHARED)).toEqual(NOT_FOUND);
    expect(await send(accessEvent('stu_city', '1.2.3'), OWN)).toEqual(NOT_FOUND);
    expect(await send(accessEvent('stu_port', '1.2.4'), OLD_SHARED)).toEqual(NOT_FOUND);
    expect(audit).toHaveLength(4);
    expect(audit[0]).toMatchObject({
      event: 'study.access_refused',
      customer: 'hill',
      studyInstanceUid: '1.2.5',
      detail: 'whe_1: foreign-customer',
    });
    expect(await send(accessEvent('stu_hill', '1.2.5'), OWN)).toMatchObject({ body: { authorized: true } });
  });

  it('refuses what is unknown or does not fit together, and writes it down', async () => {
    const { send, audit } = setUp();
    expect(await send(accessEvent('stu_new', '1.9.9'))).toEqual(NOT_FOUND);
    expect(await send(accessEvent('stu_city', '1.2.4'))).toEqual(NOT_FOUND);
    expect(await send(accessEvent('stu_new', 'Doe^Jane'))).toEqual(NOT_FOUND);
    expect(audit.map(({ event, detail }) => [event, detail])).toEqual([
      ['study.access_refused', 'whe_1: unknown-study'],
      ['study.access_refused', 'whe_1: uid-mismatch'],
      ['study.access_refused', 'whe_1: unknown-study'],
    ]);
    expect(JSON.stringify(audit)).not.toContain('Doe');
  });

  it('leaves the manifest out where nothing can be described', async () => {
    const { send } = setUp({
      index: {
        findStudyByAvaraId: () => ({ study: city, product: 'viewer' }),
        findStudiesByUid: () => [],
        describeStudy: () => [seriesOf('7.1', 2, { Modality: '' })],
      },
    });
    const { body } = await send(accessEvent('stu_city', '1.2.3'));
    expect(body).toMatchObject({ authorized: true, urls: [expect.anything(), expect.anything()] });
    expect(body).not.toHaveProperty('manifest');
  });

  it('is refused, not failed, where the index fails', async () => {
    const { send, logger } = setUp({
      index: {
        findStudyByAvaraId() {
          throw new Error('disk I/O error');
        },
        findStudiesByUid: () => [],
        describeStudy: () => [],
      },
    });
    expect(await send(accessEvent('stu_city', '1.2.3'))).toMatchObject({
      status: 200,
      body: { authorized: false, urls: [] },
    });
    expect(logger.messages('error')).toEqual(['a webhook could not be answered']);
  });

  it('answers for 5,000 images of several series in the order of the index', async () => {
    const { send } = setUp({
      index: {
        findStudyByAvaraId: () => ({ study: city, product: 'viewer' }),
        findStudiesByUid: () => [],
        describeStudy: () => [seriesOf('7.2', 2_000), seriesOf('7.9', 0), seriesOf('7.1', 3_000)],
      },
    });
    const { body } = await send(accessEvent('stu_city', '1.2.3'));
    const { urls, manifest } = body as { urls: string[]; manifest: { series: { sops: unknown[] }[] } };
    expect(urls).toHaveLength(5_000);
    expect(urls[1_999]).toBe('https://images.example/city/7.2/7.2.2000.dcm?token="t"');
    expect(urls[2_000]).toBe('https://images.example/city/7.1/7.1.1.dcm?token="t"');
    expect(urls[4_999]).toBe('https://images.example/city/7.1/7.1.3000.dcm?token="t"');
    expect(manifest.series.map(({ sops }) => sops.length)).toEqual([2_000, 3_000]);
  });

  it('tells of what came, and no more of what went, since the study was opened last', async () => {
    let study = city;
    let instances = 2;
    const { send } = setUp({
      index: {
        findStudyByAvaraId: () => ({ study, product: 'viewer' }),
        findStudiesByUid: () => [],
        describeStudy: () => [seriesOf('7.1', instances)],
      },
    });
    const open = async () => {
      const { body } = await send(accessEvent('stu_city', '1.2.3'));
      const { urls = [], manifest } = body as {
        urls?: string[];
        manifest?: { series: { sops: unknown[] }[] };
      };
      return [urls.length, manifest?.series[0]?.sops.length];
    };
    expect(await open()).toEqual([2, 2]);
    instances = 3;
    study = { ...city, instances, lastReceivedAt: city.lastReceivedAt };
    expect(await open()).toEqual([3, 3]);
    instances = 1;
    study = { ...city, instances, lastReceivedAt: city.lastReceivedAt + 1 };
    expect(await open()).toEqual([1, 1]);
  });

  it('never shows one customer what it described for another under the same UID', async () => {
    const shared = studyRecord({ customer: 'port', study: '1.2.3', instances: 2 });
    const { send } = setUp({
      index: {
        findStudyByAvaraId: (id) => ({ study: id === 'stu_city' ? city : shared, product: 'viewer' }),
        findStudiesByUid: () => [],
        describeStudy: ({ customer }) => [seriesOf(customer === 'city' ? '7.1' : '8.1', 2)],
      },
    });
    const urlOf = async (id: string) =>
      ((await send(accessEvent(id, '1.2.3'))).body as { urls: string[] }).urls[0];
    expect(await urlOf('stu_city')).toBe('https://images.example/city/7.1/7.1.1.dcm?token="t"');
    expect(await urlOf('stu_port')).toBe('https://images.example/port/8.1/8.1.1.dcm?token="t"');
    expect(await urlOf('stu_city')).toBe('https://images.example/city/7.1/7.1.1.dcm?token="t"');
  });
});

describe('createWebhookReceiver', () => {
  it('answers 401 to any doubt about the signature', async () => {
    const { receiver, clock, send } = setUp();
    const event = accessEvent('stu_city', '1.2.3');
    const unauthorized = { status: 401, body: { error: 'Invalid signature' } };
    expect(await send(event, 'whsec_bm90LW91cnMtYXQtYWxs')).toEqual(unauthorized);
    const old = signedWebhook({ secret: SHARED, sentAt: clock.now() - 301_000, event });
    expect(await receiver.receive(old)).toEqual(unauthorized);
    expect(await receiver.receive({ ...old, header: () => [] })).toEqual(unauthorized);
  });

  it('follows secrets that are changed in place', async () => {
    const secrets = new Map([[customerKey('city'), [SHARED]]]);
    const { send } = setUp({ secrets });
    const event = accessEvent('stu_city', '1.2.3');
    secrets.set(customerKey('city'), [OWN]);
    expect((await send(event, SHARED)).status).toBe(401);
    expect(await send(event, OWN)).toMatchObject({ body: { authorized: true } });
  });

  it('logs refused signatures once a minute, with their number', async () => {
    const { send, clock, logger } = setUp();
    const event = accessEvent('stu_city', '1.2.3');
    for (let count = 0; count < 50; count++) await send(event, 'whsec_bm90LW91cnMtYXQtYWxs');
    expect(logger.messages('warn')).toHaveLength(1);
    clock.advance(60_000);
    await send(event, 'whsec_bm90LW91cnMtYXQtYWxs');
    expect(logger.lines.at(-1)?.fields).toMatchObject({ reason: 'wrong-signature', alsoSinceLastLine: 49 });
  });

  it.each([
    ['not JSON', '{"id":'],
    ['no object', '[]'],
    ['no type', { id: 'whe_1', data: {} }],
    ['no id', { type: 'study.access_requested', data: {} }],
    ['an endless type', { id: 'whe_1', type: 'x'.repeat(201), data: {} }],
    ['no data', { id: 'whe_1', type: 'study.access_requested' }],
    ['data without the UID', { id: 'whe_1', type: 'study.access_requested', data: { studyId: 'stu_1' } }],
    ['data of wrong kinds', { id: 'whe_1', type: 'study.access_requested', data: { studyId: 1 } }],
  ])('answers 400 to a signed body with %s', async (_, event) => {
    const { send, logger } = setUp();
    const { status, body } = await send(event);
    expect(status).toBe(400);
    expect(body).toEqual({ error: expect.any(String) as string });
    expect(logger.messages('warn')).toHaveLength(1);
  });

  it.each([
    [
      'ephemeral.access_requested',
      { authorized: false, urls: [], error: 'ephemeral sessions are not served here' },
    ],
    [
      'secondary_capture.access_requested',
      { authorized: false, uploadUrls: [], error: 'captures are not taken here' },
    ],
    [
      'modality_worklist.requested',
      { authorized: false, items: [], error: 'no worklist is configured here' },
    ],
    ['patient_study.enrichment_requested', {}],
    ['clinical_context.enrichment_requested', {}],
    ['report.delivered', { success: false, error: 'reports are not taken here' }],
    ['moon.phase_changed', { authorized: false, success: false, urls: [], error: 'unsupported event type' }],
  ])('answers %s safely', async (type, body) => {
    const { send, logger } = setUp();
    expect(await send({ id: 'whe_1', type, data: { anything: 1 } })).toEqual({ status: 200, body });
    expect(logger.lines.at(-1)).toMatchObject({ level: 'warn', fields: { type } });
  });

  it('answers a refusal where a handler takes too long', async () => {
    const handlers = new Map([['secondary_capture.access_requested', () => new Promise(() => undefined)]]);
    const { send, clock, logger } = setUp({ handlers, deadlineMs: 8_000 });
    const answer = send({ id: 'whe_1', type: 'secondary_capture.access_requested', data: {} });
    clock.advance(8_000);
    expect(await answer).toEqual({
      status: 200,
      body: { authorized: false, uploadUrls: [], error: 'the imaging site did not answer in time' },
    });
    expect(logger.messages('error')).toEqual(['a webhook was not answered in time']);
  });

  it('leaves no timer behind', async () => {
    const { send, clock } = setUp();
    await send(accessEvent('stu_city', '1.2.3'));
    expect(clock.pending).toBe(0);
  });

  it.each([
    [{ secrets: new Map([[customerKey('city'), ['']]]) }],
    [{ secrets: new Map([[customerKey('city'), ['whsec_']]]) }],
    [{ toleranceSeconds: 0 }],
    [{ deadlineMs: -1 }],
  ])('refuses to be made with %o', (changes) => {
    expect(() => setUp(changes)).toThrow(RangeError);
  });
});
