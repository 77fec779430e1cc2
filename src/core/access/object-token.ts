import { createHmac, timingSafeEqual } from 'node:crypto';
import { parseUid } from '../../dicom/uid.ts';
import { parseCustomerKey } from '../study/instance.ts';
import type { StudyKey } from '../study/instance.ts';

/** A secret that object URLs are signed with. */
export interface SigningKey {
  /** 1 to 32 letters or digits; travels in the token and in the audit trail. */
  readonly id: string;
  /** At least 32 random bytes. Never logged. */
  readonly secret: Buffer;
  /** Milliseconds since 1970 UTC. */
  readonly createdAt: number;
}

/** The signing keys in force. */
export interface KeyRing {
  /** The key that new tokens are signed with. */
  current(): SigningKey;
  /** A key that tokens may still be verified with; undefined once it is out of force. */
  find(id: string): SigningKey | undefined;
}

/** What a token entitles its bearer to: reading the instances of one study of one customer. */
export interface StudyGrant {
  readonly study: StudyKey;
  /** Seconds since 1970 UTC; the token is good before this second. */
  readonly expiresAtSeconds: number;
  readonly keyId: string;
}

/** Why a token was refused. */
export type TokenFailure = 'malformed' | 'unknown-key' | 'bad-signature' | 'expired' | 'other-study';

export type TokenVerdict =
  | { readonly ok: true; readonly grant: StudyGrant }
  /** `keyId` is as the token claims it, and only present where such a key exists. */
  | { readonly ok: false; readonly reason: TokenFailure; readonly keyId?: string };

/** Keeps these signatures apart from anything else that the same key might ever sign. */
const SIGNATURE_CONTEXT = 'avara-ingest object token 1:';
/** UID and customer key of 64 characters each, in base64url, fit twice over. */
const MAX_TOKEN_LENGTH = 512;
/** HMAC-SHA256 in base64url. */
const SIGNATURE_LENGTH = 43;
const TOKEN_PATTERN = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}$/;
const KEY_ID_PATTERN = /^[A-Za-z0-9]{1,32}$/;
const EXPIRY_PATTERN = /^[1-9]\d{0,14}$/;

/**
 * Makes the token of a study's object URLs: `base64url(key id ~ expiry ~ customer ~ study UID) . base64url(HMAC)`.
 * None of the four fields can hold the separator.
 * @param expiresAtSeconds seconds since 1970 UTC.
 */
export function signObjectToken(key: SigningKey, study: StudyKey, expiresAtSeconds: number): string {
  if (!KEY_ID_PATTERN.test(key.id)) throw new RangeError('signing key id must be 1 to 32 letters or digits');
  if (!EXPIRY_PATTERN.test(String(expiresAtSeconds)))
    throw new RangeError(`token expiry must be whole seconds since 1970, not ${expiresAtSeconds}`);
  const fields = [key.id, expiresAtSeconds, study.customer, study.studyInstanceUid].join('~');
  const payload = Buffer.from(fields, 'latin1').toString('base64url');
  return `${payload}.${signatureOf(key, payload)}`;
}

/** A token that is genuine, whatever the time and the study asked for. */
interface GenuineToken {
  readonly key: SigningKey;
  readonly grant: StudyGrant;
}

/**
 * Verifies a token. The signature covers the encoded text, so no second spelling of a token is accepted.
 * @param studyInstanceUid the study that the bearer asks for, if it asks for a particular one.
 * @param now milliseconds since 1970 UTC.
 */
export function verifyObjectToken(
  token: string,
  keys: KeyRing,
  now: number,
  studyInstanceUid?: string,
): TokenVerdict {
  const read = readToken(token, keys);
  return 'ok' in read ? read : judge(read.grant, now, studyInstanceUid);
}

/** Verifies tokens as {@link verifyObjectToken} does. */
export type ObjectTokenVerifier = (token: string, now: number, studyInstanceUid?: string) => TokenVerdict;

/** A viewer shows one token for each image of a study, and few studies are open at a time. */
const DEFAULT_REMEMBERED = 256;

/**
 * Remembers which tokens are genuine, so that a signature is worked out once for all the images of a study. Key, expiry
 * and study are looked at each time.
 */
export function createObjectTokenVerifier(
  keys: KeyRing,
  { remembered = DEFAULT_REMEMBERED }: { readonly remembered?: number } = {},
): ObjectTokenVerifier {
  const genuine = new Map<string, GenuineToken>();
  return function verify(token, now, studyInstanceUid) {
    const known = genuine.get(token);
    if (known !== undefined && keys.find(known.grant.keyId)?.secret.equals(known.key.secret) === true)
      return judge(known.grant, now, studyInstanceUid);
    const read = readToken(token, keys);
    if ('ok' in read) return read;
    genuine.set(token, read);
    // The first in is the first out.
    if (genuine.size > remembered)
      for (const oldest of genuine.keys()) {
        genuine.delete(oldest);
        break;
      }
    return judge(read.grant, now, studyInstanceUid);
  };
}

function readToken(token: string, keys: KeyRing): GenuineToken | (TokenVerdict & { readonly ok: false }) {
  if (token.length > MAX_TOKEN_LENGTH || !TOKEN_PATTERN.test(token))
    return { ok: false, reason: 'malformed' };
  const payload = token.slice(0, -SIGNATURE_LENGTH - 1);
  const grant = parsePayload(payload);
  if (grant === undefined) return { ok: false, reason: 'malformed' };
  const { keyId } = grant;
  const key = keys.find(keyId);
  if (key === undefined) return { ok: false, reason: 'unknown-key' };
  // Both are 43 ASCII characters: timingSafeEqual cannot throw for unequal lengths.
  const expected = Buffer.from(signatureOf(key, payload), 'latin1');
  const given = Buffer.from(token.slice(-SIGNATURE_LENGTH), 'latin1');
  if (!timingSafeEqual(expected, given)) return { ok: false, reason: 'bad-signature', keyId };
  return { key, grant };
}

function judge(grant: StudyGrant, now: number, studyInstanceUid: string | undefined): TokenVerdict {
  const { keyId } = grant;
  if (now >= grant.expiresAtSeconds * 1000) return { ok: false, reason: 'expired', keyId };
  if (studyInstanceUid !== undefined && studyInstanceUid !== grant.study.studyInstanceUid)
    return { ok: false, reason: 'other-study', keyId };
  return { ok: true, grant };
}

function signatureOf(key: SigningKey, payload: string): string {
  return createHmac('sha256', key.secret).update(SIGNATURE_CONTEXT).update(payload).digest('base64url');
}

function parsePayload(payload: string): StudyGrant | undefined {
  const [keyId = '', expiry = '', customerText = '', uidText = '', ...rest] = Buffer.from(
    payload,
    'base64url',
  )
    .toString('latin1')
    .split('~');
  const customer = parseCustomerKey(customerText);
  const studyInstanceUid = parseUid(uidText);
  if (rest.length > 0 || !KEY_ID_PATTERN.test(keyId) || !EXPIRY_PATTERN.test(expiry)) return undefined;
  if (customer === undefined || studyInstanceUid === undefined) return undefined;
  return { study: { customer, studyInstanceUid }, expiresAtSeconds: Number(expiry), keyId };
}
