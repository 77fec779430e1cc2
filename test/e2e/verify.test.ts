import fs from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Database } from '../../src/sqlite/driver.mjs';
import { runCli, type CliRun } from '../support/cli.ts';
import { copyOf, createProvenSite, type DataFolderCopy, flipByte, STUDIES } from '../support/proven-site.ts';
import { CENTRES, type Site } from '../support/site.ts';
import { startDaemon } from '../support/daemon-process.ts';
import { waitUntil } from '../support/wait-until.ts';

interface VerifyJson {
  readonly result: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly findings: readonly Readonly<Record<string, string>>[];
}

const { city } = CENTRES;
const FIRST = STUDIES.cityFirst;

let site: Site;
let copies = 0;

beforeAll(async () => {
  site = await createProvenSite();
});
afterAll(() => site.close());

function json(run: CliRun): VerifyJson {
  try {
    return JSON.parse(run.out) as VerifyJson;
  } catch {
    throw new Error(`no JSON: ${run.out}${run.err}`);
  }
}

/** The image that the tests damage, as it was received. */
const pristine = (copy: DataFolderCopy): string =>
  path.join(site.folder, path.relative(path.dirname(copy.config), copy.objectOf(FIRST, 1, 2)));

/** What is found in a copy of the data folder that `harm` has been done to. */
async function foundAfter(
  harm: (copy: DataFolderCopy) => Promise<void>,
  ...argv: readonly string[]
): Promise<VerifyJson & { readonly code: number | null; readonly copy: DataFolderCopy }> {
  const copy = await copyOf(site, String((copies += 1)));
  await harm(copy);
  const run = await copy.run('verify', '--json', ...argv);
  return { ...json(run), code: run.code, copy };
}

const change = async (copy: DataFolderCopy, sql: string): Promise<void> => {
  const db = new Database(path.join(copy.dataDir, 'index.db'));
  db.exec(sql);
  db.close();
  await Promise.resolve();
};
/** The row of one image of `city-medical`; the other customer has one of the same UID. */
const DELETE_ROW = `
  DELETE FROM instance WHERE sop_uid = '${FIRST}.2.2' AND series_id IN (
    SELECT series.id FROM series JOIN study ON study.id = study_id WHERE customer = '${city.customer}')`;
const kinds = (found: VerifyJson): string[] => found.findings.map(({ kind }) => kind ?? '');

describe('verify in the running daemon', () => {
  const verify = (...argv: readonly string[]): Promise<CliRun> => {
    const { host, port } = site.daemon.admin;
    const config = path.join(site.folder, 'config.json');
    return runCli('verify', ...argv, '--config', config, '--url', `http://${host}:${port}`);
  };

  it('proves what is whole, with numbers', async () => {
    const run = await verify('--json');
    expect(json(run)).toMatchObject({
      result: 'done',
      counts: { acknowledged: 18, stored: 18, indexed: 18, announced: 18, studies: 3, errors: 0 },
      findings: [],
    });
    expect(run.code).toBe(0);
  });

  it('says it in words, too, and where it was done', async () => {
    const run = await verify('--study', FIRST, '--customer', city.customer);
    expect(run.out).toMatch(/stored +6\b/);
    expect(run.out).toMatch(/proven: 0 exceptions.*in the daemon at/);
  });

  it('finds a study that Avara has under another customer, and not with --offline', async () => {
    const { state } = site.emulator;
    const study = state.studies().find((one) => one.studyInstanceUid === STUDIES.citySecond);
    if (study === undefined) throw new Error('no such study at Avara');
    state.putStudy({ ...study, expressCustomerId: CENTRES.north.expressCustomerId });
    try {
      const found = await verify('--json');
      expect(found.code).toBe(1);
      expect(json(found).findings).toMatchObject([
        { kind: 'avara-other-customer', customer: city.customer, studyInstanceUid: STUDIES.citySecond },
      ]);
      expect((await verify('--offline')).code).toBe(0);
    } finally {
      state.putStudy(study);
    }
  });

  it('finds a study that Avara does not have', async () => {
    const { state } = site.emulator;
    const study = state.studies().find((one) => one.studyInstanceUid === STUDIES.citySecond);
    if (study === undefined) throw new Error('no such study at Avara');
    state.removeStudy(study.studyId);
    try {
      expect(kinds(json(await verify('--json')))).toEqual(['avara-missing']);
    } finally {
      state.putStudy(study);
    }
  });
});

describe('verify of a data folder at rest', () => {
  beforeAll(async () => {
    await site.daemon.stop();
  });

  it('proves what is whole', async () => {
    const found = await foundAfter(async () => Promise.resolve());
    expect(found).toMatchObject({ code: 0, findings: [], counts: { stored: 18, announced: 18 } });
  });

  it.each([
    ['in the pixels', (bytes: Buffer) => bytes.length - 100],
    ['in the header', (bytes: Buffer) => bytes.indexOf('Ashby')],
    [
      'in the Transfer Syntax that the file states',
      (bytes: Buffer) => bytes.indexOf('1.2.840.10008.1.2.1') + 18,
    ],
    ['in the SOP Instance UID that the file states', (bytes: Buffer) => bytes.indexOf(FIRST) + 8],
  ])('finds one flipped byte %s', async (_where, position) => {
    const found = await foundAfter(async (copy) => {
      const file = copy.objectOf(FIRST, 1, 2);
      await flipByte(file, position(await fs.readFile(file)));
    });
    expect(found.code).toBe(1);
    expect(found.findings).toMatchObject([
      {
        kind: 'file-damaged',
        customer: city.customer,
        sopInstanceUid: `${FIRST}.1.2`,
        path: path.join('objects', city.customer, FIRST, `${FIRST}.1`, `${FIRST}.1.2.dcm`),
      },
    ]);
    expect(found.counts).toMatchObject({ acknowledged: 18, indexed: 18, stored: 17 });
  });

  it('names damage without naming the patient', async () => {
    const { copy } = await foundAfter((it) => flipByte(it.objectOf(FIRST, 1, 2), -100));
    const run = await copy.run('verify');
    expect(run.out).toContain(`${FIRST}.1.2`);
    expect(`${run.out}${run.err}`).not.toMatch(/Ashby|Rosalind/i);
  });

  it('finds a file cut short, and a missing one', async () => {
    const found = await foundAfter(async (copy) => {
      await fs.truncate(copy.objectOf(FIRST, 1, 1), 900);
      await fs.rm(copy.objectOf(FIRST, 2, 3));
    });
    expect(
      found.findings.map(({ kind, sopInstanceUid }) => `${kind ?? ''} ${sopInstanceUid ?? ''}`).sort(),
    ).toEqual([`file-damaged ${FIRST}.1.1`, `file-missing ${FIRST}.2.3`]);
    expect(found.counts.stored).toBe(16);
  });

  it('finds files that are no objects of their places', async () => {
    const found = await foundAfter(async (copy) => {
      const folder = path.dirname(copy.objectOf(FIRST, 1, 1));
      await fs.writeFile(path.join(folder, 'notes.txt'), 'x');
      await fs.copyFile(copy.objectOf(FIRST, 1, 1), path.join(folder, '1.2.3.dcm'));
      await fs.mkdir(path.join(copy.dataDir, 'objects', 'Not A Customer'));
    });
    expect(kinds(found)).toEqual(['file-unknown', 'file-unknown', 'file-unknown']);
    expect(found.code).toBe(1);
  });

  it('finds a whole file that the index lost, and gives it its row back', async () => {
    const lost = await foundAfter((copy) => change(copy, DELETE_ROW));
    expect(kinds(lost).sort()).toEqual(['count-wrong', 'file-not-indexed']);
    expect(lost.counts).toMatchObject({ acknowledged: 18, indexed: 17 });
    const repaired = json(await lost.copy.run('verify', '--json', '--repair', '--offline'));
    expect(repaired.counts).toMatchObject({ repaired: 2, errors: 0 });
    const after = json(await lost.copy.run('verify', '--json', '--offline'));
    expect(after).toMatchObject({ findings: [], counts: { acknowledged: 18, indexed: 18, stored: 18 } });
  });

  it('brings back a study that the index lost whole, and its conflict', async () => {
    const found = await foundAfter(
      (copy) =>
        change(
          copy,
          `DELETE FROM outbox WHERE study_id IN (SELECT id FROM study WHERE study_uid = '${FIRST}');
           DELETE FROM study WHERE study_uid = '${FIRST}' AND customer = '${city.customer}'`,
        ),
      '--repair',
    );
    expect(kinds(found)).toContain('file-not-indexed');
    const daemon = await startDaemon(found.copy.config);
    try {
      const { host, port } = daemon.admin;
      const listed = await waitUntil('the study is at Avara again', async () => {
        const response = await fetch(
          `http://${host}:${port}/api/studies?customer=${city.customer}&q=${FIRST}`,
        );
        const { studies } = (await response.json()) as {
          studies: { instances: number; avara: { state: string; studyId?: string }[] }[];
        };
        return studies[0]?.avara[0]?.state === 'created' ? studies[0] : undefined;
      });
      const there = site.emulator.state.studies().filter((one) => one.studyInstanceUid === FIRST);
      expect(listed.instances).toBe(6);
      expect(there.map(({ studyId }) => studyId)).toContain(listed.avara[0]?.studyId);
      // One of each centre, and no second one.
      expect(there).toHaveLength(2);
    } finally {
      await daemon.stop();
    }
  });

  it('finds an acknowledgement that nothing is left of', async () => {
    const found = await foundAfter(async (copy) => {
      await change(copy, DELETE_ROW);
      await fs.rm(copy.objectOf(FIRST, 2, 2));
    });
    expect(kinds(found).sort()).toEqual(['acknowledged-not-indexed', 'count-wrong']);
  });

  it('finds an object that the ledger does not know, or knows otherwise', async () => {
    const found = await foundAfter((copy) =>
      change(
        copy,
        `UPDATE ledger SET sha256 = '${'0'.repeat(64)}' WHERE id = 3; DELETE FROM ledger WHERE id = 5`,
      ),
    );
    expect(kinds(found).sort()).toEqual(['acknowledged-otherwise', 'indexed-not-acknowledged']);
  });

  it('finds totals that are wrong, and counts them anew', async () => {
    const found = await foundAfter((copy) =>
      change(
        copy,
        `UPDATE customer_total SET instances = instances + 1 WHERE customer = '${city.customer}';
         UPDATE delivery_total SET total = 9 WHERE state = 'attention'`,
      ),
    );
    expect(kinds(found)).toEqual(['count-wrong']);
    expect(found.findings[0]?.detail).toMatch(/customers, deliveries/);
    expect(json(await found.copy.run('verify', '--json', '--offline', '--repair')).counts.repaired).toBe(1);
    expect(json(await found.copy.run('verify', '--json', '--offline')).findings).toEqual([]);
  });

  it('takes what retention removed for removed', async () => {
    const found = await foundAfter((copy) =>
      change(
        copy,
        `INSERT INTO removal VALUES (1, '${city.customer}', '${FIRST}', 'age', NULL, 6, 1, 1, 1, 1, 'in-place');
         INSERT INTO removal_ledger SELECT ledger.id, ledger.id, 1 FROM ledger JOIN instance ON instance.id = subject_id
           JOIN series ON series.id = series_id JOIN study ON study.id = study_id
           WHERE study_uid = '${FIRST}' AND customer = '${city.customer}';
         DELETE FROM outbox WHERE study_id IN (
           SELECT id FROM study WHERE study_uid = '${FIRST}' AND customer = '${city.customer}');
         PRAGMA foreign_keys = ON;
         DELETE FROM study WHERE study_uid = '${FIRST}' AND customer = '${city.customer}'`,
      ),
    );
    expect(found).toMatchObject({ code: 0, findings: [], counts: { acknowledged: 12, indexed: 12 } });
  });

  it('finds a study that was never announced, and has it announced', async () => {
    const found = await foundAfter((copy) => change(copy, 'DELETE FROM outbox WHERE id = 1'));
    expect(found.findings).toMatchObject([{ kind: 'not-announced', product: 'viewer' }]);
    expect(found.counts).toMatchObject({ announced: 12, indexed: 18 });
    const repaired = json(await found.copy.run('verify', '--json', '--repair'));
    expect(repaired.findings[0]?.repaired).toBeDefined();
    expect(json(await found.copy.run('verify', '--json')).findings).toEqual([]);
  });

  it('moves a damaged file aside, so that the image sent again takes its place', async () => {
    const damaged = await foundAfter((copy) => flipByte(copy.objectOf(FIRST, 1, 2), -100), '--set-aside');
    expect(damaged.code).toBe(1);
    const { copy } = damaged;
    await expect(fs.access(copy.objectOf(FIRST, 1, 2))).rejects.toThrow();
    const aside = path.join(copy.dataDir, 'damaged', city.customer, FIRST, `${FIRST}.1`, `${FIRST}.1.2.dcm`);
    await fs.access(aside);
    const file = path.join(path.dirname(copy.config), 'again.dcm');
    await fs.copyFile(pristine(copy), file);
    expect((await copy.run('import', file, '--customer', city.customer)).code).toBe(0);
    expect(json(await copy.run('verify', '--json', '--offline')).counts).toMatchObject({
      errors: 0,
      stored: 18,
    });
  });

  it('puts the whole copy among the conflicts in the place of a damaged file', async () => {
    const found = await foundAfter(async (copy) => {
      await flipByte(copy.objectOf(FIRST, 1, 2), -100);
      const row = new Database(path.join(copy.dataDir, 'index.db'))
        .prepare<[], { sha256: string }>(`SELECT sha256 FROM instance WHERE sop_uid = '${FIRST}.1.2' LIMIT 1`)
        .get();
      const folder = path.join(copy.dataDir, 'conflicts', city.customer, FIRST, `${FIRST}.1`);
      await fs.mkdir(folder, { recursive: true });
      const name = `${FIRST}.1.2.${row?.sha256.slice(0, 16) ?? ''}.dcm`;
      await fs.copyFile(pristine(copy), path.join(folder, name));
    }, '--repair');
    expect(found.findings.find(({ kind }) => kind === 'file-damaged')?.repaired).toContain('whole copy');
    expect(await fs.readFile(found.copy.objectOf(FIRST, 1, 2))).toEqual(
      await fs.readFile(pristine(found.copy)),
    );
    const after = json(await found.copy.run('verify', '--json', '--offline'));
    expect(after.counts).toMatchObject({ errors: 0, stored: 18, conflicts: 1 });
  });

  it('stops at a data folder without its index, and says what to do', async () => {
    const copy = await copyOf(site, 'without-index');
    await fs.rm(path.join(copy.dataDir, 'index.db'));
    const run = await copy.run('verify');
    expect(run.code).toBe(4);
    expect(run.err).toContain('avara-ingest reindex');
  });
});
