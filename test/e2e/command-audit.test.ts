import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { runCli } from '../support/cli.ts';
import { writeConfig } from '../support/daemon-process.ts';
import { copyOf, createProvenSite, type DataFolderCopy, STUDIES } from '../support/proven-site.ts';
import { CENTRES, type Site } from '../support/site.ts';

const USER = `os:${os.userInfo().username}`;
const { customer } = CENTRES.city;

let site: Site;
beforeAll(async () => {
  site = await createProvenSite();
  await site.daemon.stop();
});
afterAll(() => site.close());

/** Commands in the audit trail of a data folder, whose chain must be whole. */
async function commandsIn(dataDir: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const folder = path.join(dataDir, 'audit');
  expect((await runCli('audit', '--folder', folder, 'verify')).code).toBe(0);
  const { out } = await runCli('audit', '--folder', folder, '--json', 'list', '--limit', '1000');
  const { records } = JSON.parse(out) as { records: Readonly<Record<string, unknown>>[] };
  return records.filter(({ event }) => String(event).startsWith('command.'));
}
const eventsOf = async ({ dataDir }: DataFolderCopy): Promise<unknown[]> =>
  (await commandsIn(dataDir)).map(({ event, actor, detail }) => [event, actor, detail]);

it('has a repair without the daemon, with who ran it, and no verification that changes nothing', async () => {
  const copy = await copyOf(site, 'repair');
  await copy.run('verify', '--offline');
  expect(await eventsOf(copy)).toEqual([]);
  const ran = await copy.run('verify', '--offline', '--repair', '--set-aside', '--study', STUDIES.cityFirst);
  expect(ran.code).toBe(0);
  expect(await eventsOf(copy)).toEqual([
    ['command.started', USER, 'verify --repair --set-aside'],
    ['command.ended', USER, 'verify: 0 repaired, 0 exceptions'],
  ]);
});

it('has an import without the daemon, without the names of files', async () => {
  const copy = await copyOf(site, 'import');
  const file = path.join(copy.dataDir, '..', 'Doe^Jane.dcm');
  await fs.copyFile(copy.objectOf(STUDIES.cityFirst, 1, 1), file);
  await copy.run('import', file, '--customer', customer, '--dry-run');
  expect(await eventsOf(copy)).toEqual([]);
  await copy.run('import', file, '--customer', customer);
  const commands = await commandsIn(copy.dataDir);
  expect(commands).toMatchObject([
    { event: 'command.started', actor: USER, customer, detail: 'import' },
    {
      event: 'command.ended',
      actor: USER,
      customer,
      detail: 'import: 0 stored, 1 held already, 0 quarantined',
    },
  ]);
  expect(JSON.stringify(commands)).not.toContain('Doe');
});

it('has a reindex, done or given up', async () => {
  const copy = await copyOf(site, 'reindex');
  expect((await copy.run('reindex', '--from-files-only')).code).toBe(0);
  expect(await eventsOf(copy)).toEqual([
    ['command.started', USER, 'reindex --from-files-only'],
    ['command.ended', USER, 'reindex: 18 instances indexed, 0 files left out'],
  ]);
});

it('has a restore, in the trail that came back with it', async () => {
  const copy = await copyOf(site, 'restore');
  const folder = path.join(copy.dataDir, '..', 'backup');
  expect((await copy.run('backup', folder)).code).toBe(0);
  const empty = path.join(copy.dataDir, '..', 'empty');
  await fs.mkdir(empty);
  const given = JSON.parse(await fs.readFile(copy.config, 'utf8')) as Record<string, unknown>;
  const config = await writeConfig(empty, { ...given, dataDir: path.join(empty, 'data') });
  const ran = await runCli('restore', folder, '--config', config);
  expect([ran.code, ran.err]).toEqual([0, '']);
  expect(await commandsIn(path.join(empty, 'data'))).toMatchObject([
    { event: 'command.ended', actor: USER, detail: 'restore: 18 objects, 0 missing or damaged' },
  ]);
});

it.skipIf(process.getuid?.() !== 0)('refuses root where the data folder is another user’s', async () => {
  const copy = await copyOf(site, 'foreign');
  await fs.chown(copy.dataDir, 12_345, 12_345);
  for (const argv of [['reindex'], ['verify', '--repair'], ['import', copy.config, '--customer', customer]]) {
    const [command = '', ...rest] = argv;
    const ran = await copy.run(command, ...rest);
    expect(ran.code, command).not.toBe(0);
    expect(ran.err, command).toContain('belongs to another user (uid 12345), and this is root');
  }
  expect(await fs.readdir(copy.dataDir)).not.toContain('index.db.new');
});
