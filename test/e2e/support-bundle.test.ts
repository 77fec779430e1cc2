import fs from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';

import { afterAll, beforeAll, expect, it } from 'vitest';
import { fromBuffer, type Entry, type ZipFile } from 'yauzl';

import { Database } from '../../src/sqlite/driver.mjs';
import { runCli } from '../support/cli.ts';
import { createProvenSite, STUDIES } from '../support/proven-site.ts';
import { CENTRES, type Site } from '../support/site.ts';

const { city, north } = CENTRES;
const ADMIN_TOKEN = 'admin-token-of-this-site-0815';

let site: Site;

beforeAll(async () => {
  site = await createProvenSite();
});
afterAll(() => site.close());

async function entriesOf(file: string): Promise<ReadonlyMap<string, string>> {
  const bytes = await fs.readFile(file);
  const zip = await new Promise<ZipFile>((resolve, reject) => {
    fromBuffer(bytes, { lazyEntries: true }, (error, opened) => {
      if (error) reject(error);
      else resolve(opened);
    });
  });
  const found = new Map<string, string>();
  await new Promise<void>((resolve, reject) => {
    zip.on('end', resolve);
    zip.on('error', reject);
    zip.on('entry', (entry: Entry) => {
      zip.openReadStream(entry, (error, stream) => {
        if (error) {
          reject(error);
          return;
        }
        void buffer(stream).then((content) => {
          found.set(entry.fileName, content.toString('utf8'));
          zip.readEntry();
        });
      });
    });
    zip.readEntry();
  });
  return found;
}

it('holds what helps, and neither patients nor secrets', async () => {
  // A delivery that failed with a reason that quotes the patient, as a careless server might.
  const { state } = site.emulator;
  const study = state.studies().find((one) => one.studyInstanceUid === STUDIES.citySecond);
  if (study === undefined) throw new Error('no such study at Avara');
  await site.daemon.stop();
  const db = new Database(path.join(site.folder, 'data', 'index.db'));
  db.exec(`UPDATE outbox SET state = 'attention', last_error = 'refused: patient BROOK, Tobias is not known'
    WHERE study_id = (SELECT id FROM study WHERE study_uid = '${STUDIES.citySecond}')`);
  db.close();
  await fs.mkdir(path.join(site.folder, 'data', 'quarantine', city.customer), { recursive: true });
  await fs.writeFile(
    path.join(site.folder, 'data', 'quarantine', city.customer, 'file-0123456789abcdef.reason.json'),
    JSON.stringify({ code: 'not-dicom', reason: 'no', path: '/scans/Ashby-Rosalind.dcm' }, undefined, 2),
  );
  const configFile = path.join(site.folder, 'config.json');
  const config = JSON.parse(await fs.readFile(configFile, 'utf8')) as object;
  const mail = { to: ['it@example.org'], command: ['/usr/bin/mailer', '--password=quite-secret'] };
  await fs.writeFile(configFile, JSON.stringify({ ...config, alerts: { mail } }));
  await site.start();
  const log = path.join(site.folder, 'daemon.log');
  await fs.writeFile(
    log,
    `${site.daemon.log.map((line) => JSON.stringify(line)).join('\n')}\nsomebody typed Ashby^Rosalind here\n`,
  );

  const file = path.join(site.folder, 'bundle.zip');
  const { host, port } = site.daemon.admin;
  const run = await runCli(
    ...['support-bundle', '--output', file, '--log', log, '--config', configFile],
    ...['--url', `http://${host}:${port}`],
  );
  expect(run.code, run.err).toBe(0);
  const entries = await entriesOf(file);
  const of = (name: string): string => entries.get(name) ?? '';
  const whole = [...entries.values()].join('\n');

  expect(whole).not.toMatch(/Ashby|Rosalind|Brook|Tobias|Miriam/i);
  for (const secret of [
    city.apiKey,
    city.webhookSecret,
    north.apiKey,
    north.webhookSecret,
    ADMIN_TOKEN,
    'quite-secret',
  ])
    expect(whole).not.toContain(secret);

  expect(JSON.parse(of('about.json'))).toMatchObject({ node: process.version });
  expect(JSON.parse(of('config.json'))).toMatchObject({ dimse: { host: '127.0.0.1' } });
  expect(JSON.parse(of('index.json'))).toMatchObject({ rows: { study: 3, instance: 18 } });
  expect(JSON.parse(of('disk.json'))).toMatchObject({ quarantine: { 'not-dicom': 1 } });
  expect(JSON.parse(of('deliveries.json'))).toMatchObject([
    { studyInstanceUid: STUDIES.citySecond, state: 'attention' },
  ]);
  expect(of('associations.json')).toContain('CT_CITY');
  expect(of('metrics.txt')).toContain('avara_ingest_studies');
  expect(JSON.parse(of('status.json'))).toMatchObject({ totals: { instances: 18 } });
  expect(of('log.jsonl')).toContain('"msg":"ready"');
});
