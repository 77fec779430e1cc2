import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { storedInstance } from '../../test/support/stored-instance.ts';
import type { Outbox } from '../core/ports/outbox.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import { customerKey } from '../core/study/instance.ts';
import { uid } from '../dicom/uid.ts';
import { Database } from './driver.mjs';
import { openSqliteIndex } from './study-index.ts';

let folder: string;
let index: StudyIndex;
let outbox: Outbox;
const filePath = () => path.join(folder, 'index.db');
const NOBODY = new Set<never>();

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'index-'));
  ({ index, outbox } = openSqliteIndex({ filePath: filePath() }));
});
afterEach(async () => {
  index.close();
  await fs.rm(folder, { recursive: true });
});

const city = { customer: customerKey('city-medical'), studyInstanceUid: uid('1.2.3') };
const north = { customer: customerKey('north-clinic'), studyInstanceUid: uid('1.2.3') };

describe('index of instances', () => {
  it('knows an instance after adding it, with all that was said of it', async () => {
    const stored = storedInstance({ image: { instanceNumber: 7, rows: 4, rescaleSlope: 1.5 } });
    expect(index.findInstance(stored.key)).toBeUndefined();
    await index.addInstance(stored);
    expect(index.findInstance(stored.key)).toEqual({
      key: stored.key,
      sopClassUid: stored.header.sopClassUid,
      transferSyntaxUid: stored.transferSyntaxUid,
      fileBytes: 1000,
      dataSetOffset: 300,
      sha256: stored.sha256,
      receivedAt: 1000,
      image: { instanceNumber: 7, rows: 4, columns: 512, rescaleSlope: 1.5 },
    });
  });

  it('keeps the same Study Instance UID of two customers apart in every query', async () => {
    await index.addInstance(storedInstance());
    await index.addInstance(
      storedInstance({ customer: 'north-clinic', studyAttributes: { PatientID: 'N-9' } }),
    );
    expect(index.findStudy(city)?.attributes.PatientID).toBe('P-1');
    expect(index.findStudy(north)?.attributes.PatientID).toBe('N-9');
    expect(index.findStudiesByUid(uid('1.2.3'))).toHaveLength(2);
    expect(index.listInstances(north)).toHaveLength(1);
    expect(index.listStudies({ limit: 10, customers: [north.customer] }).studies).toHaveLength(1);
    expect(index.listStudies({ limit: 10, customers: [north.customer], text: 'P-1' }).studies).toHaveLength(
      0,
    );
  });

  it('sums a study up: instances, bytes, modalities, first and last arrival', async () => {
    await index.addInstance(storedInstance({ sop: '1.1', receivedAt: 10, fileBytes: 100 }));
    await index.addInstance(storedInstance({ sop: '1.2', receivedAt: 30, fileBytes: 50 }));
    await index.addInstance(
      storedInstance({ sop: '1.3', series: '9.9', receivedAt: 20, seriesAttributes: { Modality: 'PT' } }),
    );
    expect(index.findStudy(city)).toMatchObject({
      state: 'receiving',
      instances: 3,
      bytes: 1150,
      modalities: ['CT', 'PT'],
      firstReceivedAt: 10,
      lastReceivedAt: 30,
    });
    expect(index.totals()).toMatchObject({
      studies: 1,
      receivingStudies: 1,
      instances: 3,
      bytes: 1150,
      acknowledgedInstances: 3,
      announcedInstances: 0,
    });
  });

  it('lets the first image speak for the study even when a report came before it', async () => {
    const report = { Modality: 'SR' };
    await index.addInstance(
      storedInstance({
        sop: '1.1',
        series: '1',
        seriesAttributes: report,
        studyAttributes: { PatientID: 'FROM-SR' },
      }),
    );
    await index.addInstance(
      storedInstance({ sop: '1.2', series: '2', studyAttributes: { PatientID: 'FROM-CT' } }),
    );
    await index.addInstance(
      storedInstance({ sop: '1.3', series: '2', studyAttributes: { PatientID: 'LATER' } }),
    );
    expect(index.findStudy(city)?.attributes.PatientID).toBe('FROM-CT');
    expect(index.listStudies({ limit: 5, text: 'from-sr' }).studies).toHaveLength(0);
  });

  it('orders instances by series number, instance number, then UID, those without a number last', async () => {
    const add = (
      series: string,
      seriesNumber: string | undefined,
      sop: string,
      instanceNumber: number | undefined,
    ) =>
      index.addInstance(
        storedInstance({
          series,
          sop,
          seriesAttributes: { SeriesNumber: seriesNumber ?? '' },
          image: instanceNumber === undefined ? { rows: 1 } : { instanceNumber },
        }),
      );
    await add('2.2', '10', '8.1', 2);
    await add('2.2', '10', '8.2', 1);
    await add('2.1', '9', '8.3', 5);
    await add('2.0', undefined, '8.4', 1);
    await add('2.0', undefined, '8.6', undefined);
    await add('2.0', undefined, '8.5', undefined);
    expect(index.listInstances(city).map((instance) => instance.key.sopInstanceUid)).toEqual([
      '8.3',
      '8.2',
      '8.1',
      '8.4',
      '8.5',
      '8.6',
    ]);
    expect(index.listSeries(city).map((series) => series.seriesInstanceUid)).toEqual(['2.1', '2.2', '2.0']);
    expect(
      index.listInstances(city, uid('2.1')).map(({ key }) => [key.seriesInstanceUid, key.sopInstanceUid]),
    ).toEqual(
      index
        .listInstances(city)
        .filter(({ key }) => key.seriesInstanceUid === '2.1')
        .map(({ key }) => ['2.1', key.sopInstanceUid]),
    );
  });

  it('finds studies by any name component without regard to case and accents, by id and by UID prefix', async () => {
    await index.addInstance(
      storedInstance({
        studyAttributes: { PatientName: 'Müller-Lüdenscheid^José=山田^太郎', AccessionNumber: 'A77' },
      }),
    );
    for (const text of ['muller', 'JOSE', '山田', 'p-1', 'a77', '1.2.']) {
      expect(index.listStudies({ limit: 5, text }).studies, text).toHaveLength(1);
    }
    expect(index.listStudies({ limit: 5, text: 'meier' }).studies).toHaveLength(0);
  });

  it('pages through studies newest first without repeating or missing one', async () => {
    for (let number = 1; number <= 7; number += 1) {
      await index.addInstance(storedInstance({ study: `5.${number}`, receivedAt: number % 3 }));
    }
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = index.listStudies({ limit: 3, ...(cursor !== undefined && { cursor }) });
      seen.push(...page.studies.map((study) => study.key.studyInstanceUid));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(['5.5', '5.2', '5.7', '5.4', '5.1', '5.6', '5.3']);
    expect(() => index.listStudies({ limit: 3, cursor: 'nonsense' })).toThrow('cursor');
  });

  it('keeps the rest of a batch when one write of it fails', async () => {
    const outcomes = await Promise.allSettled([
      index.addInstance(storedInstance({ sop: '1.1' })),
      index.addInstance(storedInstance({ sop: '1.1' })),
      index.addInstance(storedInstance({ sop: '1.2' })),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(index.findStudy(city)).toMatchObject({ instances: 2, bytes: 2000 });
  });

  it('still has everything after closing and opening again', async () => {
    await index.addInstance(storedInstance());
    await index.sync();
    index.close();
    ({ index, outbox } = openSqliteIndex({ filePath: filePath() }));
    expect(index.findStudy(city)?.instances).toBe(1);
  });

  it('refuses a database of a newer version with a hint', () => {
    index.close();
    const db = new Database(filePath());
    const version = Number(db.pragma('user_version', { simple: true }));
    db.pragma('user_version = 999');
    db.close();
    expect(() => openSqliteIndex({ filePath: filePath() })).toThrow(/newer version/);
    const mended = new Database(filePath());
    mended.pragma(`user_version = ${version}`);
    mended.close();
    ({ index, outbox } = openSqliteIndex({ filePath: filePath() }));
  });

  it('lists conflicts once however often the same bytes come', async () => {
    const { key, origin } = storedInstance();
    const conflict = {
      key,
      origin,
      sha256: 'cd'.repeat(32),
      fileBytes: 5,
      receivedAt: 9,
      path: 'conflicts/x',
    };
    await index.addConflict(conflict);
    await index.addConflict(conflict);
    expect(index.conflicts(10)).toEqual([conflict]);
    expect(index.totals().conflicts).toBe(1);
  });
});

describe('settling and the outbox', () => {
  it('makes a study stable with one pending entry per product, in one step', async () => {
    await index.addInstance(storedInstance({ receivedAt: 50 }));
    expect(await index.settle(city, 50, ['viewer', 'autoScribe'], 60)).toBe(true);
    expect(index.findStudy(city)).toMatchObject({
      state: 'stable',
      deliveries: [
        { product: 'viewer', state: 'pending', attempts: 0 },
        { product: 'autoScribe', state: 'pending', attempts: 0 },
      ],
    });
    expect(outbox.due(60, 10, NOBODY, NOBODY).map((entry) => entry.product)).toEqual([
      'viewer',
      'autoScribe',
    ]);
    expect(outbox.due(59, 10, NOBODY, NOBODY)).toEqual([]);
  });

  it('does not settle a study that got another image meanwhile', async () => {
    await index.addInstance(storedInstance({ sop: '1', receivedAt: 50 }));
    await index.addInstance(storedInstance({ sop: '2', receivedAt: 51 }));
    expect(await index.settle(city, 50, ['viewer'], 60)).toBe(false);
    expect(index.findStudy(city)).toMatchObject({ state: 'receiving', deliveries: [] });
  });

  it('late images reopen a study; settling again makes no second entry and keeps what is at Avara', async () => {
    await index.addInstance(storedInstance({ sop: '1', receivedAt: 1 }));
    await index.settle(city, 1, ['viewer'], 2);
    const [entry] = outbox.due(2, 1, NOBODY, NOBODY);
    await outbox.complete(entry?.id ?? 0, { avaraStudyId: 'stu_1' }, 3);
    await index.addInstance(storedInstance({ sop: '2', receivedAt: 4 }));
    expect(index.findStudy(city)?.state).toBe('receiving');
    await index.settle(city, 4, ['viewer'], 5);
    expect(index.findStudy(city)?.deliveries).toEqual([
      { product: 'viewer', state: 'created', attempts: 0, studyId: 'stu_1', isChangePending: true },
    ]);
    expect(outbox.due(9, 9, NOBODY, NOBODY)).toMatchObject([{ avaraStudyId: 'stu_1' }]);
    expect(index.totals().deliveries).toEqual({ pending: 0, created: 1, attention: 0 });
    expect(index.findStudyByAvaraId('stu_1')?.study.key).toEqual(city);
  });

  it('waits with a pending entry while its study is receiving again', async () => {
    await index.addInstance(storedInstance({ sop: '1', receivedAt: 1 }));
    await index.settle(city, 1, ['viewer'], 2);
    await index.addInstance(storedInstance({ sop: '2', receivedAt: 4 }));
    expect(outbox.due(9, 9, NOBODY, NOBODY)).toEqual([]);
    expect(outbox.nextDueAt(NOBODY, NOBODY)).toBeUndefined();
  });

  it('postpones, asks for attention, and retries on request', async () => {
    await index.addInstance(storedInstance({ receivedAt: 1 }));
    await index.settle(city, 1, ['viewer'], 2);
    const id = outbox.due(2, 1, NOBODY, NOBODY)[0]?.id ?? 0;
    await outbox.begin(id);
    await outbox.postpone(id, 100, 'HTTP 503');
    expect(outbox.due(99, 9, NOBODY, NOBODY)).toEqual([]);
    expect(outbox.nextDueAt(NOBODY, NOBODY)).toBe(100);
    await outbox.needAttention(id, 'HTTP 422: bad severity');
    expect(outbox.nextDueAt(NOBODY, NOBODY)).toBeUndefined();
    expect(index.listStudies({ limit: 5, delivery: 'attention' }).studies[0]?.deliveries).toEqual([
      { product: 'viewer', state: 'attention', attempts: 1, lastError: 'HTTP 422: bad severity' },
    ]);
    expect(await outbox.retry(city, 200)).toBe(1);
    expect(outbox.due(200, 9, NOBODY, NOBODY)).toHaveLength(1);
    expect(await outbox.retry(north, 200)).toBe(0);
    expect(outbox.due(200, 9, new Set([city.customer]), NOBODY)).toEqual([]);
    expect(outbox.due(200, 9, NOBODY, new Set([id]))).toEqual([]);
  });
});
