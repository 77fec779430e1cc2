import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uid } from '../../dicom/uid.ts';
import type { CustomerKey } from '../study/instance.ts';
import { createObjectTokenVerifier, signObjectToken, verifyObjectToken } from './object-token.ts';
import type { KeyRing, SigningKey } from './object-token.ts';

const key = (id: string): SigningKey => ({ id, secret: randomBytes(32), createdAt: 0 });
const ringOf = (...keys: readonly SigningKey[]): KeyRing => ({
  current: () => keys.at(-1) ?? key('none'),
  find: (id) => keys.find((one) => one.id === id),
});

const study = { customer: 'city-medical' as CustomerKey, studyInstanceUid: uid('1.2.840.1') };
const signingKey = key('k1');
const keys = ringOf(signingKey);
const expiresAtSeconds = 2_000_000_000;
const now = (expiresAtSeconds - 60) * 1000;
const token = signObjectToken(signingKey, study, expiresAtSeconds);

describe('object token', () => {
  it('names the customer and study it was made for', () => {
    expect(verifyObjectToken(token, keys, now, study.studyInstanceUid)).toEqual({
      ok: true,
      grant: { study, expiresAtSeconds, keyId: 'k1' },
    });
  });

  it('needs no escaping in a URL', () => {
    expect(new URLSearchParams({ token }).toString()).toBe(`token=${token}`);
  });

  it('is good until its expiry and not at it', () => {
    expect(verifyObjectToken(token, keys, expiresAtSeconds * 1000 - 1).ok).toBe(true);
    expect(verifyObjectToken(token, keys, expiresAtSeconds * 1000)).toMatchObject({ reason: 'expired' });
  });

  it('opens no other study', () => {
    expect(verifyObjectToken(token, keys, now, '1.2.840.2')).toMatchObject({
      ok: false,
      reason: 'other-study',
    });
    expect(verifyObjectToken(token, keys, now, '1.2.840.1.1')).toMatchObject({ reason: 'other-study' });
  });

  it('keeps its customer where another one has a study of the same UID', () => {
    const other = { ...study, customer: 'county' as CustomerKey };
    const verdict = verifyObjectToken(signObjectToken(signingKey, other, expiresAtSeconds), keys, now);
    expect(verdict.ok && verdict.grant.study.customer).toBe('county');
  });

  it('cannot be moved to another customer, study, expiry or key', () => {
    const [payload = '', signature = ''] = token.split('.');
    const fields = Buffer.from(payload, 'base64url').toString();
    const changes: readonly (readonly [string, string])[] = [
      ['city-medical', 'county'],
      ['1.2.840.1', '1.2.840.2'],
      ['2000000000', '2000000001'],
      ['k1', 'k2'],
    ];
    for (const [from, to] of changes) {
      const forged = `${Buffer.from(fields.replace(from, to)).toString('base64url')}.${signature}`;
      expect(verifyObjectToken(forged, ringOf(signingKey, key('k2')), now)).toMatchObject({
        reason: 'bad-signature',
      });
    }
  });

  it('is refused when any one character is altered', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/';
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.nat(alphabet.length - 1), (at, index) => {
        const character = alphabet.charAt(index);
        fc.pre(token[at] !== character);
        const altered = token.slice(0, at) + character + token.slice(at + 1);
        expect(verifyObjectToken(altered, keys, now).ok).toBe(false);
      }),
    );
  });

  it('is refused when signed by a key of the same id that is not ours', () => {
    expect(verifyObjectToken(signObjectToken(key('k1'), study, expiresAtSeconds), keys, now)).toMatchObject({
      reason: 'bad-signature',
    });
  });

  it('is refused when its key is no longer in force', () => {
    expect(verifyObjectToken(token, ringOf(key('k2')), now)).toEqual({ ok: false, reason: 'unknown-key' });
  });

  it.each([
    ['empty', ''],
    ['no signature', token.split('.')[0] ?? ''],
    ['a padded signature', `${token}=`],
    ['three parts', `${token}.x`],
    ['too long', `${'A'.repeat(600)}.${'A'.repeat(43)}`],
    ['no fields', `${Buffer.from('hello').toString('base64url')}.${'A'.repeat(43)}`],
    ['NUL', `${token}\0`],
  ])('is malformed: %s', (_, text) => {
    expect(verifyObjectToken(text, keys, now)).toEqual({ ok: false, reason: 'malformed' });
  });

  it('survives any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (text) => !verifyObjectToken(text, keys, now).ok),
    );
  });
});

describe('a verifier that remembers tokens', () => {
  it('still looks at expiry and study each time', () => {
    const verify = createObjectTokenVerifier(keys);
    expect(verify(token, now, study.studyInstanceUid).ok).toBe(true);
    expect(verify(token, now, '1.2.840.2')).toMatchObject({ reason: 'other-study' });
    expect(verify(token, expiresAtSeconds * 1000)).toMatchObject({ reason: 'expired', keyId: 'k1' });
    expect(verify(token, now, study.studyInstanceUid).ok).toBe(true);
  });

  it('forgets what was signed with a key that is out of force, or has another secret now', () => {
    let ring: readonly SigningKey[] = [signingKey];
    const verify = createObjectTokenVerifier({
      current: () => signingKey,
      find: (id) => ring.find((one) => one.id === id),
    });
    expect(verify(token, now).ok).toBe(true);
    ring = [];
    expect(verify(token, now)).toEqual({ ok: false, reason: 'unknown-key' });
    ring = [key('k1')];
    expect(verify(token, now)).toMatchObject({ reason: 'bad-signature' });
  });

  it('never takes a forged token for one that it remembers', () => {
    const verify = createObjectTokenVerifier(keys, { remembered: 1 });
    expect(verify(token, now).ok).toBe(true);
    const forged = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
    expect(verify(forged, now).ok).toBe(false);
    expect(verify(forged, now).ok).toBe(false);
    expect(verify(token, now).ok).toBe(true);
  });

  it('remembers no more than it may, and verifies the rest anew', () => {
    const verify = createObjectTokenVerifier(keys, { remembered: 2 });
    const tokens = [1, 2, 3, 4].map((more) => signObjectToken(signingKey, study, expiresAtSeconds + more));
    for (const one of [...tokens, ...tokens]) expect(verify(one, now).ok).toBe(true);
  });
});
