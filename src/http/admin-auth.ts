import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Clock } from '../core/ports/clock.ts';
import { isLoopbackAddress } from './client-address.ts';
import type { AdminEnv } from './admin/admin-env.ts';
import { createBearerLimit } from './admin/bearer-limit.ts';
import { HttpProblem } from './errors.ts';

export const SESSION_COOKIE = 'avara_ingest_admin';
export const SESSION_LIFETIME_SECONDS = 8 * 3600;

export interface AdminAuthOptions {
  /** Without one, everybody on this machine may do everything. */
  readonly token: string | undefined;
  readonly clock: Clock;
  /** Paths that need no token and tell nothing worth one. */
  readonly openPaths: readonly string[];
  /** A wrong bearer token came; not called again for the same one of an address within ten minutes. */
  readonly onWrongToken?: ((peerAddress: string | undefined) => void) | undefined;
}

export interface AdminAuth {
  /** Lets a request pass or throws an HttpProblem. */
  readonly guard: MiddlewareHandler<AdminEnv>;
  /** Whether there is a token to log in with. */
  readonly needsLogin: boolean;
  isTokenRight(given: string): boolean;
  /** Value of a session cookie, good for {@link SESSION_LIFETIME_SECONDS}. Does not hold the token. */
  newSession(): string;
  /** What a form of the page must send back: proof that the page of this session made it. */
  formToken(c: Context<AdminEnv>): string;
  isFormTokenRight(c: Context<AdminEnv>, given: string): boolean;
}

/**
 * Guards the admin listener. With a token: `Authorization: Bearer`, or the session cookie of the login form. Without:
 * only requests that name a loopback host, because a page from the internet can point its own name at 127.0.0.1 (DNS
 * rebinding). In both cases no page of another origin can make a browser change anything.
 */
export function createAdminAuth(options: AdminAuthOptions): AdminAuth {
  const { token, clock, openPaths, onWrongToken } = options;
  const limit = createBearerLimit(clock);
  const tokenDigest = digestOf(token ?? '');
  // Sessions outlive a restart; without a token there are none, and only the forms of this process are good.
  const key = token === undefined ? randomBytes(32) : tokenDigest;
  const isTokenRight = (given: string): boolean =>
    token !== undefined && timingSafeEqual(digestOf(given), tokenDigest);

  const keyed = (purpose: string, text: string): string =>
    createHmac('sha256', key).update(`avara-ingest admin ${purpose} ${text}`).digest('base64url');
  const newSession = (): string => {
    const expiry = String(Math.floor(clock.now() / 1000) + SESSION_LIFETIME_SECONDS);
    const id = randomBytes(9).toString('base64url');
    return `${expiry}.${id}.${keyed('session', `${expiry}.${id}`)}`;
  };
  /** The id of a session that is good. */
  const sessionOf = (c: Context<AdminEnv>): string | undefined => {
    const [expiry = '', id = '', mac = '', ...rest] = (getCookie(c, SESSION_COOKIE) ?? '').split('.');
    if (token === undefined || rest.length > 0 || !/^\d{1,12}$/.test(expiry)) return undefined;
    const isGenuine = timingSafeEqual(digestOf(mac), digestOf(keyed('session', `${expiry}.${id}`)));
    return isGenuine && Number(expiry) * 1000 > clock.now() ? id : undefined;
  };
  const formToken = (c: Context<AdminEnv>): string => keyed('form', sessionOf(c) ?? '');

  const tooManyFor = (c: Context<AdminEnv>): number =>
    token === undefined ? 0 : limit.retryAfterSeconds(addressOf(c) ?? '');
  const noteWrong = (c: Context<AdminEnv>, bearer: string): void => {
    if (token === undefined) return;
    const peerAddress = addressOf(c);
    if (limit.failed(peerAddress ?? '', digestOf(bearer).toString('base64'))) onWrongToken?.(peerAddress);
  };

  const guard: MiddlewareHandler<AdminEnv> = async (c, next) => {
    if (openPaths.includes(c.req.path)) return next();
    const bearer = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    const seconds = bearer === undefined ? 0 : tooManyFor(c);
    if (bearer !== undefined && seconds === 0) {
      if (isTokenRight(bearer)) {
        c.set('actor', 'admin-token');
        return next();
      }
      noteWrong(c, bearer);
    }

    if (token === undefined && !isLoopbackHost(hostOf(c))) throw foreignHost();
    if (!['GET', 'HEAD', 'OPTIONS'].includes(c.req.method) && !isFromOwnPage(c, token !== undefined))
      throw foreignPage();
    const isLogin = c.req.path === '/login';
    const session = sessionOf(c);
    c.set('actor', session === undefined ? 'local' : `session:${session}`);
    if (token === undefined || isLogin || session !== undefined) return next();
    if (seconds > 0) throw tooManyTokens(seconds);
    throw new HttpProblem(401, {
      code: 'token-needed',
      detail:
        bearer === undefined
          ? 'Send the admin token as "Authorization: Bearer …".'
          : 'The bearer token is not the admin token.',
      headers: { 'WWW-Authenticate': 'Bearer realm="admin"' },
    });
  };
  return {
    guard,
    needsLogin: token !== undefined,
    isTokenRight,
    newSession,
    formToken,
    isFormTokenRight: (c, given) => timingSafeEqual(digestOf(given), digestOf(formToken(c))),
  };
}

/** Digests have one length, so comparing them takes one time whatever was given. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Tests call the app without a connection, and then without bindings. */
function addressOf(c: Context<AdminEnv>): string | undefined {
  return (c.env as AdminEnv['Bindings'] | undefined)?.peerAddress;
}

/** Host and port as the client named them; the Host header, which HTTP/1.1 demands, wins over the URL. */
function hostOf(c: Context<AdminEnv>): string {
  return c.req.header('host') ?? new URL(c.req.url).host;
}

function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return isLoopbackAddress(name.replace(/^\[(.*)\]$/, '$1'));
}

/**
 * Whether a changing request comes from our own page. Browsers say where from (Fetch Metadata, Origin); what says
 * nothing is no browser, and passes unless it comes with a browser's cookie.
 */
function isFromOwnPage(c: Context<AdminEnv>, isProofNeeded: boolean): boolean {
  const site = c.req.header('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin') return false;
  const origin = c.req.header('origin');
  if (origin !== undefined) return URL.canParse(origin) && new URL(origin).host === hostOf(c).toLowerCase();
  return site !== undefined || !isProofNeeded || getCookie(c, SESSION_COOKIE) === undefined;
}

function foreignHost(): HttpProblem {
  return new HttpProblem(403, {
    code: 'foreign-host',
    detail:
      'Without an admin token this listener answers to loopback names only, such as localhost or 127.0.0.1.',
  });
}

function tooManyTokens(seconds: number): HttpProblem {
  return new HttpProblem(429, {
    code: 'too-many-tokens',
    detail: `Too many wrong tokens came from this address. Try again in ${Math.ceil(seconds / 60)} minutes.`,
    headers: { 'Retry-After': String(seconds) },
  });
}

function foreignPage(): HttpProblem {
  return new HttpProblem(403, {
    code: 'foreign-page',
    detail: 'Changes are taken from the admin page itself, or with "Authorization: Bearer …".',
  });
}
