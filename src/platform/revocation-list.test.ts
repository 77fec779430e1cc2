import { X509Certificate } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAuthority, isOpensslInstalled } from '../../test/support/certificates.ts';
import type { CertificateAuthority } from '../../test/support/certificates.ts';
import {
  readRevocationLists,
  RevocationListError,
  revocationListState,
  subjectName,
} from './revocation-list.ts';

const DAY_MS = 86_400_000;

describe.skipIf(!isOpensslInstalled())('a revocation list of OpenSSL', () => {
  let authority: CertificateAuthority;
  let other: CertificateAuthority;
  beforeAll(() => {
    authority = createAuthority();
    other = createAuthority('Other CA');
  });
  afterAll(() => {
    authority.remove();
    other.remove();
  });

  it('says whose it is, and from when to when it is good', () => {
    const { pem } = authority.issueRevocationList({
      revoked: [authority.issue('/CN=ct1.example')],
      sinceDays: -1,
      untilDays: 6,
    });
    const [list, ...more] = readRevocationLists(pem);
    expect(more).toEqual([]);
    expect(list?.issuer).toBe(subjectName(new X509Certificate(authority.cert)));
    expect(list?.issuer).not.toBe(subjectName(new X509Certificate(other.cert)));
    const now = Date.now();
    expect(Math.abs((list?.thisUpdateAt ?? 0) - (now - DAY_MS))).toBeLessThan(10_000);
    expect(Math.abs((list?.nextUpdateAt ?? 0) - (now + 6 * DAY_MS))).toBeLessThan(10_000);
  });

  it('may be good beyond 2049, which is written in another way', () => {
    const [list] = readRevocationLists(authority.issueRevocationList({ untilDays: 36_500 }).pem);
    expect(new Date(list?.nextUpdateAt ?? 0).getUTCFullYear()).toBeGreaterThan(2100);
  });

  it('may stand in one file with others', () => {
    const lists = [authority, other].map((one) => one.issueRevocationList().pem);
    const read = readRevocationLists(lists.join('\n'));
    expect(read.map(({ issuer }) => issuer)).toEqual(
      [authority, other].map(({ cert }) => subjectName(new X509Certificate(cert))),
    );
    expect(read.every(({ pem }) => pem.match(/BEGIN/g)?.length === 1)).toBe(true);
  });

  it('that was cut off anywhere is refused', () => {
    const { pem } = authority.issueRevocationList();
    const der = Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64');
    for (let length = 0; length < der.length; length += 1) {
      const cut = `-----BEGIN X509 CRL-----\n${der.subarray(0, length).toString('base64')}\n-----END X509 CRL-----`;
      expect(() => readRevocationLists(cut), `${length} bytes`).toThrow(RevocationListError);
    }
  });
});

it.each([
  ['nothing', ''],
  ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'],
  ['a list that is no end of itself', '-----BEGIN X509 CRL-----\nMIIB'],
])('%s is no revocation list, and what to do with one in DER is said', (_, text) => {
  expect(() => readRevocationLists(text)).toThrow(/openssl crl -inform DER/);
});

describe('the time that is left of a list', () => {
  const tenDays = { thisUpdateAt: 0, nextUpdateAt: 10 * DAY_MS };
  it.each([
    [0, 'good'],
    [9 * DAY_MS - 1, 'good'],
    [9 * DAY_MS, 'ending'],
    [10 * DAY_MS - 1, 'ending'],
    [10 * DAY_MS, 'over'],
  ])('after %i ms of ten days: %s', (now, state) => {
    expect(revocationListState(tenDays, now)).toBe(state);
  });

  it('is no matter where it names no end', () => {
    expect(revocationListState({ thisUpdateAt: 0, nextUpdateAt: undefined }, DAY_MS * 1e6)).toBe('good');
  });
});
