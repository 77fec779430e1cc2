import { Hono } from 'hono';
import type { Context } from 'hono';
import { createObjectTokenVerifier } from '../../core/access/object-token.ts';
import type { KeyRing } from '../../core/access/object-token.ts';
import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { Metrics } from '../../observability/metrics.ts';
import { createCorsPolicy } from '../cors.ts';
import { HttpProblem, methodNotAllowed } from '../errors.ts';
import { createRefusalAudit } from '../refusal-audit.ts';
import { countSentBytes } from '../sent-bytes.ts';
import { negotiateFor } from './accept.ts';
import { createAllowedMethods } from './allowed-methods.ts';
import { entitlementOf, forbidden, unauthorized } from './authorize.ts';
import type { AuthorizeOptions } from './authorize.ts';
import { createCapabilities } from './capabilities.ts';
import type { DicomWebEnv } from './env.ts';
import { serviceOf } from './service-of.ts';

export interface DicomWebAppOptions extends Omit<AuthorizeOptions, 'verifyToken'> {
  /** That object tokens are verified with. */
  readonly keys: KeyRing;
  /** Each with paths relative to the service root, such as `/studies/:study`. */
  readonly routes: readonly Hono<DicomWebEnv>[];
  /** Where the public listener is reached from outside; undefined: wherever the request, or its proxy, says it did. */
  readonly publicUrl: () => string | undefined;
  readonly audit: AuditTrail;
  readonly metrics: Pick<Metrics, 'dicomWebRequests' | 'dicomWebDuration' | 'dicomWebBytesSent'>;
  /** Web origins that may read answers; `*` stands for all. */
  readonly corsOrigins: readonly string[];
}

/** Where the public app mounts it. */
export const DICOM_WEB_PATH = '/dicom-web';

const METHODS = 'GET, HEAD, POST, OPTIONS';
const EXPOSED_HEADERS = [
  'Content-Location',
  'Content-Disposition',
  'Location',
  'Warning',
  'Retry-After',
  'WWW-Authenticate',
];
const CUSTOMER_PREFIX = '/customers/:customer';
/** What nobody but the bearer of the token may keep, or guess the kind of; a URL may hold a token. */
const DEFAULT_HEADERS: Readonly<Record<string, string>> = { 'Cache-Control': 'private, no-store' };
const FIXED_HEADERS = { 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer' };

/**
 * The DICOMweb services (PS3.18) below {@link DICOM_WEB_PATH}, and once more below `/customers/<key>`, where they see
 * that customer alone. Here is what all of them share: CORS, tokens and rights, what is refused before a service sees
 * it, and the count of requests. Services find what they may see in `c.var.scope`.
 */
export function createDicomWebApp(options: DicomWebAppOptions): Hono<DicomWebEnv> {
  const { routes, publicUrl, audit, clock, metrics } = options;
  const cors = createCorsPolicy(options.corsOrigins, METHODS, EXPOSED_HEADERS);
  const refusals = createRefusalAudit({ audit, clock, event: 'dicomweb.refused' });
  const authorizing = { ...options, verifyToken: createObjectTokenVerifier(options.keys) };
  const allowedMethods = createAllowedMethods(routes);
  const capabilities = createCapabilities(routes);
  const baseUrlOf = (c: Context<DicomWebEnv>): string =>
    `${publicUrl() ?? c.env.origin ?? new URL(c.req.url).origin}${DICOM_WEB_PATH}`;

  const refuse = (c: Context<DicomWebEnv>, detail: string, problem: HttpProblem, actor?: string): never => {
    const { peerAddress } = c.env;
    refusals.record({
      event: 'dicomweb.refused',
      detail,
      ...(actor !== undefined && { actor }),
      ...(peerAddress !== undefined && { peerAddress }),
    });
    throw problem;
  };

  const app = new Hono<DicomWebEnv>();
  app.use('*', async function observe(c: Context<DicomWebEnv>, next) {
    const startedAt = performance.now();
    const headers: Record<string, string> = { ...FIXED_HEADERS, ...cors.headersFor(c.req.header('origin')) };
    // Services that write to Node's response themselves have no other way to get these.
    const { incoming, outgoing } = c.env;
    if (outgoing !== undefined) {
      for (const name in DEFAULT_HEADERS) outgoing.setHeader(name, DEFAULT_HEADERS[name] ?? '');
      for (const name in headers) outgoing.setHeader(name, headers[name] ?? '');
    }
    const service = serviceOf(c.req.method, placeOf(c).path);
    if (incoming !== undefined && outgoing !== undefined) {
      const sentBytes = countSentBytes(incoming.socket);
      outgoing.once('close', () => metrics.dicomWebBytesSent.inc({ service }, sentBytes()));
    }
    await next();
    const isSent = c.res.headers.has('x-hono-already-sent');
    if (!isSent) {
      for (const [name, value] of Object.entries(headers))
        if (name === 'Vary') c.res.headers.append(name, value);
        else c.res.headers.set(name, value);
      for (const [name, value] of Object.entries(DEFAULT_HEADERS))
        if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    }
    const status = isSent ? (outgoing?.statusCode ?? 200) : c.res.status;
    metrics.dicomWebRequests.inc({ service, status: `${Math.floor(status / 100)}xx` });
    metrics.dicomWebDuration.observe({ service }, (performance.now() - startedAt) / 1000);
  });

  // Before any token is asked for: browsers send none with a preflight, and what the service can do is no secret.
  app.options('*', (c: Context<DicomWebEnv>) => {
    const { path } = placeOf(c);
    const allowed = allowedMethods.of(path);
    const headers = new Headers({
      Allow: allowed.length === 0 ? METHODS : allowed.join(', '),
      ...cors.preflightHeaders(c.req.header('origin'), {
        headers: c.req.header('access-control-request-headers'),
        privateNetwork: c.req.header('access-control-request-private-network'),
      }),
    });
    const isPreflight = c.req.header('access-control-request-method') !== undefined;
    if (isPreflight || !['', '/'].includes(path)) return new Response(null, { status: 204, headers });
    // The same for each customer, also for one that is not there.
    const { mediaType } = negotiateFor(c, capabilities.offers).offer;
    headers.set('Content-Type', mediaType);
    return new Response(capabilities.write(mediaType, baseUrlOf(c)), { headers });
  });

  app.use('*', async function authorize(c: Context<DicomWebEnv>, next) {
    const entitlement = entitlementOf(c, authorizing);
    if (entitlement === undefined) return refuse(c, 'token', unauthorized());
    const { customer, path } = placeOf(c);
    // A customer that the token does not speak for is answered exactly like one that does not exist.
    const customers = entitlement.customers.filter((key) => customer === undefined || key === customer);
    if (customers.length === 0) return refuse(c, 'customer', nothingHere(), entitlement.actor);
    const right = ['GET', 'HEAD'].includes(c.req.method) ? 'read' : 'write';
    if (!(right === 'read' ? entitlement.mayRead : entitlement.mayWrite))
      return refuse(c, `right to ${right}`, forbidden(right), entitlement.actor);
    const base = baseUrlOf(c);
    const serviceUrl = customer === undefined ? base : `${base}/customers/${customer}`;
    c.set('scope', { ...entitlement, customers, serviceUrl });
    if (allowedMethods.includes(path, c.req.method)) return next();
    const allowed = allowedMethods.of(path);
    if (allowed.length > 0) throw methodNotAllowed(allowed.join(', '));
    return next();
  });

  for (const service of routes) {
    app.route('/', service);
    app.route(CUSTOMER_PREFIX, service);
  }
  app.all('*', () => {
    throw nothingHere();
  });
  return app;
}

/** The customer that a path names, and what the path says below it. */
function placeOf(c: Context<DicomWebEnv>): { readonly customer?: string; readonly path: string } {
  const below = c.req.path.startsWith(DICOM_WEB_PATH) ? c.req.path.slice(DICOM_WEB_PATH.length) : c.req.path;
  const [, customer, path] = /^\/customers\/([^/]+)(\/.*)?$/.exec(below) ?? [];
  return customer === undefined ? { path: below } : { customer, path: path ?? '' };
}

function nothingHere(): HttpProblem {
  return new HttpProblem(404, { code: 'not-found', detail: 'There is nothing at this path.' });
}
