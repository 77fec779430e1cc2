import { createHmac, timingSafeEqual } from 'node:crypto';
import type { WebhookRequest } from '../../core/ports/webhook-receiver.ts';

/**
 * How a webhook may be signed. Avara's product documentation and its SDK differ, so all are understood:
 * - `avara`: `X-Avara-Signature`, hexadecimal HMAC-SHA-256 of `X-Avara-Timestamp` (milliseconds) and body, with the
 *   secret as it stands or with what its `whsec_` form decodes to;
 * - `standard-webhooks`: `webhook-signature`, base64 HMAC-SHA-256 of id, timestamp (seconds) and body.
 */
export type SignatureScheme = 'avara' | 'avara-decoded-key' | 'standard-webhooks';

/** Why a signature was not accepted; for the log, never for the sender. */
export type SignatureRefusal =
  | 'missing-signature'
  | 'repeated-header'
  | 'malformed-signature'
  | 'timestamp-outside-tolerance'
  | 'wrong-signature';

export type SignatureVerdict =
  | { readonly isValid: true; readonly secrets: readonly string[]; readonly scheme: SignatureScheme }
  | {
      readonly isValid: false;
      readonly reason: SignatureRefusal;
      /** How far the sender's clock was from ours, milliseconds, where that was the reason. */
      readonly skewMs?: number;
    };

export interface VerifyOptions {
  /** Candidates, each once. */
  readonly secrets: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly toleranceMs: number;
}

const HEADERS = [
  'x-avara-signature',
  'x-avara-timestamp',
  'webhook-id',
  'webhook-timestamp',
  'webhook-signature',
] as const;

const SECRET_PREFIX = 'whsec_';
/** A secret shorter than this, without its prefix, could be guessed; it is not used. */
const MIN_SECRET_LENGTH = 8;
/** A decoded key shorter than this could be guessed; it is not used. */
const MIN_KEY_BYTES = 8;
/** More signatures in one header than any rotation of secrets makes; the rest is not looked at. */
const MAX_LISTED_SIGNATURES = 16;

interface Claim {
  readonly timestampMs: number;
  /** What stands before the body in the signed content. */
  readonly prefix: string;
  readonly digests: readonly Buffer[];
  readonly keys: (secret: string) => readonly { readonly scheme: SignatureScheme; readonly key: Buffer }[];
}

/** Whether a secret is long enough to prove anything. */
export function isUsableSecret(secret: string): boolean {
  const text = secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret;
  return text.length >= MIN_SECRET_LENGTH;
}

/**
 * Checks the signature of a webhook over its raw body, in constant time with respect to digests.
 * @returns the secrets that made it, or why none did. Where both schemes are present, either may be the one.
 */
export function verifySignature(request: WebhookRequest, options: VerifyOptions): SignatureVerdict {
  const headers = new Map<string, string>();
  for (const name of HEADERS) {
    const [value, ...others] = request.header(name);
    // Which of two values a proxy or library would pick is anybody's guess, and an attacker's lever.
    if (others.length > 0) return { isValid: false, reason: 'repeated-header' };
    if (value !== undefined) headers.set(name, value);
  }
  const isAvara = headers.has('x-avara-signature');
  const isStandard = headers.has('webhook-signature');
  if (!isAvara && !isStandard) return { isValid: false, reason: 'missing-signature' };

  const claims = [
    isStandard ? readStandardClaim(headers) : undefined,
    isAvara ? readAvaraClaim(headers) : undefined,
  ].filter((claim) => claim !== undefined);
  if (claims.length === 0) return { isValid: false, reason: 'malformed-signature' };

  let refusal: SignatureVerdict = { isValid: false, reason: 'wrong-signature' };
  for (const claim of claims) {
    const skewMs = claim.timestampMs - options.now;
    if (Math.abs(skewMs) > options.toleranceMs) {
      refusal = { isValid: false, reason: 'timestamp-outside-tolerance', skewMs };
      continue;
    }
    const match = matchSecrets(claim, request.body, options.secrets);
    if (match !== undefined) return match;
  }
  return refusal;
}

function matchSecrets(
  claim: Claim,
  body: Buffer,
  candidates: readonly string[],
): SignatureVerdict | undefined {
  const secrets: string[] = [];
  let scheme: SignatureScheme | undefined;
  for (const secret of candidates.filter(isUsableSecret)) {
    for (const candidate of claim.keys(secret)) {
      const mac = createHmac('sha256', candidate.key).update(claim.prefix, 'utf8').update(body).digest();
      if (!claim.digests.some((digest) => timingSafeEqual(digest, mac))) continue;
      secrets.push(secret);
      scheme ??= candidate.scheme;
      break;
    }
  }
  return scheme === undefined ? undefined : { isValid: true, secrets, scheme };
}

function readAvaraClaim(headers: ReadonlyMap<string, string>): Claim | undefined {
  const signature = headers.get('x-avara-signature') ?? '';
  const timestamp = headers.get('x-avara-timestamp') ?? '';
  if (!/^[0-9a-f]{64}$/i.test(signature) || !/^\d{10,16}$/.test(timestamp)) return undefined;
  // Ten digits are seconds until the year 2286: some senders take Unix time for that. The text is signed either way.
  const timestampMs = timestamp.length === 10 ? Number(timestamp) * 1000 : Number(timestamp);
  return {
    timestampMs,
    prefix: timestamp,
    digests: [Buffer.from(signature, 'hex')],
    keys(secret) {
      const decoded = secret.startsWith(SECRET_PREFIX) ? decodeKey(secret) : undefined;
      return [
        { scheme: 'avara', key: Buffer.from(secret, 'utf8') },
        ...(decoded === undefined ? [] : [{ scheme: 'avara-decoded-key' as const, key: decoded }]),
      ];
    },
  };
}

function readStandardClaim(headers: ReadonlyMap<string, string>): Claim | undefined {
  const id = headers.get('webhook-id') ?? '';
  const timestamp = headers.get('webhook-timestamp') ?? '';
  if (id === '' || !/^\d{10,12}$/.test(timestamp)) return undefined;
  const digests = (headers.get('webhook-signature') ?? '')
    .split(' ', MAX_LISTED_SIGNATURES)
    .flatMap((entry) =>
      /^v1,[A-Za-z0-9+/]{43}=$/.test(entry) ? [Buffer.from(entry.slice(3), 'base64')] : [],
    )
    .filter((digest) => digest.length === 32);
  if (digests.length === 0) return undefined;
  return {
    timestampMs: Number(timestamp) * 1000,
    prefix: `${id}.${timestamp}.`,
    digests,
    keys(secret) {
      const decoded = decodeKey(secret);
      return decoded === undefined ? [] : [{ scheme: 'standard-webhooks', key: decoded }];
    },
  };
}

/** The bytes that `whsec_<base64>` (or base64 alone) stands for; undefined where it is no such secret, or too short. */
function decodeKey(secret: string): Buffer | undefined {
  const text = secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret;
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return undefined;
  const key = Buffer.from(text, 'base64');
  return key.length >= MIN_KEY_BYTES ? key : undefined;
}
