import path from 'node:path';
import fs from 'node:fs';

import { expect, it } from 'vitest';

import { createStudyMover } from '../../src/core/move/move-study.ts';
import { createStudyRemover } from '../../src/core/retention/study-remover.ts';
import { customerKey } from '../../src/core/study/instance.ts';
import { uid } from '../../src/dicom/uid.ts';
import { archiveSite, type ArchiveSite } from '../support/archive-site.ts';
import { syntheticCt } from '../support/data-sets.ts';

const STUDY = '1.2.826.0.1.66.1';
const CITY = customerKey('city');
const NORTH = customerKey('north');
const from = { customer: CITY, studyInstanceUid: uid(STUDY) };
const target = { ...from, customer: NORTH };
const ct = (number: number, patientName?: string) =>
  syntheticCt({
    rows: 8,
    columns: 8,
    studyInstanceUid: STUDY,
    seriesInstanceUid: `${STUDY}.1`,
    sopInstanceUid: `${STUDY}.1.${number}`,
    instanceNumber: number,
    ...(patientName !== undefined && { patientName }),
  });
const fileOf = (customer: string, number: number): string =>
  `${customer}/${STUDY}/${STUDY}.1/${STUDY}.1.${number}.dcm`;

function moverOf(site: ArchiveSite, files: Partial<ArchiveSite['parts']['store']> = {}) {
  const { index, moves, removals, store, gate, intake } = site.parts;
  const { audit, clock, logger } = site;
  return createStudyMover({
    index,
    moves,
    removals,
    files: {
      setApart: store.setApart.bind(store),
      deleteSome: store.deleteSome.bind(store),
      linkInto: store.linkInto.bind(store),
      unlinkFrom: store.unlinkFrom.bind(store),
      ...files,
    },
    gate,
    flushIntake: () => intake.flush(),
    productsOf: (customer) => (customer === CITY || customer === NORTH ? ['viewer'] : undefined),
    audit,
    clock,
    logger,
    hooks: [],
    onMoved: () => undefined,
  });
}
const by = { actor: 'admin' };
async function cleanUp(site: ArchiveSite): Promise<void> {
  const { removals, gate, intake, store } = site.parts;
  const { audit, clock, logger } = site;
  const remover = createStudyRemover({
    removals,
    files: store,
    gate,
    flushIntake: () => intake.flush(),
    audit,
    clock,
    logger,
    hooks: [],
  });
  await remover.deleteSome(1000);
}
async function siteWithStudy(): Promise<ArchiveSite> {
  const site = await archiveSite();
  for (const number of [1, 2]) await site.receive(ct(number), 'city');
  await site.announce('city', STUDY);
  return site;
}

it('makes a study another customer’s: files, rows, conflicts, and what Avara is to be told in which order', async () => {
  const site = await siteWithStudy();
  expect(await site.receive(ct(1, 'OTHER'), 'city')).toMatchObject({ kind: 'conflict' });
  expect(await moverOf(site).move(from, NORTH, by)).toEqual({ kind: 'moved', instances: 2, merged: false });
  await cleanUp(site);
  const { index, outbox, moves, removals } = site.parts;
  expect(site.files('objects')).toEqual([fileOf('north', 1), fileOf('north', 2)]);
  expect(site.files('conflicts').every((file) => file.startsWith('north/'))).toBe(true);
  expect(index.conflicts(10)).toMatchObject([{ key: { customer: NORTH } }]);
  expect(fs.existsSync(path.join(site.dataDir, index.conflicts(10)[0]?.path ?? ''))).toBe(true);
  expect(index.findStudy(target)).toMatchObject({ instances: 2, state: 'stable' });
  expect(index.listInstances(from)).toEqual([]);
  expect(index.findRemovals(from.studyInstanceUid)).toMatchObject([
    { key: from, why: 'moved', movedTo: NORTH },
  ]);
  expect(site.unaccountedFor()).toBe(0);
  expect(site.audited.filter(({ event }) => event === 'study.moved').map(({ customer }) => customer)).toEqual(
    [CITY, NORTH],
  );

  // The cancellation is due; the creation only after it.
  const due = () => outbox.due(site.clock.now(), 10, new Set(), new Set());
  const [cancel, ...others] = due();
  expect([cancel?.study.key.customer, cancel?.wish, cancel?.isMovedAway, others]).toEqual([
    CITY,
    'cancel',
    true,
    [],
  ]);
  await outbox.complete(
    cancel?.id ?? 0,
    { avaraStudyId: 'stu_city', isCancelled: true, revision: cancel?.revision ?? 0 },
    1,
  );
  const [create] = due();
  expect([create?.study.key.customer, create?.supersedes, create?.avaraStudyId]).toEqual([
    NORTH,
    'stu_city',
    undefined,
  ]);
  expect(await moves.tidy()).toBe(0);
  await outbox.complete(create?.id ?? 0, { avaraStudyId: 'stu_north', revision: create?.revision ?? 0 }, 1);
  expect(await moves.tidy()).toBe(1);
  expect(index.findStudy(from)).toBeUndefined();
  expect(index.findRemovalByAvaraId('stu_city')).toMatchObject({ key: from });
  expect(removals.find(from)?.deliveries).toMatchObject([{ studyId: 'stu_city', isCancelled: true }]);
  await site.reopen();
  expect(site.parts.index.findStudy(target)?.instances).toBe(2);
});

it('puts the instances together where the other customer has some of them, and counts none twice', async () => {
  const site = await siteWithStudy();
  for (const number of [2, 3]) await site.receive(ct(number), 'north');
  await site.announce('north', STUDY);
  expect(await moverOf(site).move(from, NORTH, by)).toEqual({ kind: 'moved', instances: 2, merged: true });
  await cleanUp(site);
  expect(site.files('objects')).toEqual([1, 2, 3].map((number) => fileOf('north', number)));
  expect(site.parts.index.findStudy(target)).toMatchObject({ instances: 3, modalities: ['CT'] });
  expect(site.parts.index.listSeries(target)).toMatchObject([{ instances: 3 }]);
  expect(site.parts.index.totals()).toMatchObject({
    instances: 3,
    removedInstances: 1,
    acknowledgedInstances: 4,
  });
  expect(site.parts.index.findStudy(target)?.deliveries).toMatchObject([{ studyId: 'stu_north' }]);
});

it('refuses what must not be mixed or is not ready, and changes nothing', async () => {
  const site = await siteWithStudy();
  await site.receive(ct(2, 'OTHER'), 'north');
  const mover = moverOf(site);
  expect(await mover.move(from, NORTH, by)).toMatchObject({ kind: 'refused', code: 'different-bytes' });
  expect(await mover.move(from, CITY, by)).toMatchObject({ code: 'same-customer' });
  expect(await mover.move(from, customerKey('nobody'), by)).toMatchObject({
    code: 'customer-not-configured',
  });
  expect(await mover.move({ ...from, studyInstanceUid: uid('1.2.9') }, NORTH, by)).toMatchObject({
    code: 'study-not-found',
  });
  await site.receive(ct(5), 'city');
  expect(await mover.move(from, NORTH, by)).toMatchObject({ code: 'study-receiving' });
  expect(site.files('objects')).toEqual([
    fileOf('city', 1),
    fileOf('city', 2),
    fileOf('city', 5),
    fileOf('north', 2),
  ]);
  expect(site.parts.moves.unfinished()).toEqual([]);
});

it('leaves the study where it was where the process died while links were made', async () => {
  const site = await siteWithStudy();
  const { store } = site.parts;
  const mover = moverOf(site, {
    async linkInto(to, instances, conflicts) {
      await store.linkInto(to, instances.slice(0, 1), conflicts);
      return new Promise(() => undefined);
    },
  });
  void mover.move(from, NORTH, by);
  await expect.poll(() => site.files('objects')).toContain(fileOf('north', 1));
  await site.reopen();
  expect(site.files('objects')).toEqual([fileOf('city', 1), fileOf('city', 2)]);
  expect(site.parts.index.findStudy(from)?.instances).toBe(2);
  expect(site.parts.index.findStudy(target)).toBeUndefined();
  expect(site.parts.moves.unfinished()).toEqual([]);
  expect(await moverOf(site).move(from, NORTH, by)).toMatchObject({ kind: 'moved' });
});

it('is taken to its end where the process died after the study was the other customer’s', async () => {
  const site = await siteWithStudy();
  void moverOf(site, { setApart: () => new Promise(() => undefined) }).move(from, NORTH, by);
  await expect.poll(() => site.parts.index.findStudy(target)?.instances).toBe(2);
  await site.reopen();
  await cleanUp(site);
  expect(site.files('objects')).toEqual([fileOf('north', 1), fileOf('north', 2)]);
  expect(site.parts.index.findStudy(target)?.instances).toBe(2);
  expect(site.unaccountedFor()).toBe(0);
});

it('lets an image that comes meanwhile wait, and keeps it where it was sent to', async () => {
  const site = await siteWithStudy();
  const { store } = site.parts;
  let late: Promise<unknown> | undefined;
  const mover = moverOf(site, {
    linkInto(...given) {
      late = site.receive(ct(7), 'north');
      return store.linkInto(...given);
    },
  });
  expect(await mover.move(from, NORTH, by)).toMatchObject({ kind: 'moved' });
  expect(await late).toMatchObject({ kind: 'stored' });
  await cleanUp(site);
  expect(site.parts.index.findStudy(target)).toMatchObject({ instances: 3, state: 'receiving' });
  expect(site.files('objects')).toHaveLength(3);
});
