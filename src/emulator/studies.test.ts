import { describe, expect, it } from 'vitest';
import {
  ACCOUNT,
  accountOptions,
  AUTOSCRIBE_CREATE,
  VIEWER_CREATE,
} from '../../test/support/emulated-account.ts';
import type { AvaraEmulatorOptions } from './avara-emulator.ts';
import { createAvaraEmulator } from './avara-emulator.ts';

type Json = Record<string, unknown>;

function createApi(options: Partial<AvaraEmulatorOptions> = {}) {
  const emulator = createAvaraEmulator({ ...accountOptions(), ...options });
  async function call(method: string, path: string, body?: unknown, key: string = ACCOUNT.allKey) {
    const response = await emulator.app.request(path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Json };
  }
  return { emulator, call };
}

describe('create', () => {
  it('replies with the study, the customer as an object and ids in the documented forms', async () => {
    const { call } = createApi({ now: () => Date.parse('2026-01-05T10:30:00.250Z') });
    const { status, body } = await call('POST', '/v1/viewer/studies', {
      ...VIEWER_CREATE,
      assignedTo: ACCOUNT.reader,
    });
    expect(status).toBe(201);
    expect(body.studyId).toMatch(/^stu_[0-9a-f]{32}$/);
    expect(body).toMatchObject({
      studyInstanceUid: VIEWER_CREATE.studyInstanceUid,
      isCancelled: false,
      cancelledAt: null,
      createdAt: '2026-01-05T10:30:00Z',
      studyViewerStatus: 'incomplete',
      assignedTo: { userId: ACCOUNT.reader, email: 'reader@example.org' },
      expressCustomer: { expressCustomerId: ACCOUNT.city, expressCustomerName: 'City Medical' },
      createdByApiKey: { description: 'ingest' },
      metadata: { accessionNumber: 'A1' },
    });
    expect(body).not.toHaveProperty('expressCustomerId');
    expect(body).not.toHaveProperty('studyReportStatus');
    const { apiKeyId } = body.createdByApiKey as { apiKeyId: string };
    expect(apiKeyId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('takes the report fields for autoScribe', async () => {
    const { call } = createApi();
    const { status, body } = await call('POST', '/v1/autoScribe/studies', AUTOSCRIBE_CREATE);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      modality: 'CT',
      studyType: 'standard',
      studyReportStatus: 'unassigned',
      reportMetadata: AUTOSCRIBE_CREATE.reportMetadata,
      clinicalHistory: null,
    });
  });

  const note = { technologistNotes: ['x'] };
  it.each<[string, 'viewer' | 'autoScribe', Json]>([
    ['an unknown field', 'viewer', { accessionNumber: 'A1' }],
    ['report fields for viewer', 'viewer', { reportMetadata: {} }],
    ['modality for viewer', 'viewer', { modality: 'CT' }],
    ['a missing description', 'viewer', { studyDescription: undefined }],
    ['an empty description', 'viewer', { studyDescription: '' }],
    ['a description longer than LO', 'viewer', { studyDescription: 'x'.repeat(65) }],
    ['an unknown severity', 'viewer', { severity: 'urgent' }],
    ['a UID with a leading zero', 'viewer', { studyInstanceUid: '1.2.03' }],
    ['a UID of 65 characters', 'viewer', { studyInstanceUid: `1.${'2'.repeat(63)}` }],
    ['a customer id out of form', 'viewer', { expressCustomerId: 'cus_1' }],
    ['an unknown customer', 'viewer', { expressCustomerId: `cus_${'9'.repeat(32)}` }],
    ['a deactivated customer', 'viewer', { expressCustomerId: ACCOUNT.closed }],
    ['an unknown user', 'viewer', { assignedTo: `usr_${'9'.repeat(32)}` }],
    ['metadata that is not text', 'viewer', { metadata: { n: 1 } }],
    ['a metadata value over 1000 characters', 'viewer', { metadata: { n: 'x'.repeat(1001) } }],
    ['a metadata key over 100 characters', 'viewer', { metadata: { ['k'.repeat(101)]: '' } }],
    [
      'more than 50 metadata pairs',
      'viewer',
      { metadata: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, ''])) },
    ],
    ['missing reportMetadata', 'autoScribe', { reportMetadata: undefined }],
    ['an unknown report field', 'autoScribe', { reportMetadata: { scanDate: '2026-01-05' } }],
    ['a date of no calendar', 'autoScribe', { reportMetadata: { dateOfBirth: '1979-02-30' } }],
    ['a time with seconds', 'autoScribe', { reportMetadata: { studyTime: '09:41:00' } }],
    ['a DICOM code for sex', 'autoScribe', { reportMetadata: { sex: 'F' } }],
    [
      'a height in inches spelled out',
      'autoScribe',
      { reportMetadata: { height: { value: 1, unit: 'inches' } } },
    ],
    ['more than 50 notes', 'autoScribe', { technologistNotes: Array.from({ length: 51 }, () => 'x') }],
    ['a prior report without text', 'autoScribe', { priorReports: [{ modality: 'CT' }] }],
    ['notes for viewer', 'viewer', note],
  ])('refuses %s with 400 and a message', async (_, product, change) => {
    const { call, emulator } = createApi();
    const base = product === 'viewer' ? VIEWER_CREATE : AUTOSCRIBE_CREATE;
    const { status, body } = await call('POST', `/v1/${product}/studies`, { ...base, ...change });
    expect(status).toBe(400);
    expect(body.message).toEqual(expect.any(String));
    expect(emulator.state.studies()).toEqual([]);
  });

  it('names the field it refuses', async () => {
    const { call } = createApi();
    const { body } = await call('POST', '/v1/viewer/studies', { ...VIEWER_CREATE, severity: 'urgent' });
    expect(body.message).toContain('severity');
  });

  it('refuses a customer with 403 where the key has no Express access', async () => {
    const { call } = createApi();
    const { status } = await call('POST', '/v1/viewer/studies', VIEWER_CREATE, ACCOUNT.noExpressKey);
    expect(status).toBe(403);
  });

  it('takes the names of the documentation only when told to', async () => {
    const { studyInstanceUid, ...rest } = AUTOSCRIBE_CREATE;
    const old = { ...rest, studyUid: studyInstanceUid, reportMetadata: { scanType: 'CT Chest' } };
    expect((await createApi().call('POST', '/v1/autoScribe/studies', old)).status).toBe(400);
    const { call } = createApi({ acceptDocumentationNames: true });
    const { status, body } = await call('POST', '/v1/autoScribe/studies', old);
    expect(status).toBe(201);
    expect(body).toMatchObject({ studyInstanceUid, reportMetadata: { procedure: 'CT Chest' } });
  });

  it.each(['', 'Bearer', `Bearer ${ACCOUNT.allKey}x`, `Basic ${ACCOUNT.allKey}`])(
    'answers 401 to the authorization %j',
    async (authorization) => {
      const { emulator } = createApi();
      const response = await emulator.app.request('/v1/viewer/studies', { headers: { authorization } });
      expect(response.status).toBe(401);
      expect(await response.json()).toHaveProperty('message');
    },
  );

  it('says in its headers that it is not Avara', async () => {
    const { call } = createApi();
    expect((await call('GET', '/v1/viewer/studies')).headers.get('server')).toBe(
      'Avara-Emulator (not Avara)',
    );
  });
});

describe('a UID that exists already', () => {
  const twice = async (
    onDuplicate: AvaraEmulatorOptions['onDuplicate'],
    secondKey: string = ACCOUNT.allKey,
  ) => {
    const { call, emulator } = createApi(onDuplicate === undefined ? {} : { onDuplicate });
    const first = await call('POST', '/v1/viewer/studies', VIEWER_CREATE);
    const second = await call('POST', '/v1/viewer/studies', VIEWER_CREATE, secondKey);
    return { first, second, creates: emulator.state.creates(), call };
  };

  it('is a conflict by default', async () => {
    const { second, creates } = await twice(undefined);
    expect(second.status).toBe(409);
    expect(creates).toEqual([
      {
        expressCustomerId: ACCOUNT.city,
        product: 'viewer',
        studyInstanceUid: VIEWER_CREATE.studyInstanceUid,
        requested: 2,
        created: 1,
      },
    ]);
  });

  it('can be a second study', async () => {
    const { first, second, creates } = await twice('second-study');
    expect(second.status).toBe(201);
    expect(second.body.studyId).not.toBe(first.body.studyId);
    expect(creates).toMatchObject([{ requested: 2, created: 2 }]);
  });

  it('can be the old study, but never one that the key may not see', async () => {
    const { first, second } = await twice('return-existing');
    expect(second.body.studyId).toBe(first.body.studyId);
    expect((await twice('return-existing', ACCOUNT.selfKey)).second.status).toBe(409);
  });

  it('is free for the other product', async () => {
    const { call } = await twice('conflict');
    expect((await call('POST', '/v1/autoScribe/studies', AUTOSCRIBE_CREATE)).status).toBe(201);
  });
});

describe('read, update, cancel', () => {
  it('finds a study by id and by UID, for its product only', async () => {
    const { call } = createApi();
    const { body } = await call('POST', '/v1/viewer/studies', VIEWER_CREATE);
    const { studyId } = body as { studyId: string };
    const byUid = `studies/by-uid/${VIEWER_CREATE.studyInstanceUid}`;
    expect((await call('GET', `/v1/viewer/studies/${studyId}`)).body).toEqual(body);
    expect((await call('GET', `/v1/viewer/${byUid}`)).body).toEqual(body);
    expect((await call('GET', `/v1/autoScribe/${byUid}`)).status).toBe(404);
    expect((await call('GET', `/v1/autoScribe/studies/${studyId}`)).status).toBe(404);
  });

  it('hides studies of other keys from a key of scope self', async () => {
    const { call } = createApi();
    await call('POST', '/v1/viewer/studies', VIEWER_CREATE);
    const path = `/v1/viewer/studies/by-uid/${VIEWER_CREATE.studyInstanceUid}`;
    expect((await call('GET', path, undefined, ACCOUNT.selfKey)).status).toBe(404);
    const list = await call('GET', '/v1/viewer/studies', undefined, ACCOUNT.selfKey);
    expect(list.body.studies).toEqual([]);
  });

  it('replaces metadata, merges report fields, clears with null', async () => {
    const { call } = createApi();
    const { body } = await call('POST', '/v1/autoScribe/studies', {
      ...AUTOSCRIBE_CREATE,
      clinicalHistory: 'fall',
    });
    const path = `/v1/autoScribe/studies/${String(body.studyId)}`;
    const updated = await call('PATCH', path, {
      expressCustomerId: ACCOUNT.harbour,
      metadata: { other: '1' },
      clinicalHistory: null,
      reportMetadata: { dateOfBirth: null, mrn: 'P-1' },
    });
    expect(updated.body).toMatchObject({
      expressCustomer: { expressCustomerId: ACCOUNT.harbour },
      clinicalHistory: null,
      modality: 'CT',
    });
    expect(updated.body.metadata).toEqual({ other: '1' });
    expect(updated.body.reportMetadata).toEqual({ sex: 'female', studyTime: '09:41', mrn: 'P-1' });
  });

  it.each([{ expressCustomerId: ACCOUNT.harbour }, { assignedTo: null }, { studyInstanceUid: '1.2.3' }])(
    'refuses the viewer update %j',
    async (change) => {
      const { call } = createApi();
      const { body } = await call('POST', '/v1/viewer/studies', VIEWER_CREATE);
      expect((await call('PATCH', `/v1/viewer/studies/${String(body.studyId)}`, change)).status).toBe(400);
    },
  );

  it('cancels and uncancels by id or UID, one of them exactly', async () => {
    const { call } = createApi();
    const { body } = await call('POST', '/v1/viewer/studies', VIEWER_CREATE);
    const { studyInstanceUid } = VIEWER_CREATE;
    const both = { studyId: body.studyId, studyInstanceUid };
    expect((await call('POST', '/v1/viewer/studies/cancel', both)).status).toBe(400);
    expect((await call('POST', '/v1/viewer/studies/cancel', {})).status).toBe(400);
    expect((await call('POST', '/v1/viewer/studies/uncancel', { studyInstanceUid })).body.success).toBe(
      false,
    );
    expect((await call('POST', '/v1/viewer/studies/cancel', { studyInstanceUid })).body.success).toBe(true);
    const path = `/v1/viewer/studies/${String(body.studyId)}`;
    expect((await call('GET', path)).body).toMatchObject({ isCancelled: true });
    expect((await call('POST', '/v1/viewer/studies/uncancel', { studyId: body.studyId })).body.success).toBe(
      true,
    );
    expect((await call('GET', path)).body).toMatchObject({ isCancelled: false, cancelledAt: null });
  });

  it('gives a URL that opens the study; autoScribe wants the physician', async () => {
    const { call } = createApi();
    const { studyInstanceUid } = VIEWER_CREATE;
    await call('POST', '/v1/viewer/studies', VIEWER_CREATE);
    await call('POST', '/v1/autoScribe/studies', AUTOSCRIBE_CREATE);
    const viewer = await call('POST', '/v1/viewer/studies/reroute-url', { studyInstanceUid });
    expect(viewer.body.url).toMatch(/\/__emulator\/open\//);
    const path = '/v1/autoScribe/studies/reroute-url';
    expect((await call('POST', path, { studyInstanceUid })).status).toBe(400);
    const named = { studyInstanceUid, assignedToUserId: ACCOUNT.reader };
    expect((await call('POST', path, named)).status).toBe(200);
  });
});

describe('list', () => {
  it('pages through all studies once with its cursor', async () => {
    const { call } = createApi();
    for (let i = 0; i < 5; i++) {
      await call('POST', '/v1/viewer/studies', { ...VIEWER_CREATE, studyInstanceUid: `1.2.${i}` });
    }
    const uids: unknown[] = [];
    let cursor = '';
    let pages = 0;
    do {
      const query = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { body } = await call('GET', `/v1/viewer/studies?limit=2${query}`);
      const page = body as { studies: Json[]; cursor: string; hasMore: boolean };
      uids.push(...page.studies.map((study) => study.studyInstanceUid));
      expect(page.hasMore).toBe(page.cursor !== '');
      cursor = page.cursor;
      pages++;
    } while (cursor !== '');
    expect(pages).toBe(3);
    expect(uids).toEqual(['1.2.4', '1.2.3', '1.2.2', '1.2.1', '1.2.0']);
  });

  it('filters, an empty value meaning none', async () => {
    const { call } = createApi();
    await call('POST', '/v1/autoScribe/studies', AUTOSCRIBE_CREATE);
    await call('POST', '/v1/autoScribe/studies', {
      ...AUTOSCRIBE_CREATE,
      expressCustomerId: undefined,
      studyInstanceUid: '1.2.2',
      studyDescription: 'MR Knee',
      severity: 'stat',
      assignedTo: ACCOUNT.reader,
    });
    const list = async (query: string) => {
      const { body } = await call('GET', `/v1/autoScribe/studies?${query}`);
      return (body.studies as Json[]).map((study) => study.studyDescription);
    };
    expect(await list(`expressCustomerId=${ACCOUNT.city}`)).toEqual(['CT CHEST']);
    expect(await list('expressCustomerId=')).toEqual(['MR Knee']);
    expect(await list('assignedTo=')).toEqual(['CT CHEST']);
    expect(await list('studyDescription=knee')).toEqual(['MR Knee']);
    expect(await list('severity=stat')).toEqual(['MR Knee']);
    expect(await list('isCancelled=true')).toEqual([]);
    expect(await list('isCancelled=')).toHaveLength(2);
    expect(await list('studyReportStatus=completed%2Cassigned')).toEqual(['MR Knee']);
    expect(await list('studyType=external')).toEqual([]);
  });

  it.each(['limit=0', 'limit=101', 'limit=x', 'cursor=abc', 'from=2026', 'severity=low', 'limit=1&limit=2'])(
    'refuses the query %s',
    async (query) => {
      expect((await createApi().call('GET', `/v1/viewer/studies?${query}`)).status).toBe(400);
    },
  );
});

describe('requests out of form', () => {
  it('refuses other content types, broken JSON and bodies without bound', async () => {
    const { emulator } = createApi();
    const post = async (contentType: string, body: string) => {
      const headers = { authorization: `Bearer ${ACCOUNT.allKey}`, 'content-type': contentType };
      return (await emulator.app.request('/v1/viewer/studies', { method: 'POST', headers, body })).status;
    };
    expect(await post('text/plain', JSON.stringify(VIEWER_CREATE))).toBe(415);
    expect(await post('application/json', '{')).toBe(400);
    expect(await post('application/json', '[]')).toBe(400);
    expect(await post('application/json', ' '.repeat(9 * 1024 * 1024))).toBe(413);
  });

  it('logs requests without bodies or keys', async () => {
    const { call, emulator } = createApi();
    await call('POST', '/v1/viewer/studies', VIEWER_CREATE);
    expect(emulator.state.requests()).toMatchObject([
      { method: 'POST', path: '/v1/viewer/studies', product: 'viewer', status: 201, fault: null },
    ]);
    const state = await emulator.app.request('/__emulator/state');
    expect(await state.text()).not.toContain(ACCOUNT.allKey);
  });
});
