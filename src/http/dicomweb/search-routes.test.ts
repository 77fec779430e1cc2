import { beforeEach, describe, expect, it } from 'vitest';
import { createDicomWebFixture, TOKENS } from '../../../test/support/dicom-web-app.ts';
import { storedInstance, type StoredInstanceFields } from '../../../test/support/stored-instance.ts';
import { temporaryIndex } from '../../../test/support/temporary-index.ts';
import { customerKey } from '../../core/study/instance.ts';
import { uid } from '../../dicom/uid.ts';
import { createSearchRoutes } from './search-routes.ts';

type Results = readonly Readonly<Record<string, { vr: string; Value?: readonly unknown[] }>>[];

let web: ReturnType<typeof createDicomWebFixture>;
let add: (fields: StoredInstanceFields) => Promise<void>;

beforeEach(() => {
  const { index, search } = temporaryIndex();
  const routes = createSearchRoutes({
    index,
    search,
    audit: { record: (entry) => web.audit.record(entry) },
    maxResults: 3,
  });
  web = createDicomWebFixture({ routes: [routes] });
  add = (fields) => index.addInstance(storedInstance(fields));
});

const CT_STUDY: StoredInstanceFields = {
  study: '1.2',
  series: '1.2.1',
  sop: '1.2.1.1',
  studyAttributes: {
    PatientName: 'Müller^Jörg=山田^太郎',
    PatientID: 'P-7',
    PatientBirthDate: '19800229',
    PatientSex: 'M',
    StudyDate: '20240105',
    StudyTime: '101500',
    AccessionNumber: 'A-7',
    StudyID: '7',
    ReferringPhysicianName: 'Who^Doctor',
    PatientAge: '044Y',
    TimezoneOffsetFromUTC: '+0100',
  },
  seriesAttributes: {
    Modality: 'CT',
    SeriesNumber: '3',
    SeriesDescription: 'AXIAL',
    ScheduledProcedureStepID: 'SPS1',
  },
  image: { instanceNumber: 9, rows: 512, columns: 256, bitsAllocated: 16, numberOfFrames: 2 },
};

async function results(path: string, token?: string): Promise<Results> {
  const response = await web.request(path, token);
  expect(response.status).toBe(200);
  return (await response.json()) as Results;
}

/** Values of one tag over all results. */
const valuesOf = (all: Results, tag: string): readonly unknown[] => all.map((one) => one[tag]?.Value?.[0]);

describe('answers', () => {
  beforeEach(() => add(CT_STUDY));

  it('describe a study in DICOM JSON', async () => {
    const response = await web.request('/studies');
    expect(response.headers.get('content-type')).toBe('application/dicom+json');
    expect(response.headers.get('warning')).toBeNull();
    expect(await response.json()).toEqual([
      {
        '00080005': { vr: 'CS', Value: ['ISO_IR 192'] },
        '00080020': { vr: 'DA', Value: ['20240105'] },
        '00080030': { vr: 'TM', Value: ['101500'] },
        '00080050': { vr: 'SH', Value: ['A-7'] },
        '00080056': { vr: 'CS', Value: ['ONLINE'] },
        '00080061': { vr: 'CS', Value: ['CT'] },
        '00080062': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.2'] },
        '00080090': { vr: 'PN', Value: [{ Alphabetic: 'Who^Doctor' }] },
        '00080201': { vr: 'SH', Value: ['+0100'] },
        '00081030': { vr: 'LO', Value: ['CT HEAD'] },
        '00081190': { vr: 'UR', Value: ['https://images.example.org/dicom-web/studies/1.2'] },
        '00100010': { vr: 'PN', Value: [{ Alphabetic: 'Müller^Jörg', Ideographic: '山田^太郎' }] },
        '00100020': { vr: 'LO', Value: ['P-7'] },
        '00100030': { vr: 'DA', Value: ['19800229'] },
        '00100040': { vr: 'CS', Value: ['M'] },
        '0020000D': { vr: 'UI', Value: ['1.2'] },
        '00200010': { vr: 'SH', Value: ['7'] },
        '00201206': { vr: 'IS', Value: [1] },
        '00201208': { vr: 'IS', Value: [1] },
      },
    ]);
  });

  it('describe series and instances of a study without repeating the study', async () => {
    const [series] = await results('/studies/1.2/series');
    expect(series).toMatchObject({
      '00080060': { Value: ['CT'] },
      '0008103E': { Value: ['AXIAL'] },
      '00081190': { Value: ['https://images.example.org/dicom-web/studies/1.2/series/1.2.1'] },
      '0020000D': { Value: ['1.2'] },
      '0020000E': { Value: ['1.2.1'] },
      '00200011': { vr: 'IS', Value: [3] },
      '00201209': { Value: [1] },
      '00400275': { vr: 'SQ', Value: [{ '00400009': { vr: 'SH', Value: ['SPS1'] } }] },
    });
    expect(series).not.toHaveProperty('00100020');
    const [instance] = await results('/studies/1.2/series/1.2.1/instances');
    expect(instance).toMatchObject({
      '00080016': { Value: ['1.2.840.10008.5.1.4.1.1.2'] },
      '00080018': { Value: ['1.2.1.1'] },
      '00081190': {
        Value: ['https://images.example.org/dicom-web/studies/1.2/series/1.2.1/instances/1.2.1.1'],
      },
      '00083002': { Value: ['1.2.840.10008.1.2.1'] },
      '00200013': { Value: [9] },
      '00280008': { vr: 'IS', Value: [2] },
      '00280010': { vr: 'US', Value: [512] },
      '00280011': { Value: [256] },
      '00280100': { Value: [16] },
    });
    expect(instance).not.toHaveProperty('00080060');
    const [inStudy] = await results('/studies/1.2/instances');
    expect(inStudy).toMatchObject({ '00080060': { Value: ['CT'] } });
  });

  it('describe the study as well where the path does not name it', async () => {
    for (const path of ['/series', '/instances'])
      expect((await results(path))[0]).toMatchObject({
        '00100020': { Value: ['P-7'] },
        '0020000E': { Value: ['1.2.1'] },
      });
  });

  it('have the tags in order', async () => {
    const [study] = await results('/instances?includefield=all');
    expect(Object.keys(study ?? {})).toEqual(Object.keys(study ?? {}).sort());
  });

  it('hold what was asked for, and required attributes without a value', async () => {
    await add({
      study: '1.3',
      series: '1.3.1',
      sop: '1.3.1.1',
      studyAttributes: { PatientName: '', PatientID: '' },
    });
    const [bare] = await results('/studies?StudyInstanceUID=1.3&includefield=PatientAge,00080080');
    expect(bare).toMatchObject({
      '00100010': { vr: 'PN' },
      '00080020': { vr: 'DA' },
      '00101010': { vr: 'AS' },
      '00080080': { vr: 'LO' },
    });
    expect(bare?.['00100010']).not.toHaveProperty('Value');
    expect((await results('/studies?StudyInstanceUID=1.2'))[0]).not.toHaveProperty('00101010');
    expect((await results('/studies?StudyInstanceUID=1.2&includefield=all'))[0]).toHaveProperty('00101010');
  });

  it('are 204 where nothing fits', async () => {
    for (const path of [
      '/studies?PatientID=other',
      '/studies/9.9/series',
      '/studies/1.2/series/9.9/instances',
      '/studies/no-uid/series',
      '/studies?limit=0',
    ]) {
      const response = await web.request(path);
      expect([path, response.status, await response.text()]).toEqual([path, 204, '']);
    }
  });

  it('are plain JSON or XML for those who ask', async () => {
    const plain = await web.request('/studies', TOKENS.city, { headers: { accept: 'application/json' } });
    expect(plain.headers.get('content-type')).toBe('application/json');
    const accept = 'multipart/related; type="application/dicom+xml"';
    const xml = await web.request('/studies', TOKENS.city, { headers: { accept } });
    const boundary = /boundary=(\S+)$/.exec(xml.headers.get('content-type') ?? '')?.[1] ?? '?';
    const parts = (await xml.text()).split(`--${boundary}`);
    expect(parts).toHaveLength(3);
    expect(parts[1]).toContain(
      '<DicomAttribute tag="00100020" vr="LO" keyword="PatientID"><Value number="1">P-7</Value>',
    );
    expect(parts[1]).toContain(
      '<Alphabetic><FamilyName>Müller</FamilyName><GivenName>Jörg</GivenName></Alphabetic>',
    );
    const image = await web.request('/studies', TOKENS.city, { headers: { accept: 'image/png' } });
    expect(image.status).toBe(406);
  });
});

describe('requests', () => {
  it('that cannot be understood are 400 and repeat nothing of the patient', async () => {
    const response = await web.request('/studies?StudyDate=Doe^Jane');
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: 'bad-query',
      detail: expect.stringContaining('StudyDate') as string,
    });
    expect((await web.request('/studies?PatientNmae=x')).status).toBe(400);
  });

  it('are told what was ignored and what was cut', async () => {
    for (let n = 1; n <= 5; n += 1) await add({ study: `1.${n}`, series: `1.${n}.1`, sop: `1.${n}.1.1` });
    const cut = await web.request('/studies?PatientComments=x');
    expect((await cut.json()) as Results).toHaveLength(3);
    expect(cut.headers.get('warning')).toContain(
      '299 https://images.example.org/dicom-web: PatientComments cannot be matched',
    );
    expect(cut.headers.get('warning')).toContain('exceeded the maximum');
    const asked = await web.request('/studies?limit=2');
    expect((await asked.json()) as Results).toHaveLength(2);
    expect(asked.headers.get('warning')).toBeNull();
    const rest = await web.request('/studies?limit=10&offset=3');
    expect((await rest.json()) as Results).toHaveLength(2);
    expect(rest.headers.get('warning')).toBeNull();
  });

  it('are in the audit trail, once each', async () => {
    await add(CT_STUDY);
    await web.request('/studies?PatientID=P-7');
    await web.request('/studies/1.2/instances', TOKENS.city, {}, { peerAddress: '10.0.0.7' });
    expect(web.audited).toEqual([
      { event: 'dicomweb.searched', customer: 'city-medical', actor: 'city', detail: '1 studies' },
      {
        event: 'dicomweb.searched',
        customer: 'city-medical',
        studyInstanceUid: '1.2',
        actor: 'city',
        peerAddress: '10.0.0.7',
        detail: '1 instances',
      },
    ]);
  });
});

describe('customers', () => {
  beforeEach(async () => {
    for (const customer of ['city-medical', 'north-clinic'])
      await add({
        ...CT_STUDY,
        customer,
        studyAttributes: { ...CT_STUDY.studyAttributes, PatientID: customer },
      });
    await add({ customer: 'north-clinic', study: '5.5', series: '5.5.1', sop: '5.5.1.1' });
  });

  it('see their own, under whatever path', async () => {
    for (const prefix of ['', '/customers/city-medical'])
      for (const path of ['/studies', '/series', '/instances'])
        expect(valuesOf(await results(prefix + path), '00100020')).toEqual(['city-medical']);
    expect(valuesOf(await results('/studies', TOKENS.north), '0020000D')).toEqual(['1.2', '5.5']);
  });

  it('cannot tell a study of others from one that does not exist', async () => {
    const seen = async (path: string): Promise<unknown> => {
      const response = await web.request(path);
      return { status: response.status, headers: [...response.headers], body: await response.text() };
    };
    for (const rest of ['/series', '/instances', '/series/5.5.1/instances'])
      expect(await seen(`/studies/5.5${rest}`)).toEqual(await seen(`/studies/9.9${rest}`));
    for (const key of ['StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID'])
      expect(await seen(`/instances?${key}=5.5.1`)).toEqual(await seen(`/instances?${key}=9.9.1`));
  });

  it('are never mixed for one who may see several', async () => {
    const all = await results('/studies', TOKENS.both);
    expect(valuesOf(all, '00081190')).toEqual([
      'https://images.example.org/dicom-web/customers/north-clinic/studies/1.2',
      'https://images.example.org/dicom-web/customers/city-medical/studies/1.2',
      'https://images.example.org/dicom-web/customers/north-clinic/studies/5.5',
    ]);
    const mixed = await web.request('/studies/1.2/series', TOKENS.both);
    expect([mixed.status, ((await mixed.json()) as { code: string }).code]).toEqual([
      409,
      'several-customers',
    ]);
    const one = await results('/customers/north-clinic/studies/1.2/instances', TOKENS.both);
    expect(valuesOf(one, '00081190')).toEqual([
      'https://images.example.org/dicom-web/customers/north-clinic/studies/1.2/series/1.2.1/instances/1.2.1.1',
    ]);
  });

  it('open one study to the bearer of its object token', async () => {
    const token = web.objectToken({ customer: customerKey('north-clinic'), studyInstanceUid: uid('5.5') });
    expect(valuesOf(await results('/studies', token), '0020000D')).toEqual(['5.5']);
    expect(valuesOf(await results('/instances', token), '00080018')).toEqual(['5.5.1.1']);
    for (const path of [
      '/studies/1.2/series',
      '/studies?StudyInstanceUID=1.2',
      '/series?PatientID=north-clinic',
    ])
      expect((await web.request(path, token)).status).toBe(204);
  });
});
