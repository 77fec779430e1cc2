import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { findConfiguredPeer, withPassphrase } from './configured-peer.ts';
import { CliError } from './context.ts';
import { EXIT_CODES } from './exit-codes.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'configured-peer-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const pacs = (host: string) => ({ aeTitle: 'PACS', host, port: 104, callingAeTitle: 'REPORTS' });

/** A configuration whose secrets are nowhere to be had. */
function write(peers: readonly object[], archives: readonly object[] = []): string {
  const file = path.join(folder, 'config.json');
  const customers = archives.map((archive, index) => [
    `customer-${index}`,
    { expressCustomerId: `cus_${String(index).repeat(32)}`, reports: { pacs: archive } },
  ]);
  const other = ['other', { expressCustomerId: `cus_${'f'.repeat(32)}` }];
  const avara = { apiKey: '${env:NOT_SET_HERE}', webhookSecret: '${file:not-there}' };
  const config = { avara, dimse: { peers }, customers: Object.fromEntries([...customers, other]) as object };
  writeFileSync(file, JSON.stringify(config));
  return file;
}
function refusal(aeTitle: string, file: string): CliError {
  try {
    findConfiguredPeer(aeTitle, file, {});
  } catch (error) {
    if (error instanceof CliError) return error;
    throw error;
  }
  throw new Error(`${aeTitle} was found`);
}

describe('an AE title', () => {
  it('is that of a modality, plain or over TLS', () => {
    const file = write([
      { aeTitle: 'CT1', host: 'ct1', port: 104 },
      { aeTitle: 'CT2', host: 'ct2', port: 2762, tls: { ca: 'ct2.pem' } },
    ]);
    expect(findConfiguredPeer('CT1', file, {})).toMatchObject({ host: 'ct1', port: 104, tls: undefined });
    expect(findConfiguredPeer('CT2', file, {}).tls).toEqual({ ca: path.join(folder, 'ct2.pem') });
  });

  it('is that of a PACS, which is called as reports are sent to it', () => {
    const file = write([], [{ ...pacs('pacs'), tls: true }, pacs('pacs')]);
    expect(findConfiguredPeer('PACS', file, {})).toMatchObject({
      host: 'pacs',
      tls: {},
      callingAeTitle: 'REPORTS',
    });
  });

  it('has the passphrase of its key looked up where it is called, and no other secret', () => {
    const tls = { cert: 'own.pem', key: 'own.key', keyPassphrase: '${cred:own-key}' };
    const file = write([{ aeTitle: 'CT1', host: 'ct1', port: 2762, tls }]);
    const found = findConfiguredPeer('CT1', file, {}).tls ?? {};
    expect(() => withPassphrase(found, file, {})).toThrow(/passphrase of .*own\.key cannot be looked up/);
    mkdirSync(path.join(folder, 'credentials'));
    writeFileSync(path.join(folder, 'credentials', 'own-key'), 'four words\n');
    expect(withPassphrase(found, file, {}).keyPassphrase?.reveal()).toBe('four words');
    expect(withPassphrase({}, file, {})).toEqual({});
  });

  it.each([
    ['of nobody', 'MR1', () => write([{ aeTitle: 'CT1', host: 'ct1', port: 104 }]), 'MR1 is no peer of'],
    ['of two', 'PACS', () => write([], [pacs('one'), pacs('two')]), 'has PACS at one:104 and at two:104'],
    [
      'at a host kept elsewhere',
      'CT1',
      () => write([{ aeTitle: 'CT1', host: '${env:H}', port: 1 }]),
      'reference',
    ],
    ['without a configuration', 'CT1', () => path.join(folder, 'none.json'), 'it does not exist'],
  ])('%s is refused with what to do', (_, aeTitle, file, message) => {
    const { message: text, hint, exitCode } = refusal(aeTitle, file());
    expect(text).toContain(message);
    expect(hint).toContain('HOST:PORT');
    expect(exitCode).toBe(EXIT_CODES.usage);
  });
});
