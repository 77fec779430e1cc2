import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAuthority, isOpensslInstalled, withEncryptedKey } from '../../test/support/certificates.ts';
import type { CertificateAuthority, IssuedCertificate } from '../../test/support/certificates.ts';
import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../test/support/recording-logger.ts';
import { Secret } from '../config/secret.ts';
import type { TlsMaterial } from '../dimse/tls.ts';
import { openTlsCredentials } from './tls-credentials.ts';

const DAY_MS = 86_400_000;

describe.skipIf(!isOpensslInstalled())('credentials of a listener', () => {
  let folder: string;
  let authority: CertificateAuthority;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'credentials-'));
    authority = createAuthority();
  });
  afterAll(() => {
    authority.remove();
    rmSync(folder, { recursive: true });
  });

  async function open(own: IssuedCertificate, keyPassphrase?: Secret) {
    const at = (name: string): string => path.join(folder, name);
    const files = { cert: at('cert.pem'), key: at('key.pem'), ca: authority.certFile, crl: [at('crl.pem')] };
    const install = (certificate: IssuedCertificate): void => {
      writeFileSync(files.cert, certificate.cert);
      writeFileSync(files.key, certificate.key);
    };
    const revoke = (...revoked: readonly IssuedCertificate[]): string => {
      const { pem } = authority.issueRevocationList({ revoked });
      writeFileSync(at('crl.pem'), pem);
      return pem;
    };
    install(own);
    revoke();
    const clock = createFakeClock(Date.now());
    const logger = createRecordingLogger();
    const credentials = await openTlsCredentials({
      ...{ listener: 'dimse', clock, logger },
      files: { ...files, keyPassphrase },
    });
    const taken: TlsMaterial[] = [];
    credentials.start((material) => taken.push(material));
    return { credentials, clock, logger, taken, install, revoke };
  }

  it('take a list over also when the certificate has expired meanwhile, but no other expired certificate', async () => {
    const own = authority.issue('/CN=ingest.example', 2);
    const { credentials, clock, logger, taken, install, revoke } = await open(own);
    // What a timer began in these days looks at the files before they change.
    clock.advance(3 * DAY_MS);
    await credentials.check();
    const list = revoke(authority.issue('/CN=ct1.example'));
    await credentials.check();
    expect(taken.map(({ crl }) => crl)).toEqual([[list.slice(list.indexOf('-----BEGIN')).trim()]]);
    expect(logger.messages('info')).toEqual(['certificate revocation lists renewed']);

    install(authority.issue('/CN=ingest.example', 2));
    await credentials.check();
    expect(taken).toHaveLength(1);
    expect(logger.lines.map(({ fields }) => fields.reason)).toContain('the certificate has expired');
    credentials.stop();
  });

  it('take a passphrase over with a reload, and stay as they are where it does not fit', async () => {
    const own = withEncryptedKey(authority.issue('/CN=ingest.example', 40), 'first words');
    const { credentials, logger, taken, install } = await open(own, new Secret('first words'));
    await credentials.reload({ keyPassphrase: new Secret('wrong words') });
    expect(taken).toEqual([]);
    expect(logger.lines.at(-1)).toMatchObject({
      level: 'error',
      message: 'the new TLS certificate cannot be used, the old one stays in use',
      fields: { reason: expect.stringContaining('the passphrase is not that') as string },
    });
    install(withEncryptedKey(authority.issue('/CN=ingest.example', 40), 'second words'));
    await credentials.reload({ keyPassphrase: new Secret('second words') });
    expect(taken).toHaveLength(1);
    await credentials.reload({ keyPassphrase: new Secret('second words') });
    expect(taken).toHaveLength(1);
    expect(JSON.stringify(logger.lines)).not.toMatch(/(?:first|second|wrong) words/);
    credentials.stop();
  });
});
