import fs from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Database } from '../../src/sqlite/driver.mjs';
import { startDaemon } from '../support/daemon-process.ts';
import { copyOf, createProvenSite, type DataFolderCopy, flipByte, STUDIES } from '../support/proven-site.ts';
import { runCli } from '../support/cli.ts';
import { CENTRES, type Site } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';

const { city } = CENTRES;
const FIRST = STUDIES.cityFirst;

let site: Site;
let listedBefore: readonly ListedStudy[];

interface ListedStudy {
  readonly customer: string;
  readonly studyInstanceUid: string;
  readonly state: string;
  readonly instances: number;
  readonly bytes: number;
  readonly firstReceivedAt: string;
  readonly lastReceivedAt: string;
  readonly avara: readonly { readonly product: string; readonly state: string; readonly studyId?: string }[];
}

async function studiesOf(admin: { host: string; port: number }): Promise<readonly ListedStudy[]> {
  const response = await fetch(`http://${admin.host}:${admin.port}/api/studies`);
  const { studies } = (await response.json()) as { studies: ListedStudy[] };
  return studies.toSorted((a, b) =>
    `${a.customer} ${a.studyInstanceUid}` < `${b.customer} ${b.studyInstanceUid}` ? -1 : 1,
  );
}

/** Everything that the index says of instances, with what they share resolved; without its own numbers. */
function contentsOf(copy: DataFolderCopy, columns = ''): readonly unknown[] {
  const db = new Database(path.join(copy.dataDir, 'index.db'), { readonly: true });
  const rows = db
    .prepare(
      `SELECT customer, study_uid, study.attributes, modalities, series_uid, series.attributes AS series, series_number,
         sop_uid, class.text AS class, syntax.text AS syntax, image.text AS image, file_bytes, data_set_offset, sha256,
         integrity, instance_number, source, calling_ae, called_ae ${columns},
         (SELECT group_concat(term) FROM (SELECT term FROM study_term WHERE study_id = study.id ORDER BY term)) AS terms
       FROM instance JOIN series ON series.id = series_id JOIN study ON study.id = study_id
       JOIN text_value AS class ON class.id = sop_class_id JOIN text_value AS syntax ON syntax.id = transfer_syntax_id
       JOIN text_value AS image ON image.id = image_id JOIN origin ON origin.id = instance.origin_id
       ORDER BY customer, study_uid, series_uid, sop_uid`,
    )
    .all();
  db.close();
  return rows;
}

/** Without the times: those of files are a moment earlier than those of acknowledgements. */
const withoutTimes = (studies: readonly ListedStudy[]): readonly unknown[] =>
  studies.map((study) => ({ ...study, firstReceivedAt: '', lastReceivedAt: '' }));

beforeAll(async () => {
  site = await createProvenSite();
  listedBefore = await studiesOf(site.daemon.admin);
});
afterAll(() => site.close());

describe('reindex', () => {
  it('refuses while a daemon runs, and changes nothing', async () => {
    const before = await fs.readdir(path.join(site.folder, 'data'));
    const run = await runCli('reindex', '--config', path.join(site.folder, 'config.json'));
    expect(run.code).toBe(4);
    expect(run.err).toContain('another daemon is using the data folder');
    expect(await fs.readdir(path.join(site.folder, 'data'))).toEqual(before);
    await site.daemon.stop();
  });

  it('gives a deleted index back with the same answers, and makes nothing twice at Avara', async () => {
    const copy = await copyOf(site, 'deleted');
    const contents = contentsOf(copy);
    await fs.rm(path.join(copy.dataDir, 'index.db'));
    const run = await copy.run('reindex', '--json');
    expect(run.code, run.err).toBe(0);
    expect(JSON.parse(run.out)).toMatchObject({ studies: 3, instances: 18, leftOut: 0 });
    expect(contentsOf(copy)).toEqual(contents);
    const atAvara = site.emulator.state.studies();
    const daemon = await startDaemon(copy.config);
    try {
      const listed = await waitUntil('every study is at Avara', async () => {
        const studies = await studiesOf(daemon.admin);
        return studies.every(({ avara }) => avara[0]?.state === 'created') ? studies : undefined;
      });
      const attemptsApart = (studies: readonly ListedStudy[]) =>
        withoutTimes(studies).map((study) => JSON.stringify(study).replace(/"attempts":\d+/g, ''));
      expect(attemptsApart(listed)).toEqual(attemptsApart(listedBefore));
      for (const [at, study] of listed.entries()) {
        const was = Date.parse(listedBefore[at]?.lastReceivedAt ?? '');
        expect(Math.abs(Date.parse(study.lastReceivedAt) - was)).toBeLessThan(60_000);
      }
      expect(site.emulator.state.studies().map(({ studyId }) => studyId)).toEqual(
        atAvara.map(({ studyId }) => studyId),
      );
    } finally {
      await daemon.stop();
    }
    expect((await copy.run('verify')).code).toBe(0);
  });

  it('takes from the old index what no file tells, and keeps it', async () => {
    const copy = await copyOf(site, 'kept');
    const contents = contentsOf(copy, ', peer_address, received_at, study.state');
    const run = await copy.run('reindex', '--json');
    expect(run.code, run.err).toBe(0);
    const result = JSON.parse(run.out) as { keptAs: string; notTakenOver: readonly string[] };
    expect(result.notTakenOver).toEqual([]);
    await fs.access(result.keptAs);
    expect(contentsOf(copy, ', peer_address, received_at, study.state')).toEqual(contents);
    const verified = JSON.parse((await copy.run('verify', '--json')).out) as { counts: unknown };
    expect(verified.counts).toMatchObject({ errors: 0, acknowledged: 18, announced: 18 });
  });

  it.each([
    ['scribbled over', (file: string) => fs.writeFile(file, Buffer.alloc(65_536, 0x5a))],
    ['cut short', (file: string) => fs.truncate(file, 20_000)],
  ])('is what the start asks for where the index is %s, and helps', async (_what, harm) => {
    const copy = await copyOf(site, `harmed ${_what}`);
    const contents = contentsOf(copy);
    await harm(path.join(copy.dataDir, 'index.db'));
    const refused = await copy.run('serve');
    expect(refused.code).toBe(4);
    expect(refused.err + refused.out).toContain('avara-ingest reindex');
    expect((await copy.run('reindex')).code).toBe(0);
    expect(contentsOf(copy)).toEqual(contents);
  });

  it('leaves out what is no object of its place, and says so', async () => {
    const copy = await copyOf(site, 'foreign');
    const folder = path.dirname(copy.objectOf(FIRST, 1, 1));
    await fs.copyFile(copy.objectOf(FIRST, 1, 1), path.join(folder, '1.2.3.dcm'));
    await fs.writeFile(path.join(folder, '1.2.4.dcm'), 'no DICOM');
    const run = await copy.run('reindex');
    expect(run.code).toBe(1);
    expect(run.out).toContain(path.join('objects', city.customer, FIRST, `${FIRST}.1`, '1.2.3.dcm'));
    expect(run.out).toContain('18 instances of 3 studies');
    expect(run.out).not.toMatch(/Ashby/);
  });

  it('brings conflicts and reports back from their files', async () => {
    const copy = await copyOf(site, 'conflict');
    const twin = path.join(path.dirname(copy.config), 'twin.dcm');
    await fs.copyFile(copy.objectOf(FIRST, 1, 1), twin);
    await flipByte(twin, -50);
    const imported = await copy.run('import', twin, '--customer', city.customer, '--json');
    expect(JSON.parse(imported.out)).toMatchObject({ counts: { conflicts: 1 } });
    const report = path.join(copy.dataDir, 'reports', city.customer, FIRST, 'rep_1');
    await fs.mkdir(report, { recursive: true });
    await fs.writeFile(path.join(report, 'v1.pdf'), '%PDF-');
    await fs.writeFile(
      path.join(report, 'v1.json'),
      JSON.stringify({
        reportId: 'rep_1',
        version: 1,
        avaraStudyId: 'stu_1',
        eventId: 'evt_1',
        isCritical: false,
        receivedAt: '2026-01-01T00:00:00.000Z',
        sha256: '00',
        customer: city.customer,
        studyInstanceUid: FIRST,
      }),
    );
    await fs.rm(path.join(copy.dataDir, 'index.db'));
    const run = await copy.run('reindex', '--json');
    expect(JSON.parse(run.out)).toMatchObject({ instances: 18, conflicts: 1, reports: 1 });
  });

  it('keeps timelines, and what Avara is still to be told of a study that was moved', async () => {
    const copy = await copyOf(site, 'moving');
    const { north } = CENTRES;
    const study = STUDIES.citySecond;
    const timelineOf = async (admin: { host: string; port: number }, customer: string, uid: string) => {
      const place = `http://${admin.host}:${admin.port}/api/studies/${customer}/${uid}/timeline`;
      const { events } = (await (await fetch(place)).json()) as { events: { event: string }[] };
      return events;
    };
    let daemon = await startDaemon(copy.config);
    site.emulator.faults.add({ match: {}, fault: { type: 'status', status: 503, message: 'out' } });
    const { host, port } = daemon.admin;
    const move = `http://${host}:${port}/api/studies/${city.customer}/${study}/move?to=${north.customer}`;
    expect((await fetch(move, { method: 'POST' })).status).toBe(200);
    const timeline = await timelineOf(daemon.admin, city.customer, FIRST);
    expect(timeline.map(({ event }) => event)).toContain('delivery.created');
    await daemon.stop();

    const run = await copy.run('reindex', '--json');
    expect(run.code, run.err).toBe(0);
    expect(JSON.parse(run.out)).toMatchObject({ instances: 18, notTakenOver: [] });
    site.emulator.faults.clear();
    daemon = await startDaemon(copy.config);
    try {
      expect(await timelineOf(daemon.admin, city.customer, FIRST)).toEqual(timeline);
      await waitUntil('Avara was told', async () => {
        await fetch(`http://${daemon.admin.host}:${daemon.admin.port}/api/retry`, { method: 'POST' });
        const studies = await studiesOf(daemon.admin);
        const isSettled =
          studies.length === 3 && studies.every(({ avara }) => avara[0]?.state === 'created')
            ? true
            : undefined;
        return isSettled;
      });
      const atAvara = site.emulator.state
        .studies()
        .filter(({ studyInstanceUid }) => studyInstanceUid === study);
      expect(
        atAvara.map(({ expressCustomerId, isCancelled }) => [expressCustomerId, isCancelled]).sort(),
      ).toEqual([
        [city.expressCustomerId, true],
        [north.expressCustomerId, false],
      ]);
    } finally {
      await daemon.stop();
    }
    expect((await copy.run('verify')).code).toBe(0);
  });
});
