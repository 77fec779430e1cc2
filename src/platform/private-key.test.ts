import { generateKeyPairSync } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAuthority, isOpensslInstalled, withEncryptedKey } from '../../test/support/certificates.ts';
import type { CertificateAuthority } from '../../test/support/certificates.ts';
import { openPrivateKey, PrivateKeyError } from './private-key.ts';

const PASSPHRASE = { reveal: () => 'four words of some length' };
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const PLAIN = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

function problemOf(pem: string | Buffer, passphrase?: string): string {
  try {
    openPrivateKey(pem, passphrase === undefined ? undefined : { reveal: () => passphrase });
    return 'none';
  } catch (error) {
    if (!(error instanceof PrivateKeyError)) throw error;
    return error.problem;
  }
}

describe('a private key', () => {
  it('that is not encrypted is left as it is, whether there is a passphrase or not', () => {
    expect(openPrivateKey(PLAIN, undefined)).toBe(PLAIN);
    expect(openPrivateKey(PLAIN, PASSPHRASE)).toBe(PLAIN);
  });

  it('that a wrong passphrase by chance decrypts into nonsense is not taken for an outdated one', () => {
    const encrypted = privateKey
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: PASSPHRASE.reveal() })
      .toString();
    const problems = Array.from({ length: 600 }, (_, index) => problemOf(encrypted, `wrong ${index}`));
    expect(new Set(problems)).toEqual(new Set(['passphrase-wrong']));
  });

  describe.skipIf(!isOpensslInstalled())('of OpenSSL', () => {
    let authority: CertificateAuthority;
    beforeAll(() => {
      authority = createAuthority();
    });
    afterAll(() => authority.remove());

    it.each(['pkcs8', 'traditional'] as const)('is opened by its passphrase (%s)', (encryption) => {
      const certificate = authority.issue('/CN=ingest.example');
      const { key } = withEncryptedKey(certificate, PASSPHRASE.reveal(), encryption);
      expect(key.toString()).toContain('ENCRYPTED');
      expect(openPrivateKey(key, PASSPHRASE)).toBe(openPrivateKey(certificate.key, undefined).toString());
      expect(problemOf(key)).toBe('passphrase-missing');
      expect(problemOf(key, 'another')).toBe('passphrase-wrong');
    });

    it('that is encrypted in a way of long ago is named as such', () => {
      const { key } = withEncryptedKey(authority.issue('/CN=x'), PASSPHRASE.reveal(), 'pkcs8-des');
      expect(problemOf(key, PASSPHRASE.reveal())).toBe('encryption-unsupported');
    });
  });
});
