import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { MISBEHAVIOURS } from '../../src/emulator/webhook-sender.ts';
import { askForStudy, postAccessWebhook, signAccessWebhook } from '../support/access-webhook.ts';
import { dataSetOf, syntheticCt } from '../support/data-sets.ts';
import { sendObjects, sha256Of } from '../support/send-objects.ts';
import { areAllCreated, CENTRES, createSite, type Site } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';

const { city } = CENTRES;
const STUDY = '2.25.815';
const OTHER_STUDY = '2.25.816';
const WINDOW_MS = 300_000;

const image = syntheticCt({ rows: 64, columns: 64, studyInstanceUid: STUDY });
const others = syntheticCt({ rows: 16, columns: 16, studyInstanceUid: OTHER_STUDY });

interface Opened {
  readonly studyId: string;
  readonly url: URL;
}

/** Sends both studies, waits until they are at Avara, and opens the first. */
async function openStudies(site: Site): Promise<Opened & { readonly otherUrl: URL }> {
  const statuses = await sendObjects([image, others], { to: site.daemon.dimse, calledAe: city.calledAe });
  expect(statuses).toEqual([0, 0]);
  const listed = await site.studiesWhen(
    'both studies at Avara',
    (all) => all.length === 2 && areAllCreated(all),
  );
  const open = async (studyInstanceUid: string): Promise<Opened> => {
    const study = listed.find((one) => one.studyInstanceUid === studyInstanceUid);
    const studyId = study?.avara[0]?.studyId ?? '';
    const question = { url: site.webhookUrl(), secret: city.webhookSecret, studyId, studyInstanceUid };
    const { urls } = await askForStudy(question);
    return { studyId, url: new URL(urls[0] ?? '') };
  };
  const { url: otherUrl } = await open(OTHER_STUDY);
  return { ...(await open(STUDY)), otherUrl };
}

describe('over the real process', () => {
  let site: Site;
  let studyId: string;
  let url: URL;
  let otherUrl: URL;
  beforeAll(async () => {
    site = await createSite();
    await site.start();
    ({ studyId, url, otherUrl } = await openStudies(site));
  });
  afterAll(() => site.close());

  const signed = (sentAt = Date.now()) =>
    signAccessWebhook({ secret: city.webhookSecret, studyId, studyInstanceUid: STUDY, sentAt });

  describe('a webhook', () => {
    it.each(MISBEHAVIOURS)('with the fault "%s" is refused with 401', async (misbehaviour) => {
      const report = await site.emulator.viewer.openStudy(studyId, {
        webhookUrl: site.webhookUrl(),
        misbehaviour,
      });
      expect(report).toMatchObject({ status: 401, authorized: false, files: [] });
    });

    it.each(['x-avara-signature', 'x-avara-timestamp'])(
      'whose %s is repeated is refused with 401',
      async (name) => {
        const { headers, body } = signed();
        const value = headers[name] ?? '';
        const repeated = { ...headers, [name]: [value, value] };
        expect(await postRaw(site.webhookUrl(), repeated, body)).toMatchObject({ status: 401 });
      },
    );

    it.each([
      ['without a timestamp', { 'x-avara-timestamp': undefined }],
      ['with a timestamp in words', { 'x-avara-timestamp': 'now' }],
      ['with half a signature', { 'x-avara-signature': 'ab'.repeat(16) }],
      ['with an empty signature', { 'x-avara-signature': '' }],
      ['with a signature that is none', { 'x-avara-signature': 'zz'.repeat(32) }],
    ])('%s is refused with 401', async (_how, changes) => {
      const { headers, body } = signed();
      const sent = Object.entries({ ...headers, ...changes }).filter(([, value]) => value !== undefined);
      const reply = await postRaw(
        site.webhookUrl(),
        Object.fromEntries(sent) as Record<string, string>,
        body,
      );
      expect(reply).toMatchObject({ status: 401 });
      expect(JSON.parse(reply.text)).toEqual({ error: 'Invalid signature' });
    });

    it('signed for another time than it claims is refused with 401', async () => {
      const { headers, body } = signed();
      const claimed = { ...headers, 'x-avara-timestamp': String(Date.now() + 1000) };
      expect(await postAccessWebhook(site.webhookUrl(), { headers: claimed, body })).toMatchObject({
        status: 401,
      });
    });

    it('replayed within the window is answered as before, and outside of it refused', async () => {
      const first = signed();
      const answers = [
        await postAccessWebhook(site.webhookUrl(), first),
        await postAccessWebhook(site.webhookUrl(), first),
      ];
      for (const answer of answers) expect(answer).toMatchObject({ status: 200, authorized: true });
      const paths = answers.map(({ urls }) => urls.map((one) => new URL(one).pathname));
      expect(paths[1]).toEqual(paths[0]);

      const within = signed(Date.now() - WINDOW_MS + 60_000);
      expect(await postAccessWebhook(site.webhookUrl(), within)).toMatchObject({
        status: 200,
        authorized: true,
      });
      for (const sentAt of [Date.now() - WINDOW_MS - 1000, Date.now() + WINDOW_MS + 60_000]) {
        const outside = await postAccessWebhook(site.webhookUrl(), signed(sentAt));
        expect(outside).toMatchObject({ status: 401, urls: [] });
      }
    });

    it('for a study that is not here is HTTP 200 and not authorized', async () => {
      const question = { url: site.webhookUrl(), secret: city.webhookSecret };
      const unknown = { studyId: `stu_${'0'.repeat(32)}`, studyInstanceUid: '2.25.1' };
      expect(await askForStudy({ ...question, ...unknown })).toMatchObject({
        status: 200,
        authorized: false,
        urls: [],
        error: 'study not found',
      });
      const mismatch = { studyId, studyInstanceUid: OTHER_STUDY };
      expect(await askForStudy({ ...question, ...mismatch })).toMatchObject({
        status: 200,
        authorized: false,
      });
      const trick = { studyId: 'stu_x', studyInstanceUid: '../../etc/passwd' };
      expect(await askForStudy({ ...question, ...trick })).toMatchObject({ status: 200, authorized: false });
    });

    it.each(['GET', 'PUT', 'DELETE', 'HEAD'])('by %s is 405', async (method) => {
      const response = await fetch(site.webhookUrl(), { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('POST');
    });

    it('too long for any event is 413', async () => {
      const { headers } = signed();
      const reply = await postRaw(site.webhookUrl(), headers, 'x'.repeat(2 * 1024 * 1024));
      expect(reply.status).toBe(413);
    });
  });

  describe('an object URL', () => {
    const withToken = (token: string | undefined): URL => {
      const changed = new URL(url);
      if (token === undefined) changed.searchParams.delete('token');
      else changed.searchParams.set('token', token);
      return changed;
    };
    const token = (): string => url.searchParams.get('token') ?? '';
    const codeOf = async (response: Response): Promise<unknown> =>
      ((await response.json()) as { code?: unknown }).code;

    it('serves the object whole', async () => {
      const response = await fetch(url);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('application/dicom');
      const bytes = Buffer.from(await response.arrayBuffer());
      expect(response.headers.get('content-length')).toBe(String(bytes.length));
      expect(sha256Of(dataSetOf(bytes))).toBe(sha256Of(image.dataSet));
    });

    it('without its token is 401', async () => {
      for (const bare of [withToken(undefined), withToken('')]) {
        const response = await fetch(bare);
        expect(response.status).toBe(401);
        expect(await codeOf(response)).toBe('token-missing');
      }
      const twice = new URL(url);
      twice.searchParams.append('token', token());
      expect((await fetch(twice)).status).toBe(401);
    });

    it('with an altered token is 401, wherever it was altered', async () => {
      const good = token();
      for (const at of [
        0,
        5,
        Math.floor(good.length / 3),
        good.indexOf('.') - 2,
        good.indexOf('.') + 1,
        good.length - 5,
      ]) {
        const altered = good.slice(0, at) + (good[at] === 'A' ? 'B' : 'A') + good.slice(at + 1);
        const response = await fetch(withToken(altered));
        expect(response.status, `altered at ${at}`).toBe(401);
        expect(await codeOf(response)).toMatch(/^token-(bad-signature|malformed|unknown-key)$/);
      }
      for (const cut of [good.slice(0, -1), good.split('.')[0] ?? '', `${good}A`, 'x'.repeat(5000)]) {
        expect((await fetch(withToken(cut))).status).toBe(401);
      }
    });

    it('that was prolonged by its bearer is 401', async () => {
      const [payload = '', signature = ''] = token().split('.');
      const fields = Buffer.from(payload, 'base64url').toString('latin1').split('~');
      const prolonged = fields.with(1, String(Number(fields[1]) + 3600)).join('~');
      const forged = `${Buffer.from(prolonged, 'latin1').toString('base64url')}.${signature}`;
      const response = await fetch(withToken(forged));
      expect(response.status).toBe(401);
      expect(await codeOf(response)).toBe('token-bad-signature');
    });

    it('with the token of another study is 403', async () => {
      const response = await fetch(withToken(otherUrl.searchParams.get('token') ?? ''));
      expect(response.status).toBe(403);
      expect(await codeOf(response)).toBe('token-other-study');
    });

    it('of an instance that the study does not have is 404', async () => {
      const missing = new URL(url);
      missing.pathname = `/objects/${STUDY}/2.25.1/2.25.2.dcm`;
      const response = await fetch(missing);
      expect(response.status).toBe(404);
      expect(await codeOf(response)).toBe('object-not-found');
    });

    it.each([
      ['a parent folder', '/objects/../objects/2.25.815/2.25.1/../../../../etc/passwd'],
      ['a parent folder as a UID', '/objects/../2.25.1/2.25.2.dcm'],
      ['an encoded parent folder', '/objects/%2e%2e/%2e%2e/%2e%2e.dcm'],
      ['encoded slashes', '/objects/2.25.815/..%2f..%2f..%2fetc/passwd.dcm'],
      ['encoded backslashes', '/objects/2.25.815/..%5c..%5cindex/db.dcm'],
      ['doubly encoded dots', '/objects/%252e%252e/2.25.1/2.25.2.dcm'],
      ['a NUL', '/objects/2.25.815/2.25.1/2.25.2%00.dcm'],
      ['padding', '/objects/2.25.815%00/2.25.1/2.25.2.dcm'],
      ['a space', '/objects/2.25.815%20/2.25.1/2.25.2.dcm'],
      ['an over-long UID', `/objects/2.25.${'8'.repeat(65)}/2.25.1/2.25.2.dcm`],
      ['a very long path', `/objects/${'1.'.repeat(2000)}1/2.25.1/2.25.2.dcm`],
      ['letters', '/objects/2.25.815/index/db.dcm'],
      ['a dot too many', '/objects/2.25.815/2..25/2.25.2.dcm'],
      ['a leading zero', '/objects/2.25.815/2.025/2.25.2.dcm'],
      ['no extension', '/objects/2.25.815/2.25.1/2.25.2'],
      ['malformed encoding', '/objects/2.25.815/%zz/2.25.2.dcm'],
    ])('with %s in its path is refused, and names no file', async (_what, path) => {
      const reply = await getRaw(url, `${path}?token=${token()}`);
      expect([400, 404]).toContain(reply.status);
      expect(reply.text).not.toMatch(/root:|SQLite|DICM/);
      expect(reply.text).not.toContain(site.folder);
    });

    it.each(['POST', 'PUT', 'DELETE', 'PATCH'])('by %s is 405', async (method) => {
      const response = await fetch(url, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
    });

    it('answers HEAD, a range, an ETag and a preflight', async () => {
      const whole = Buffer.from(await (await fetch(url)).arrayBuffer());
      const head = await fetch(url, { method: 'HEAD' });
      expect(head.status).toBe(200);
      expect(head.headers.get('content-length')).toBe(String(whole.length));
      expect(await head.text()).toBe('');

      const etag = head.headers.get('etag') ?? '';
      expect(etag).toMatch(/^"[^"]+"$/);
      const unchanged = await fetch(url, { headers: { 'if-none-match': etag } });
      expect(unchanged.status).toBe(304);
      expect(await unchanged.text()).toBe('');

      const part = await fetch(url, { headers: { range: 'bytes=100-199' } });
      expect(part.status).toBe(206);
      expect(part.headers.get('content-range')).toBe(`bytes 100-199/${whole.length}`);
      expect(Buffer.from(await part.arrayBuffer())).toEqual(whole.subarray(100, 200));
      const tail = await fetch(url, { headers: { range: 'bytes=-10' } });
      expect(Buffer.from(await tail.arrayBuffer())).toEqual(whole.subarray(-10));
      const beyond = await fetch(url, { headers: { range: `bytes=${whole.length}-` } });
      expect(beyond.status).toBe(416);
      expect(beyond.headers.get('content-range')).toBe(`bytes */${whole.length}`);

      const preflight = await fetch(url, {
        method: 'OPTIONS',
        headers: {
          origin: 'https://viewer.example.org',
          'access-control-request-method': 'GET',
          'access-control-request-headers': 'range',
        },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
      expect(preflight.headers.get('access-control-allow-methods')).toContain('GET');
      expect(preflight.headers.get('access-control-allow-headers')).toBe('range');
      const refused = await fetch(withToken('x'), { headers: { origin: 'https://viewer.example.org' } });
      expect(refused.headers.get('access-control-allow-origin')).toBe('*');
    });
  });

  it('everything else on the public listener is 404, the admin page too', async () => {
    for (const path of ['/', '/api/studies', '/metrics', '/readyz', '/objects', '/webhooks']) {
      expect((await fetch(new URL(path, url))).status, path).toBe(404);
    }
  });

  it('what is not HTTP is answered 400, and others go on', async () => {
    const socket = connect({ host: url.hostname, port: Number(url.port) });
    socket.end('\x01\x00\x00\x00\x00\xd0not http at all\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
  });
});

describe('an object URL with a lifetime of two seconds', () => {
  let site: Site;
  beforeAll(async () => {
    site = await createSite({ config: { access: { urlLifetimeSeconds: 2 } } });
    await site.start();
  });
  afterAll(() => site.close());

  it('expires, which its bearer is told with 401', async () => {
    const { url, studyId } = await openStudies(site);
    const refused = await waitUntil('the URL has expired', async () => {
      const response = await fetch(url);
      if (response.status !== 200) return response;
      await response.body?.cancel();
      return undefined;
    });
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toContain('invalid_token');
    expect(await refused.json()).toMatchObject({ code: 'token-expired' });

    const again = await askForStudy({
      url: site.webhookUrl(),
      secret: city.webhookSecret,
      studyId,
      studyInstanceUid: STUDY,
    });
    expect((await fetch(again.urls[0] ?? '')).status).toBe(200);
  });
});

/** A request whose headers go out as they are, repeated ones too. */
function postRaw(
  url: string,
  headers: Readonly<Record<string, string | string[]>>,
  body: string,
): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: 'POST', headers }, (response) => {
      text(response).then((reply) => resolve({ status: response.statusCode, text: reply }), reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** A GET of a path that no URL parser has straightened out. */
async function getRaw(at: URL, path: string): Promise<{ status: number; text: string }> {
  const socket = connect({ host: at.hostname, port: Number(at.port) });
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${at.host}\r\nConnection: close\r\n\r\n`);
  const reply = await text(socket);
  return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(reply)?.[1]), text: reply };
}
