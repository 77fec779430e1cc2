import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../config/load.ts';
import { checkFolders } from './folders.ts';

it('tells of watched folders that are there, not there, and no folders', async () => {
  const site = mkdtempSync(path.join(tmpdir(), 'check-folders-'));
  onTestFinished(() => rmSync(site, { recursive: true }));
  writeFileSync(path.join(site, 'file'), '');
  const inbox = mkdtempSync(path.join(site, 'inbox-'));
  const folder = (at: string) => ({ path: at, customer: 'city-medical' });
  writeFileSync(
    path.join(site, 'config.json'),
    JSON.stringify({
      avara: { apiKey: 'sk_0123456789', webhookSecret: 'whsec_0123456789' },
      customers: { 'city-medical': { expressCustomerId: `cus_${'0'.repeat(32)}` } },
      folders: [folder(inbox), folder('not-mounted'), folder('file')],
    }),
  );
  const config = loadConfig({ file: path.join(site, 'config.json'), env: {} });
  const results = await checkFolders({ config, env: {}, now: Date.now });
  expect(results.map(({ status, detail }) => [status, detail])).toEqual([
    ['ok', `${inbox} can be read and emptied`],
    ['warning', `${path.join(site, 'not-mounted')} is not there (ENOENT)`],
    ['failed', `${path.join(site, 'file')} is not a folder`],
  ]);
});
