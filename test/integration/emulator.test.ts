import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AvaraEmulator } from '../../src/emulator/avara-emulator.ts';
import { createAvaraEmulator } from '../../src/emulator/avara-emulator.ts';
import type { FaultRule } from '../../src/emulator/faults.ts';
import { ACCOUNT, accountOptions, AUTOSCRIBE_CREATE, VIEWER_CREATE } from '../support/emulated-account.ts';
import { buildPart10File } from '../support/part10-file.ts';

const STUDY = VIEWER_CREATE.studyInstanceUid;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let emulator: AvaraEmulator;
let url: string;

function call(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${ACCOUNT.allKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
}
const create = (signal?: AbortSignal) => call('POST', '/v1/viewer/studies', VIEWER_CREATE, signal);

describe('faults over the network', () => {
  beforeEach(async () => {
    emulator = createAvaraEmulator(accountOptions());
    ({ url } = await emulator.start());
  });
  afterEach(() => emulator.stop());

  async function inject(rule: FaultRule): Promise<void> {
    const response = await call('POST', '/__emulator/faults', { times: 1, ...rule });
    expect(response.status).toBe(201);
  }
  const studies = () => emulator.state.studies();

  it('loses the reply after the study was made', async () => {
    await inject({ fault: { type: 'reply-lost' } });
    await expect(create()).rejects.toMatchObject({
      cause: { code: expect.stringMatching(/UND_ERR_SOCKET|ECONNRESET/) as string },
    });
    expect(studies()).toHaveLength(1);
    const found = await call('GET', `/v1/viewer/studies/by-uid/${STUDY}`);
    expect(await found.json()).toMatchObject({ studyId: studies()[0]?.studyId });
    expect(emulator.state.requests()[0]).toMatchObject({ fault: 'reply-lost', status: null });
  });

  it('resets the connection before anything happens', async () => {
    await inject({ fault: { type: 'connection-reset' } });
    await expect(create()).rejects.toThrow();
    expect(studies()).toEqual([]);
    expect((await create()).status).toBe(201);
  });

  it.each([
    [{ seconds: 7 }, 'retry-after', '7'],
    [{ ms: 250 }, 'retry-after-ms', '250'],
  ])('sends %j with 429', async (retryAfter, header, value) => {
    await inject({ fault: { type: 'status', status: 429, retryAfter } });
    const response = await create();
    expect(response.status).toBe(429);
    expect(response.headers.get(header)).toBe(value);
    expect(studies()).toEqual([]);
  });

  it('sends Retry-After as an HTTP date', async () => {
    await inject({
      fault: { type: 'status', status: 503, retryAfter: { dateInMs: 3_600_000 }, shouldRetry: false },
    });
    const response = await create();
    const date = response.headers.get('retry-after') ?? '';
    expect(new Date(date).toUTCString()).toBe(date);
    expect(Date.parse(date)).toBeGreaterThan(Date.now());
    expect(response.headers.get('x-should-retry')).toBe('false');
  });

  it.each([401, 403, 408, 409, 422, 500, 502, 503])('answers %i with a message', async (status) => {
    await inject({ fault: { type: 'status', status } });
    const response = await create();
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ message: expect.any(String) as string });
    expect(studies()).toEqual([]);
  });

  it('answers 500 after the study was made', async () => {
    await inject({ fault: { type: 'status', status: 500, afterCommit: true } });
    expect((await create()).status).toBe(500);
    expect(studies()).toHaveLength(1);
  });

  it.each([false, true])('hangs until the client gives up (after commit: %s)', async (afterCommit) => {
    await inject({ fault: { type: 'hang', afterCommit } });
    const client = new AbortController();
    const hanging = create(client.signal);
    hanging.catch(() => undefined);
    await expect.poll(() => emulator.faults.list()[0]?.struck).toBe(1);
    await expect.poll(() => studies().length).toBe(afterCommit ? 1 : 0);
    client.abort();
    await expect(hanging).rejects.toThrow(/abort/i);
    expect(studies()).toHaveLength(afterCommit ? 1 : 0);
  });

  it('stops while a request hangs', async () => {
    await inject({ fault: { type: 'hang' } });
    const hanging = create();
    hanging.catch(() => undefined);
    await expect.poll(() => emulator.faults.list()[0]?.struck).toBe(1);
    await emulator.stop();
    await expect(hanging).rejects.toThrow();
  });

  it.each(['reply', 'state'] as const)('puts the wrong customer in the %s', async (where) => {
    await inject({ fault: { type: 'wrong-customer', in: where } });
    const reply = (await (await create()).json()) as { studyId: string };
    expect(reply).toMatchObject({ expressCustomer: { expressCustomerId: ACCOUNT.harbour } });
    const kept = await (await call('GET', `/v1/viewer/studies/${reply.studyId}`)).json();
    const expected = where === 'state' ? ACCOUNT.harbour : ACCOUNT.city;
    expect(kept).toMatchObject({ expressCustomer: { expressCustomerId: expected } });
  });

  it('leaves the studyId out', async () => {
    await inject({ fault: { type: 'missing-study-id' } });
    const response = await create();
    expect(response.status).toBe(201);
    expect(await response.json()).not.toHaveProperty('studyId');
  });

  it('sends half the JSON', async () => {
    await inject({ fault: { type: 'invalid-json' } });
    const response = await create();
    expect(response.headers.get('content-type')).toContain('json');
    await expect(response.json()).rejects.toThrow(SyntaxError);
  });

  it('lets the body trickle out whole', async () => {
    await inject({ fault: { type: 'slow-body', durationMs: 100 } });
    const response = await create();
    let parts = 0;
    for await (const part of response.body ?? []) parts += part === undefined ? 0 : 1;
    expect(parts).toBeGreaterThan(1);
  });

  it('waits, then goes on', async () => {
    await inject({ fault: { type: 'latency', ms: 20 } });
    expect((await create()).status).toBe(201);
    expect(emulator.state.requests().at(-1)).toMatchObject({ fault: 'latency', status: 201 });
  });

  it('keeps a client waiting for as long as the latency is', async () => {
    await inject({ fault: { type: 'latency', ms: 3_600_000 } });
    const client = new AbortController();
    const waiting = create(client.signal);
    waiting.catch(() => undefined);
    await expect.poll(() => emulator.faults.list()[0]?.struck).toBe(1);
    client.abort();
    await expect(waiting).rejects.toThrow(/abort/i);
    expect(studies()).toEqual([]);
  });

  it('strikes only where the rule says', async () => {
    await inject({ match: { product: 'autoScribe' }, fault: { type: 'status', status: 500 } });
    expect((await create()).status).toBe(201);
    expect((await call('POST', '/__emulator/faults', { fault: { type: 'flood' } })).status).toBe(400);
  });

  it('forgets all at reset, and listens at the same place after an outage', async () => {
    await create();
    await inject({ fault: { type: 'hang' } });
    await call('POST', '/__emulator/reset', {});
    expect(studies()).toEqual([]);
    expect((await create()).status).toBe(201);
    await emulator.stop();
    await expect(create()).rejects.toThrow();
    expect((await emulator.start()).url).toBe(url);
    expect((await call('GET', `/v1/viewer/studies/by-uid/${STUDY}`)).status).toBe(200);
  });
});

describe("Avara's viewer", () => {
  interface Received {
    readonly headers: IncomingMessage['headers'];
    readonly body: Buffer;
  }
  let receiver: Server;
  let received: Received[];
  let answer: unknown;
  let files: Map<string, (response: ServerResponse) => void>;
  let base: string;
  let studyId: string;

  const first = buildPart10File({
    studyInstanceUid: STUDY,
    sopInstanceUid: '1.2.1',
    pixelDataLength: 3_000_000,
  });
  const second = buildPart10File({ studyInstanceUid: STUDY, sopInstanceUid: '1.2.2' });

  function serve(path: string, file: Buffer, headers: Record<string, string> = {}): void {
    files.set(path, (response) => {
      const length = String(file.length);
      response.writeHead(200, { 'content-type': 'application/dicom', 'content-length': length, ...headers });
      response.end(file);
    });
  }

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const file = files.get(request.url ?? '');
    if (file !== undefined) {
      file(response);
      return;
    }
    if (request.method !== 'POST') return void response.writeHead(404).end();
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    received.push({ headers: request.headers, body: Buffer.concat(chunks) });
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }

  beforeEach(async () => {
    received = [];
    files = new Map();
    receiver = createServer((request, response) => void receive(request, response));
    receiver.listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    base = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
    emulator = createAvaraEmulator(accountOptions(`${base}/webhooks/avara`));
    ({ url } = await emulator.start());
    ({ studyId } = (await (await create()).json()) as { studyId: string });
    serve('/1.dcm', first.file);
    serve('/2.dcm', second.file);
    answer = { authorized: true, urls: [`${base}/1.dcm`, `${base}/2.dcm`] };
  });
  afterEach(async () => {
    await emulator.stop();
    receiver.closeAllConnections();
    await new Promise((resolve) => receiver.close(resolve));
  });

  const open = (options?: Parameters<AvaraEmulator['viewer']['openStudy']>[1]) =>
    emulator.viewer.openStudy(studyId, options);
  const hmac = (key: string | Buffer, ...parts: (string | Buffer)[]) =>
    parts.reduce((mac, part) => mac.update(part), createHmac('sha256', key));

  it('sends a signed event and reads every file', async () => {
    const report = await open();
    expect(report).toMatchObject({ authorized: true, status: 200, problems: [], manifestReport: null });
    expect(report.files).toEqual(
      [first, second].map(({ file, dataSet }, index) => ({
        url: `${base}/${index + 1}.dcm`,
        status: 200,
        bytes: file.length,
        sha256: sha256(file),
        dataSetSha256: sha256(dataSet),
        sopInstanceUid: `1.2.${index + 1}`,
        problems: [],
      })),
    );
    const [{ headers, body } = { headers: {}, body: Buffer.alloc(0) }] = received;
    expect(JSON.parse(body.toString())).toEqual({
      id: report.eventId,
      type: 'study.access_requested',
      data: { studyId, studyInstanceUid: STUDY },
    });
    expect(report.eventId).toMatch(/^whe_[0-9a-f]{32}$/);
    const timestamp = String(headers['x-avara-timestamp']);
    expect(headers['x-avara-signature']).toBe(hmac(ACCOUNT.webhookSecret, timestamp, body).digest('hex'));
  });

  it('signs as asked: decoded secret, Standard Webhooks', async () => {
    const key = Buffer.from(ACCOUNT.webhookSecret.slice(6), 'base64');
    await open({ signing: { scheme: 'avara-headers', key: 'decoded-secret' } });
    await open({ signing: { scheme: 'standard-webhooks' } });
    const [a, b] = received;
    const timestamp = String(a?.headers['x-avara-timestamp']);
    expect(a?.headers['x-avara-signature']).toBe(hmac(key, timestamp, a?.body ?? '').digest('hex'));
    const id = String(b?.headers['webhook-id']);
    const prefix = `${id}.${String(b?.headers['webhook-timestamp'])}.`;
    expect(b?.headers['webhook-signature']).toBe(`v1,${hmac(key, prefix, b?.body ?? '').digest('base64')}`);
    expect(b?.headers).not.toHaveProperty('x-avara-signature');
  });

  it('misbehaves as asked', async () => {
    const verifies = ({ headers, body }: Received) =>
      headers['x-avara-signature'] ===
      hmac(ACCOUNT.webhookSecret, String(headers['x-avara-timestamp']), body).digest('hex');
    for (const misbehaviour of ['wrong-secret', 'truncated-body', 'tampered-body', 'unsigned'] as const) {
      await open({ misbehaviour });
    }
    expect(received.map(verifies)).toEqual([false, false, false, false]);
    await open({ misbehaviour: 'stale-timestamp' });
    const stale = received.at(-1);
    expect(stale !== undefined && verifies(stale)).toBe(true);
    expect(Date.now() - Number(stale?.headers['x-avara-timestamp'])).toBeGreaterThanOrEqual(3_600_000);
  });

  it('replays a request byte for byte', async () => {
    await expect(open({ replay: true })).rejects.toThrow('nothing to replay');
    await open();
    await open({ replay: true });
    const [a, b] = received;
    expect(b?.body).toEqual(a?.body);
    expect(b?.headers['x-avara-signature']).toBe(a?.headers['x-avara-signature']);
    expect(b?.headers['x-avara-timestamp']).toBe(a?.headers['x-avara-timestamp']);
  });

  it('reports a refusal as such', async () => {
    answer = { authorized: false, urls: [], error: 'study not found' };
    expect(await open()).toMatchObject({
      authorized: false,
      error: 'study not found',
      problems: [],
      files: [],
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['no urls', { authorized: true }, /urls/],
    ['authorized as text', { authorized: 'true', urls: [] }, /authorized/],
    ['an unknown field', { authorized: false, urls: [], error: 'x', files: [] }, /files/],
    ['URLs in a refusal', { authorized: false, urls: ['http://127.0.0.1/x'], error: 'x' }, /refusal/],
    ['plain HTTP to another host', { authorized: true, urls: ['http://images.invalid/x'] }, /https/],
    ['manifests', { authorized: true, urls: [], manifests: [] }, /manifests/],
  ])('complains of an answer with %s', async (_, body, problem) => {
    answer = body;
    const { problems } = await open({ fetchFiles: false });
    expect(problems.some((text) => problem.test(text))).toBe(true);
  });

  it('complains of each file that is not right', async () => {
    const foreign = buildPart10File({ studyInstanceUid: '9.9', sopInstanceUid: '1.2.5' });
    serve('/type', buildPart10File({ studyInstanceUid: STUDY, sopInstanceUid: '1.2.3' }).file, {
      'content-type': 'application/octet-stream',
    });
    serve('/foreign', foreign.file);
    serve('/preamble', Buffer.from('not DICOM'.repeat(50)));
    serve('/cut', second.file.subarray(0, 150));
    files.set('/short', (response) => {
      response.writeHead(200, { 'content-type': 'application/dicom', 'content-length': '1000' });
      response.write(second.file.subarray(0, 200), () => response.destroy());
    });
    const names = ['gone', 'type', 'foreign', 'preamble', 'cut', 'short'];
    answer = { authorized: true, urls: names.map((name) => `${base}/${name}`) };
    const report = await open();
    expect(report.files.map((file) => file.problems.join(' | '))).toEqual([
      'status 404',
      expect.stringMatching(/^content-type is application\/octet-stream[^|]*$/),
      'StudyInstanceUID is 9.9',
      expect.stringContaining('not a Part 10 file'),
      expect.stringContaining('not a Part 10 file'),
      expect.stringContaining('could not be fetched'),
    ]);
    expect(report.problems).toHaveLength(names.length);
  });

  it('holds the manifest against the files', async () => {
    const sop = (sopInstanceUID: string, rows: unknown) => ({
      ...{ sopInstanceUID, sopClassUID: '1.2.840.10008.5.1.4.1.1.2', rows, columns: 1, bitsAllocated: 16 },
      ...{ samplesPerPixel: 1, photometricInterpretation: 'MONOCHROME2' },
    });
    const sops = [sop('1.2.1', 1), sop('1.2.2', '1'), sop('1.2.9', 1)];
    const series = [
      { seriesInstanceUID: '1.9', modality: 'CT', seriesDescription: 'x', seriesNumber: 1, sops },
    ];
    answer = { ...(answer as object), manifest: { studyInstanceUID: STUDY, series } };
    const { manifestReport, problems } = await open();
    expect(manifestReport?.isUsed).toBe(true);
    expect(problems).toEqual([
      expect.stringMatching(/dropped 1\.2\.2: rows/),
      'manifest: 1.2.9 is not among the files',
    ]);
  });

  it('wants files readable from its origin, when it has one', async () => {
    const { viewer, state } = createAvaraEmulator({
      ...accountOptions(`${base}/webhooks/avara`),
      viewerOrigin: 'https://viewer.example',
    });
    for (const study of emulator.state.studies()) state.putStudy(study);
    serve('/2.dcm', second.file, { 'access-control-allow-origin': 'https://viewer.example' });
    const report = await viewer.openStudy(studyId);
    expect(report.files.map((file) => file.problems.length)).toEqual([1, 0]);
  });

  it('reports a receiver that is down', async () => {
    receiver.closeAllConnections();
    await new Promise((resolve) => receiver.close(resolve));
    expect(await open()).toMatchObject({ status: null, authorized: false });
    expect((await open()).problems[0]).toMatch(/no answer/);
  });

  it('delivers a report, signed, with a PDF behind its URL', async () => {
    const made = await call('POST', '/v1/autoScribe/studies', AUTOSCRIBE_CREATE);
    const study = (await made.json()) as { studyId: string };
    answer = { success: true };
    const options = { isCritical: true, plainText: 'No finding.' };
    const report = await emulator.reportDesk.deliver(study.studyId, options);
    expect(report).toMatchObject({ status: 200, problems: [] });
    const [event] = received;
    expect(JSON.parse(String(event?.body))).toEqual({
      id: report.eventId,
      type: 'report.delivered',
      data: {
        reportId: expect.stringMatching(/^rep_[0-9a-f]{32}$/) as string,
        studyId: study.studyId,
        presignedUrl: report.presignedUrl,
        ...options,
      },
    });
    const timestamp = String(event?.headers['x-avara-timestamp']);
    expect(event?.headers['x-avara-signature']).toBe(
      hmac(ACCOUNT.webhookSecret, timestamp, event?.body ?? '').digest('hex'),
    );
    const pdf = await fetch(report.presignedUrl);
    expect(pdf.headers.get('content-type')).toBe('application/pdf');
    expect(await pdf.text()).toMatch(/^%PDF-1\.4[^]*not Avara[^]*%%EOF/);
    expect((await fetch(`${report.presignedUrl}x`)).status).toBe(404);
    const kept = await call('GET', `/v1/autoScribe/studies/${study.studyId}`);
    expect(await kept.json()).toMatchObject({
      studyReportStatus: 'completed',
      isCritical: true,
      reportIds: [{ reportId: report.reportId, status: 'completed', isCritical: true }],
    });
  });

  it('delivers a report again under the same event id', async () => {
    const made = await call('POST', '/v1/autoScribe/studies', AUTOSCRIBE_CREATE);
    const study = (await made.json()) as { studyId: string };
    const delivery = { studyId: study.studyId };
    const response = await call('POST', '/__emulator/reports/deliver', delivery);
    const sent = (await response.json()) as { eventId: string; reportId: string; problems: string[] };
    expect(sent.problems).toEqual(['answer: not {"success":true}']);
    const { eventId, reportId } = sent;
    await call('POST', '/__emulator/reports/deliver', { ...delivery, options: { eventId, reportId } });
    const [a, b] = received.map(({ body }) => JSON.parse(String(body)) as { id: string; data: object });
    expect(b?.id).toBe(a?.id);
    expect(b?.data).toMatchObject({ reportId });
  });

  it('opens a study over HTTP and from the reroute URL', async () => {
    const named = { product: 'viewer', studyInstanceUid: STUDY };
    const opened = await call('POST', '/__emulator/viewer/open', named);
    expect(await opened.json()).toMatchObject({ authorized: true, problems: [], studyId });
    expect((await call('POST', '/__emulator/viewer/open', { studyId: 'stu_1' })).status).toBe(404);
    const reroute = await call('POST', '/v1/viewer/studies/reroute-url', { studyId });
    const page = await fetch(((await reroute.json()) as { url: string }).url);
    const text = await page.text();
    expect(text).toContain('It is not Avara');
    expect(text).toContain('Access granted: 2 files');
    expect(await (await fetch(url)).text()).toContain(STUDY);
  });
});
