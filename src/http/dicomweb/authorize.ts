import type { Context } from 'hono';
import type { ObjectTokenVerifier } from '../../core/access/object-token.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { bearerOf, findAccessToken } from '../access-tokens.ts';
import type { AccessToken } from '../access-tokens.ts';
import { HttpProblem } from '../errors.ts';
import type { DicomWebEnv, DicomWebScope } from './env.ts';

export interface AuthorizeOptions {
  /** As configured now. */
  readonly tokens: () => readonly AccessToken[];
  readonly verifyToken: ObjectTokenVerifier;
  readonly clock: Clock;
}

/** What the token of a request entitles to, before the path narrows it. */
export type Entitlement = Omit<DicomWebScope, 'serviceUrl'>;

/**
 * Reads the one token of a request: in the Authorization header, a bearer token of the configuration or an object
 * token; as the query parameter `token`, an object token only.
 * @returns undefined where there is none, more than one, or one that is no good.
 */
export function entitlementOf(
  c: Context<DicomWebEnv>,
  { tokens, verifyToken, clock }: AuthorizeOptions,
): Entitlement | undefined {
  const authorization = c.req.header('authorization');
  const inQuery = c.req.queries('token') ?? [];
  if (inQuery.length > (authorization === undefined ? 1 : 0)) return undefined;
  const bearer = bearerOf(authorization);
  const given = bearer ?? inQuery[0];
  if (given === undefined) return undefined;
  const known = bearer === undefined ? undefined : findAccessToken(bearer, tokens());
  if (known !== undefined) {
    const { name: actor, customers, mayRead, mayWrite } = known;
    return { actor, customers, mayRead, mayWrite };
  }
  const verdict = verifyToken(given, clock.now());
  if (!verdict.ok) return undefined;
  const { keyId: actor, study } = verdict.grant;
  const { customer, studyInstanceUid } = study;
  return { actor, customers: [customer], study: studyInstanceUid, mayRead: true, mayWrite: false };
}

/** The one 401: it does not tell a token that expired from one that never was. */
export function unauthorized(): HttpProblem {
  return new HttpProblem(401, {
    code: 'token-invalid',
    detail: 'This needs a valid token: a bearer token of access.tokens, or the token of an object URL.',
    headers: { 'WWW-Authenticate': 'Bearer realm="dicom-web"' },
  });
}

/** The token is good, but not for this kind of request. */
export function forbidden(right: 'read' | 'write'): HttpProblem {
  return new HttpProblem(403, {
    code: `no-${right}-right`,
    detail: `This token has no right to ${right}.`,
  });
}
