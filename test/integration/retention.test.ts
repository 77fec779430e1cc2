import { expect, it } from 'vitest';

import { StoreError } from '../../src/core/ports/instance-store.ts';
import { createStudyRemover } from '../../src/core/retention/study-remover.ts';
import { customerKey } from '../../src/core/study/instance.ts';
import { uid } from '../../src/dicom/uid.ts';
import { archiveSite, type ArchiveSite } from '../support/archive-site.ts';
import { syntheticCt } from '../support/data-sets.ts';

const STUDY = '1.2.826.0.1.77.1';
const key = { customer: customerKey('city'), studyInstanceUid: uid(STUDY) };
const ct = (number: number, study = STUDY) =>
  syntheticCt({
    rows: 8,
    columns: 8,
    studyInstanceUid: study,
    seriesInstanceUid: `${study}.1`,
    sopInstanceUid: `${study}.1.${number}`,
    instanceNumber: number,
  });

async function siteWithStudies(): Promise<ArchiveSite> {
  const site = await archiveSite();
  for (const number of [1, 2, 3]) await site.receive(ct(number), 'city');
  await site.receive(ct(1), 'north');
  await site.receive(ct(9, '1.2.826.0.1.77.2'), 'city');
  await site.announce('city', STUDY);
  return site;
}
const removerOf = (site: ArchiveSite, files: Partial<ArchiveSite['parts']['store']> = {}) => {
  const { removals, gate, intake, store } = site.parts;
  const { audit, clock, logger } = site;
  return createStudyRemover({
    removals,
    files: { setApart: store.setApart.bind(store), deleteSome: store.deleteSome.bind(store), ...files },
    gate,
    flushIntake: () => intake.flush(),
    audit,
    clock,
    logger,
    hooks: [],
  });
};
const removeAll = async (site: ArchiveSite) => {
  const remover = removerOf(site);
  const removed = await remover.remove(key, 'age', () => true);
  await remover.deleteSome(1000);
  return removed;
};

it('removes one study of one customer, and its record says what became of it', async () => {
  const site = await siteWithStudies();
  expect(await removeAll(site)).toMatchObject({ instances: 3, why: 'age' });
  const { index, removals } = site.parts;
  expect(index.findStudy(key)).toBeUndefined();
  expect(site.files('objects')).toEqual([
    'city/1.2.826.0.1.77.2/1.2.826.0.1.77.2.1/1.2.826.0.1.77.2.1.9.dcm',
    `north/${STUDY}/${STUDY}.1/${STUDY}.1.1.dcm`,
  ]);
  expect(site.files('removed')).toEqual([]);
  expect(index.totals()).toMatchObject({ acknowledgedInstances: 5, instances: 2, removedInstances: 3 });
  expect(removals.find(key)).toMatchObject({
    files: 'removed',
    deliveries: [{ product: 'viewer', studyId: 'stu_city', isCancelled: false }],
  });
  expect(index.findRemovals(key.studyInstanceUid).map((removal) => removal.key.customer)).toEqual(['city']);
  expect(site.audited).toMatchObject([{ event: 'study.removed', ...key, actor: 'retention' }]);
});

it('asks again inside the transaction, and leaves alone what it may not remove', async () => {
  const site = await siteWithStudies();
  expect(await removerOf(site).remove(key, 'size', (facts) => facts.instances !== 3)).toBeUndefined();
  expect(site.parts.index.findStudy(key)?.instances).toBe(3);
  expect(site.files(`objects/city/${STUDY}`)).toHaveLength(3);
});

it('takes an image that comes during the removal as the first of a new study, which Avara has already', async () => {
  const site = await siteWithStudies();
  const { store, index, outbox } = site.parts;
  let late: Promise<unknown> | undefined;
  const remover = removerOf(site, {
    setApart(of, name) {
      late = site.receive(ct(4), 'city');
      return store.setApart(of, name);
    },
  });
  await remover.remove(key, 'age', () => true);
  expect(await late).toMatchObject({ kind: 'stored' });
  await remover.deleteSome(1000);
  expect(site.files(`objects/city/${STUDY}`)).toEqual([`${STUDY}.1/${STUDY}.1.4.dcm`]);
  const study = index.findStudy(key);
  expect(study).toMatchObject({ instances: 1, state: 'receiving' });
  expect(study?.deliveries).toMatchObject([{ product: 'viewer', state: 'created', studyId: 'stu_city' }]);
  expect(site.parts.removals.find(key)).toBeUndefined();
  await index.settle(key, Number.MAX_SAFE_INTEGER, ['viewer'], site.clock.now());
  const due = outbox.due(site.clock.now(), 10, new Set(), new Set());
  expect(
    due.find((entry) => entry.study.key.customer === 'city' && entry.study.instances === 1),
  ).toMatchObject({
    avaraStudyId: 'stu_city',
  });
  expect(site.unaccountedFor()).toBe(0);
  await site.reopen();
  expect(site.parts.index.findStudy(key)?.instances).toBe(1);
});

it('lets whoever has an object open read it to its end', async () => {
  const site = await siteWithStudies();
  const [record] = site.parts.index.listInstances(key);
  if (record === undefined) throw new Error('no instance');
  const opened = await site.parts.store.open(record.key);
  await removeAll(site);
  const bytes = Buffer.alloc(record.fileBytes);
  expect(await opened.read(bytes, 0)).toBe(record.fileBytes);
  expect(bytes.subarray(128, 132).toString()).toBe('DICM');
  await opened.close();
});

it('is taken to its end by the next start, where the process died between record and files', async () => {
  const site = await siteWithStudies();
  const remover = removerOf(site, { setApart: () => new Promise(() => undefined) });
  void remover.remove(key, 'age', () => true);
  await expect.poll(() => site.parts.removals.find(key)?.files).toBe('in-place');
  expect(site.files(`objects/city/${STUDY}`)).toHaveLength(3);
  await site.reopen();
  expect(site.files(`objects/city/${STUDY}`)).toEqual([]);
  expect(site.files('removed')).toHaveLength(3);
  expect(site.parts.index.findStudy(key)).toBeUndefined();
  await removerOf(site).deleteSome(1000);
  expect(site.files('removed')).toEqual([]);
  expect(site.unaccountedFor()).toBe(0);
});

it('leaves the study whole where the process died before the record', async () => {
  const site = await siteWithStudies();
  await site.reopen();
  expect(site.parts.index.findStudy(key)?.instances).toBe(3);
  expect(site.files(`objects/city/${STUDY}`)).toHaveLength(3);
});

it('deletes the rest after a death in the middle of deleting', async () => {
  const site = await siteWithStudies();
  const remover = removerOf(site);
  await remover.remove(key, 'age', () => true);
  expect(await remover.deleteSome(2)).toEqual({ files: 2, isDone: false });
  await site.reopen();
  expect(site.files('removed')).toHaveLength(1);
  await removerOf(site).deleteSome(1000);
  expect([site.files('removed'), site.parts.removals.unfinished()]).toEqual([[], []]);
});

it('takes nothing in for a study whose files could not be taken out, and tries again', async () => {
  const site = await siteWithStudies();
  const broken = removerOf(site, { setApart: () => Promise.reject(new StoreError('io', 'rename: EIO')) });
  await broken.remove(key, 'age', () => true);
  expect(await site.receive(ct(4), 'city')).toMatchObject({ kind: 'refused', code: 'out-of-resources' });
  expect(await site.receive(ct(4), 'north')).toMatchObject({ kind: 'stored' });
  const remover = removerOf(site);
  expect(await remover.settle()).toBe(true);
  expect(await site.receive(ct(4), 'city')).toMatchObject({ kind: 'stored' });
  await remover.deleteSome(1000);
  expect(site.files(`objects/city/${STUDY}`)).toEqual([`${STUDY}.1/${STUDY}.1.4.dcm`]);
});

it('does not count the same study twice when it is removed, sent again and removed again', async () => {
  const site = await siteWithStudies();
  await removeAll(site);
  for (const number of [1, 2, 3])
    expect(await site.receive(ct(number), 'city')).toMatchObject({ kind: 'stored' });
  await removeAll(site);
  expect(site.parts.index.totals()).toMatchObject({ acknowledgedInstances: 8, removedInstances: 6 });
  expect(site.unaccountedFor()).toBe(0);
  expect(site.parts.removals.list(10)).toHaveLength(2);
});
