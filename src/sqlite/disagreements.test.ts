import { describe, expect, it } from 'vitest';

import { storedInstance } from '../../test/support/stored-instance.ts';
import { temporaryIndex } from '../../test/support/temporary-index.ts';
import { customerKey } from '../core/study/instance.ts';
import { uid } from '../dicom/uid.ts';

const city = { customer: customerKey('city-medical'), studyInstanceUid: uid('1.2.3') };
describe('disagreements between instances of a study', () => {
  it('are none where instances differ only in what may differ, or leave something out', async () => {
    const { index } = temporaryIndex();
    await index.addInstance(storedInstance({ sop: '1', studyAttributes: { ContentTime: '10' } }));
    await index.addInstance(storedInstance({ sop: '2', studyAttributes: { ContentTime: '11' } }));
    await index.addInstance(storedInstance({ sop: '3', studyAttributes: { PatientSex: 'F' } }));
    expect(index.disagreements(city)).toEqual([]);
    expect(index.findStudy(city)).not.toHaveProperty('disagreements');
  });

  it('are noted with the instances that state them; the first stays the study’s', async () => {
    const { index } = temporaryIndex();
    await index.addInstance(storedInstance({ sop: '1', receivedAt: 1 }));
    for (const sop of ['2', '3'])
      await index.addInstance(
        storedInstance({ sop, receivedAt: Number(sop), studyAttributes: { PatientName: 'Roe^Jane' } }),
      );
    expect(index.findStudy(city)).toMatchObject({
      attributes: { PatientName: 'Doe^Jane' },
      disagreements: ['PatientName'],
    });
    expect(index.disagreements(city)).toEqual([
      { keyword: 'PatientName', value: 'Roe^Jane', instances: 2, sopInstanceUid: '3', lastReceivedAt: 3 },
    ]);
  });

  it('become the study’s own values when an operator says so, and something to tell Avara', async () => {
    const { index, outbox } = temporaryIndex();
    await index.addInstance(storedInstance({ sop: '1', receivedAt: 1 }));
    await index.settle(city, 1, ['viewer'], 2);
    const [entry] = outbox.due(2, 1, new Set(), new Set());
    await outbox.complete(entry?.id ?? 0, { avaraStudyId: 'stu_1', sent: '{}' }, 3);
    await index.addInstance(
      storedInstance({ sop: '2', receivedAt: 4, studyAttributes: { PatientName: 'Roe^Jane' } }),
    );
    await index.addInstance(
      storedInstance({ sop: '3', receivedAt: 5, studyAttributes: { PatientName: 'Poe^Jane' } }),
    );
    await index.settle(city, 5, ['viewer'], 6);
    expect(await index.acceptDisagreements(city, 7)).toEqual(['PatientName']);
    expect(index.findStudy(city)).toMatchObject({ attributes: { PatientName: 'Poe^Jane' } });
    expect(index.listStudies({ limit: 1, text: 'poe' }).studies).toHaveLength(1);
    expect(index.listStudies({ limit: 1, text: 'doe' }).studies).toHaveLength(0);
    expect(outbox.due(7, 1, new Set(), new Set())).toMatchObject([{ avaraStudyId: 'stu_1', sent: '{}' }]);
    expect(await index.acceptDisagreements(city, 8)).toEqual([]);
  });

  it('keeps what Avara should be told beside a completion that knew less', async () => {
    const { index, outbox } = temporaryIndex();
    await index.addInstance(storedInstance({ sop: '1', receivedAt: 1 }));
    await index.settle(city, 1, ['viewer'], 2);
    const [entry] = outbox.due(2, 1, new Set(), new Set());
    expect(await outbox.wish(city, undefined, 'cancel', 3)).toBe(1);
    const known = { avaraStudyId: 'stu_1', sent: '{}', revision: entry?.revision ?? 0 };
    await outbox.complete(entry?.id ?? 0, known, 4);
    expect(outbox.due(4, 1, new Set(), new Set())).toMatchObject([{ wish: 'cancel', avaraStudyId: 'stu_1' }]);
    const [again] = outbox.due(4, 1, new Set(), new Set());
    await outbox.complete(again?.id ?? 0, { ...known, isCancelled: true, revision: again?.revision ?? 0 }, 5);
    expect(index.findStudy(city)?.deliveries).toMatchObject([{ state: 'created', isCancelled: true }]);
    expect(outbox.due(9, 1, new Set(), new Set())).toEqual([]);
  });
});

describe('products configured later', () => {
  it('get an entry for each stable study that has none, a portion at a time', async () => {
    const { index, outbox } = temporaryIndex();
    for (const study of ['1.1', '1.2', '1.3']) {
      await index.addInstance(storedInstance({ study, receivedAt: 1 }));
      if (study !== '1.3') await index.settle({ ...city, studyInstanceUid: uid(study) }, 1, ['viewer'], 2);
    }
    expect(await outbox.addMissing(city.customer, 'autoScribe', 1, 3)).toBe(1);
    expect(await outbox.addMissing(city.customer, 'autoScribe', 9, 3)).toBe(1);
    expect(await outbox.addMissing(city.customer, 'autoScribe', 9, 3)).toBe(0);
    expect(index.findStudy({ ...city, studyInstanceUid: uid('1.3') })?.deliveries).toEqual([]);
  });
});
