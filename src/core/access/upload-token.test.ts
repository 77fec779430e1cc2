import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { uid } from '../../dicom/uid.ts';
import { customerKey } from '../study/instance.ts';
import { signObjectToken, verifyObjectToken } from './object-token.ts';
import type { KeyRing, SigningKey } from './object-token.ts';
import { signUploadToken, verifyUploadToken } from './upload-token.ts';

const key: SigningKey = { id: 'k1', secret: randomBytes(32), createdAt: 0 };
const keys: KeyRing = { current: () => key, find: (id) => (id === 'k1' ? key : undefined) };
const study = { customer: customerKey('city'), studyInstanceUid: uid('1.2.3') };
const expected = { seriesInstanceUid: uid('1.2.3.4'), sopInstanceUid: uid('1.2.3.4.5') };
const token = signUploadToken(key, { study, ...expected }, 1000);

describe('upload token', () => {
  it('names study, series and instance, until its expiry', () => {
    expect(verifyUploadToken(token, keys, 999_999)).toEqual({ study, ...expected, keyId: 'k1' });
    expect(verifyUploadToken(token, keys, 1_000_000)).toBeUndefined();
    expect(verifyUploadToken(signUploadToken(key, { study }, 1000), keys, 0)).toEqual({ study, keyId: 'k1' });
  });

  it('is refused when altered, by other keys, or made up', () => {
    for (let at = 0; at < token.length; at += 1) {
      for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.') {
        const altered = token.slice(0, at) + character + token.slice(at + 1);
        if (altered !== token) expect(verifyUploadToken(altered, keys, 0), altered).toBeUndefined();
      }
    }
    const other: KeyRing = { ...keys, find: () => ({ ...key, secret: randomBytes(32) }) };
    expect(verifyUploadToken(token, other, 0)).toBeUndefined();
    for (const text of ['', '.', `${token}=`, 'x'.repeat(5000)])
      expect(verifyUploadToken(text, keys, 0)).toBeUndefined();
  });

  it('does not open objects, nor does a token of objects take uploads', () => {
    expect(verifyObjectToken(token, keys, 0).ok).toBe(false);
    expect(verifyUploadToken(signObjectToken(key, study, 1000), keys, 0)).toBeUndefined();
  });
});
