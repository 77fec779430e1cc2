import { hash, timingSafeEqual } from 'node:crypto';
import type { CustomerKey } from '../core/study/instance.ts';

/** A bearer token of the configuration (`access.tokens`). */
export interface AccessToken {
  readonly name: string;
  readonly token: string;
  readonly customers: readonly CustomerKey[];
  readonly mayRead: boolean;
  readonly mayWrite: boolean;
}

/** The credentials of an Authorization header with the Bearer scheme (RFC 6750 2.1); undefined for anything else. */
export function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer +([^\s]+)$/i.exec(authorization ?? '')?.[1];
}

/** Finds the token that was given, in a time that tells nothing of how much of it was right. */
export function findAccessToken(given: string, tokens: readonly AccessToken[]): AccessToken | undefined {
  const digest = digestOf(given);
  let found: AccessToken | undefined;
  for (const token of tokens) if (timingSafeEqual(digestOfKnown(token), digest)) found ??= token;
  return found;
}

const digests = new WeakMap<AccessToken, Buffer>();

function digestOfKnown(token: AccessToken): Buffer {
  const known = digests.get(token) ?? digestOf(token.token);
  digests.set(token, known);
  return known;
}

function digestOf(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
