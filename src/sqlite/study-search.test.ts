import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { storedInstance, type StoredInstanceFields } from '../../test/support/stored-instance.ts';
import { temporaryIndex } from '../../test/support/temporary-index.ts';
import type { SearchAnswer } from '../core/ports/study-search.ts';
import { parseSearch } from '../core/query/parse-search.ts';
import type { QueryLevel } from '../core/query/found.ts';
import { customerKey } from '../core/study/instance.ts';
import { Database } from './driver.mjs';
import { MIGRATIONS } from './migrations.ts';
import { createStudySearch } from './study-search.ts';
import { openDatabase } from './open.ts';
import { openSqliteIndex, type SqliteIndex } from './study-index.ts';
import { TextValues } from './text-values.ts';

let opened: SqliteIndex & { readonly filePath: string };

beforeEach(() => {
  opened = temporaryIndex();
});

const add = (fields: StoredInstanceFields): Promise<void> => opened.index.addInstance(storedInstance(fields));

interface Ask {
  readonly level?: QueryLevel;
  readonly customers?: readonly string[];
  readonly limit?: number;
  readonly offset?: number;
}

function search(query: string, ask: Ask = {}, using = opened.search): Promise<SearchAnswer> {
  const { level = 'study', customers = ['city-medical'], limit = 100, offset = 0 } = ask;
  const { conditions } = parseSearch(new URLSearchParams(query), level);
  return using.search({ level, customers: customers.map(customerKey), conditions, limit, offset });
}

/** UIDs of what is found, each of its own level. */
async function uids(query: string, ask: Ask = {}): Promise<readonly string[]> {
  const { found } = await search(query, ask);
  return found.map(
    ({ study, series, instance }) =>
      instance?.sopInstanceUid ?? series?.seriesInstanceUid ?? study.studyInstanceUid,
  );
}

/** Study 1.n of the day n, each of another patient, with one CT image. */
async function addStudies(count: number, customer = 'city-medical'): Promise<void> {
  for (let n = 1; n <= count; n += 1)
    await add({
      customer,
      study: `1.${n}`,
      series: `1.${n}.1`,
      sop: `1.${n}.1.1`,
      studyAttributes: {
        PatientID: `P-${n}`,
        PatientName: `Name${n}^Given`,
        AccessionNumber: `A${n}`,
        StudyDate: `202401${String(n).padStart(2, '0')}`,
        StudyTime: '1200',
      },
    });
}

describe('order and pages', () => {
  it('gives the latest study first, those without a date last, the same on every page', async () => {
    await addStudies(5);
    await add({ study: '2.1', series: '2.1.1', sop: '2.1.1.1', studyAttributes: { StudyTime: '1300' } });
    const all = ['1.5', '1.4', '1.3', '1.2', '1.1', '2.1'];
    expect(await uids('')).toEqual(all);
    const pages = [];
    for (let offset = 0; offset < 7; offset += 2) pages.push(...(await uids('', { limit: 2, offset })));
    expect(pages).toEqual(all);
  });

  it('says whether there is more', async () => {
    await addStudies(3);
    expect((await search('', { limit: 2 })).rest).toBe('limit');
    expect((await search('', { limit: 3 })).rest).toBe('none');
    expect((await search('', { limit: 0 })).found).toEqual([]);
    expect((await search('', { offset: 9 })).rest).toBe('none');
  });

  it('goes through more studies than it reads at once', async () => {
    for (let n = 1; n <= 700; n += 1)
      await add({
        study: `1.${n}`,
        series: `1.${n}.1`,
        sop: `1.${n}.1.1`,
        studyAttributes: {
          StudyDate: n % 2 === 0 ? '20240101' : '20240102',
          StudyTime: '1200',
          StudyID: `${n}`,
        },
      });
    const found = await uids('', { limit: 1000 });
    expect(new Set(found).size).toBe(700);
    expect(found.slice(0, 350)).toEqual(
      [...found.slice(0, 350)].sort((a, b) => Number(b.slice(2)) - Number(a.slice(2))),
    );
    expect(await uids('StudyID=3', {})).toEqual(['1.3']);
  });

  it('merges customers in one order', async () => {
    await addStudies(3);
    await add({
      customer: 'north-clinic',
      study: '3.1',
      series: '3.1.1',
      sop: '3.1.1.1',
      studyAttributes: { StudyDate: '20240102', StudyTime: '1300' },
    });
    expect(await uids('', { customers: ['city-medical', 'north-clinic'] })).toEqual([
      '1.3',
      '3.1',
      '1.2',
      '1.1',
    ]);
  });
});

describe('keys', () => {
  beforeEach(() => addStudies(5));

  it.each([
    ['PatientID=P-3', ['1.3']],
    ['PatientID=P-*', ['1.5', '1.4', '1.3', '1.2', '1.1']],
    ['PatientID=*3', ['1.3']],
    ['PatientID=P', []],
    ['AccessionNumber=A2', ['1.2']],
    ['AccessionNumber=A?', ['1.5', '1.4', '1.3', '1.2', '1.1']],
    ['PatientName=name4*', ['1.4']],
    ['PatientName=NAME4^GIVEN', ['1.4']],
    ['PatientName=*given', ['1.5', '1.4', '1.3', '1.2', '1.1']],
    ['PatientName=na?e4^giv*', ['1.4']],
    ['PatientName=name4^*', ['1.4']],
    ['PatientName=name', []],
    ['PatientName=giv%20name2&fuzzymatching=true', ['1.2']],
    ['StudyDate=20240102-20240103', ['1.3', '1.2']],
    ['StudyDate=20240104-', ['1.5', '1.4']],
    ['StudyDate=-20240101', ['1.1']],
    ['StudyDate=20240102-20240103&PatientID=P-3', ['1.3']],
    ['StudyDate=20240102&PatientID=P-3', []],
    ['StudyInstanceUID=1.2,1.4', ['1.4', '1.2']],
    ['StudyInstanceUID=9.9', []],
    ['ModalitiesInStudy=MR', []],
    ['NumberOfStudyRelatedInstances=1&StudyDate=20240101', ['1.1']],
    ['SOPClassesInStudy=1.2.840.10008.5.1.4.1.1.2&PatientID=P-1', ['1.1']],
  ])('%s', async (query, expected) => {
    expect(await uids(query)).toEqual(expected);
  });

  it('finds a name by its new spelling once a correction was accepted', async () => {
    await add({
      study: '1.1',
      series: '1.1.1',
      sop: '1.1.1.2',
      receivedAt: 2000,
      studyAttributes: {
        PatientName: 'Correct^Name',
        PatientID: 'P-NEW',
        StudyDate: '20240131',
        StudyTime: '1200',
      },
    });
    await opened.index.acceptDisagreements(storedInstance({ study: '1.1' }).key, 3000);
    expect(await uids('PatientName=correct*')).toEqual(['1.1']);
    expect(await uids('PatientID=P-NEW')).toEqual(['1.1']);
    expect(await uids('PatientID=P-1')).toEqual([]);
    expect(await uids('StudyDate=20240131')).toEqual(['1.1']);
  });
});

describe('customers', () => {
  it('never see what others have under the same UIDs', async () => {
    await addStudies(2);
    await addStudies(2, 'north-clinic');
    await add({ customer: 'north-clinic', study: '1.1', series: '1.1.1', sop: '1.1.1.7' });
    for (const query of [
      '',
      'PatientID=P-1',
      'StudyInstanceUID=1.1',
      'SOPInstanceUID=1.1.1.7',
      'SeriesInstanceUID=1.1.1',
      'PatientName=name1*',
      'AccessionNumber=A1',
      'StudyDate=20240101',
    ])
      for (const level of ['study', 'series', 'instance'] as const)
        for (const customer of ['city-medical', 'north-clinic', 'no-such-one']) {
          const { found } = await search(query, { level, customers: [customer] });
          expect(found.filter(({ study }) => study.customer !== customer)).toEqual([]);
        }
    expect(await uids('SOPInstanceUID=1.1.1.7', { level: 'instance' })).toEqual([]);
    expect(await uids('StudyInstanceUID=1.1', { level: 'instance' })).toEqual(['1.1.1.1']);
  });
});

describe('series and instances', () => {
  beforeEach(async () => {
    const MR = '1.2.840.10008.5.1.4.1.1.4';
    for (const [series, modality, count] of [
      [2, 'MR', 3],
      [1, 'MR', 2],
      [10, 'SR', 1],
    ] as const)
      for (let image = count; image >= 1; image -= 1) {
        const one = storedInstance({
          study: '1.2',
          series: `1.2.${series}`,
          sop: `1.2.${series}.${image}`,
          studyAttributes: { StudyDate: '20240105', PatientID: 'P-9' },
          seriesAttributes: { Modality: modality, SeriesNumber: String(series) },
          image: { instanceNumber: image, rows: 256 * series },
        });
        await opened.index.addInstance(
          modality === 'MR' ? { ...one, header: { ...one.header, sopClassUid: MR as never } } : one,
        );
      }
    await addStudies(1);
  });

  it('come by number within their study', async () => {
    expect(await uids('', { level: 'series' })).toEqual(['1.2.1', '1.2.2', '1.2.10', '1.1.1']);
    expect(await uids('StudyInstanceUID=1.2', { level: 'instance' })).toEqual([
      '1.2.1.1',
      '1.2.1.2',
      '1.2.2.1',
      '1.2.2.2',
      '1.2.2.3',
      '1.2.10.1',
    ]);
  });

  it('are found by keys of all levels above', async () => {
    expect(await uids('Modality=SR', { level: 'series' })).toEqual(['1.2.10']);
    expect(await uids('PatientID=P-9&Modality=MR&InstanceNumber=2', { level: 'instance' })).toEqual([
      '1.2.1.2',
      '1.2.2.2',
    ]);
    expect(await uids('SOPInstanceUID=1.2.2.3', { level: 'instance' })).toEqual(['1.2.2.3']);
    expect(await uids('SeriesInstanceUID=1.2.2,1.1.1', { level: 'series' })).toEqual(['1.2.2', '1.1.1']);
    expect(await uids('Rows=256', { level: 'instance' })).toEqual(['1.2.1.1', '1.2.1.2']);
  });

  it('are paged through without gap or repetition', async () => {
    const all = await uids('', { level: 'instance' });
    expect(all).toHaveLength(7);
    for (const query of ['', 'InstanceNumber=1', 'Modality=MR']) {
      const whole = await uids(query, { level: 'instance' });
      const pages = [];
      for (let offset = 0; offset < 8; offset += 1)
        pages.push(...(await uids(query, { level: 'instance', limit: 1, offset })));
      expect(pages).toEqual(whole);
    }
  });

  it('know the counts and SOP Classes of their study', async () => {
    const [{ study } = {}] = (await search('StudyInstanceUID=1.2')).found;
    expect([study?.seriesCount, study?.instanceCount]).toEqual([3, 6]);
    expect(study?.sopClasses).toEqual(['1.2.840.10008.5.1.4.1.1.2', '1.2.840.10008.5.1.4.1.1.4']);
  });
});

describe('a search without an end', () => {
  it('stops at the bound and says so, and others have their turn', async () => {
    await addStudies(31);
    const db = openDatabase(opened.filePath);
    onTestFinished(() => void db.close());
    const bounded = createStudySearch({ db, texts: new TextValues(db), maxExamined: 10 });
    const answer = await search('StudyID=none', {}, bounded);
    expect(answer).toEqual({ found: [], rest: 'work' });
    expect((await search('StudyDate=20240131', {}, bounded)).rest).toBe('none');
  });

  it('leaves the event loop free meanwhile', async () => {
    for (let n = 1; n <= 600; n += 1) await add({ study: `1.${n}`, series: `1.${n}.1`, sop: `1.${n}.1.1` });
    const order: string[] = [];
    const searching = search('StudyID=none').then(() => order.push('found'));
    setImmediate(() => order.push('other work'));
    await searching;
    expect(order).toEqual(['other work', 'found']);
  });
});

it('fills what an index of an earlier version lacks', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'search-'));
  onTestFinished(() => fs.rmSync(folder, { recursive: true }));
  const filePath = path.join(folder, 'index.db');
  const step = MIGRATIONS.findIndex((sql) => sql.includes('sop_classes TEXT'));
  const old = new Database(filePath);
  for (const sql of MIGRATIONS.slice(0, step)) old.exec(sql);
  old.exec(`
    INSERT INTO text_value VALUES (1, '1.2.840.10008.5.1.4.1.1.2'), (2, '1.2.840.10008.1.2.1'), (3, '{"rows":512}'),
      (4, '1.2.840.10008.5.1.4.1.1.88.11');
    INSERT INTO origin VALUES (1, 'dimse', 'CT1', 'CITYMED', '');
    INSERT INTO study (id, customer, study_uid, state, instances, bytes, first_received_at, last_received_at,
      modalities, origin_id, attributes_rank, attributes)
    VALUES (1, 'city-medical', '1.2', 'stable', 2, 2, 1, 1, 'CT', 1, 0,
      '{"PatientID":"OLD","StudyDate":"2020.01.31","AccessionNumber":"A9","PatientName":"Old^One"}');
    INSERT INTO study_term VALUES ('old', 1), ('one', 1);
    INSERT INTO series (id, study_id, series_uid, instances, attributes) VALUES (1, 1, '1.2.3', 2, '{"Modality":"CT"}');
    INSERT INTO instance (series_id, sop_uid, sop_class_id, transfer_syntax_id, image_id, origin_id, file_bytes,
      data_set_offset, sha256, integrity, received_at) VALUES
      (1, '1.2.3.4', 1, 2, 3, 1, 1, 1, 'ab', 'complete', 1), (1, '1.2.3.5', 4, 2, 3, 1, 1, 1, 'ab', 'complete', 1);
    PRAGMA user_version = ${step};`);
  old.close();
  const migrated = openSqliteIndex({ filePath });
  onTestFinished(() => migrated.index.close());
  for (const query of ['PatientID=OLD', 'StudyDate=20200131', 'AccessionNumber=A*', 'PatientName=old*']) {
    const { found } = await search(query, {}, migrated.search);
    expect(found.map(({ study }) => study.sopClasses)).toEqual([
      ['1.2.840.10008.5.1.4.1.1.2', '1.2.840.10008.5.1.4.1.1.88.11'],
    ]);
  }
});
