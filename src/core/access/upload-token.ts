import { createHmac, timingSafeEqual } from 'node:crypto';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import { parseCustomerKey } from '../study/instance.ts';
import type { StudyKey } from '../study/instance.ts';
import type { KeyRing, SigningKey } from './object-token.ts';

/** What an upload URL entitles its bearer to: adding one object to a study. */
export interface UploadGrant {
  readonly study: StudyKey;
  /** The series and instance that the object must be of, where they were said. */
  readonly seriesInstanceUid?: Uid;
  readonly sopInstanceUid?: Uid;
  readonly keyId: string;
}

/** Keeps these signatures apart from those of object tokens, which the same key makes. */
const SIGNATURE_CONTEXT = 'avara-ingest upload token 1:';
const TOKEN_PATTERN = /^([A-Za-z0-9_-]{1,600})\.([A-Za-z0-9_-]{43})$/;

/** Makes the token of an upload URL. @param expiresAtSeconds seconds since 1970 UTC. */
export function signUploadToken(
  key: SigningKey,
  grant: Omit<UploadGrant, 'keyId'>,
  expiresAtSeconds: number,
): string {
  const { study, seriesInstanceUid = '', sopInstanceUid = '' } = grant;
  const { customer, studyInstanceUid } = study;
  const fields = [key.id, expiresAtSeconds, customer, studyInstanceUid, seriesInstanceUid, sopInstanceUid];
  const payload = Buffer.from(fields.join('~'), 'latin1').toString('base64url');
  return `${payload}.${signatureOf(key, payload)}`;
}

/**
 * Verifies a token.
 * @param now milliseconds since 1970 UTC.
 * @returns undefined for anything but a genuine token that is still good.
 */
export function verifyUploadToken(token: string, keys: KeyRing, now: number): UploadGrant | undefined {
  const [, payload = '', signature = ''] = TOKEN_PATTERN.exec(token) ?? [];
  const fields = Buffer.from(payload, 'base64url').toString('latin1').split('~');
  const [keyId = '', expiry = '', customerText = '', study = '', series = '', sop = ''] = fields;
  const key = keys.find(keyId);
  if (key === undefined || fields.length !== 6) return undefined;
  // As text: decoding would let several spellings of the last character pass for one.
  const given = Buffer.from(signature, 'latin1');
  const expected = Buffer.from(signatureOf(key, payload), 'latin1');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  const customer = parseCustomerKey(customerText);
  const studyInstanceUid = parseUid(study);
  if (!(now < Number(expiry) * 1000) || customer === undefined || studyInstanceUid === undefined)
    return undefined;
  const seriesInstanceUid = parseUid(series);
  const sopInstanceUid = parseUid(sop);
  return {
    study: { customer, studyInstanceUid },
    ...(seriesInstanceUid !== undefined && { seriesInstanceUid }),
    ...(sopInstanceUid !== undefined && { sopInstanceUid }),
    keyId,
  };
}

function signatureOf(key: SigningKey, payload: string): string {
  return createHmac('sha256', key.secret).update(`${SIGNATURE_CONTEXT}${payload}`).digest('base64url');
}
