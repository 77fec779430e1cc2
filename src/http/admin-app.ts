import { Hono } from 'hono';
import type { Context } from 'hono';
import { setCookie } from 'hono/cookie';
import ipaddr from 'ipaddr.js';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import { CursorError } from '../core/ports/study-index.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import type { AssociationHistory } from '../core/ports/association-history.ts';
import { parseCustomerKey } from '../core/study/instance.ts';
import type { StudyKey } from '../core/study/instance.ts';
import type { StudyQuery } from '../core/study/study.ts';
import { parseAeTitle } from '../dicom/ae-title.ts';
import type { AeTitle } from '../dicom/ae-title.ts';
import { parseUid } from '../dicom/uid.ts';
import type { Metrics } from '../observability/metrics.ts';
import { SESSION_COOKIE, SESSION_LIFETIME_SECONDS, createAdminAuth } from './admin-auth.ts';
import type { AdminOperations, RouteQuestion } from './admin-operations.ts';
import { PAGE_HEADERS, renderLoginPage, renderStatusPage } from './admin-page.ts';
import { listAssociations } from './association-list.ts';
import type { HttpEnv } from './env.ts';
import { HttpProblem, createErrorHandler, handleNotFound } from './errors.ts';
import { createFileRoutes, type FileRoutesOptions } from './file-routes.ts';
import { problemOf } from './open-route.ts';
import { readBody } from './read-body.ts';
import {
  badCursor,
  badParameter,
  parseStudyQuery,
  presentStudy,
  readOne,
  readProduct,
} from './study-list.ts';

export interface AdminAppOptions {
  readonly index: Pick<StudyIndex, 'listStudies' | 'findStudy' | 'totals'>;
  readonly associations: Pick<AssociationHistory, 'list'>;
  readonly operations: AdminOperations;
  /** Watched folders, quarantine and import. Without it their paths are not there. */
  readonly files?: FileRoutesOptions | undefined;
  readonly registry: Metrics['registry'];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Without one the listener must be bound to loopback, and answers to loopback host names only. */
  readonly token?: string | undefined;
}

const OPEN_PATHS = ['/healthz', '/readyz'];
const MAX_LOGIN_BYTES = 4096;
const LOGIN_TIMEOUT_MS = 10_000;
const ATTENTION_SHOWN = 50;
const RECENT_SHOWN = 25;

/** What the admin listener answers: health, metrics, the API behind the CLI, the status page. */
export function createAdminApp(options: AdminAppOptions): Hono<HttpEnv> {
  const { index, associations, operations, files, registry, clock, logger, token } = options;
  const auth = createAdminAuth({ token, clock, openPaths: OPEN_PATHS });
  const handleError = createErrorHandler(logger);
  const app = new Hono<HttpEnv>();

  app.onError((error, c) => {
    const isPage = c.req.path === '/' && error instanceof HttpProblem && error.status === 401;
    return isPage ? c.html(renderLoginPage(false), 401, PAGE_HEADERS) : handleError(error, c);
  });
  app.notFound(handleNotFound);
  app.use('*', auth.guard);
  app.use('*', async (c, next) => {
    await next();
    if (!c.res.headers.has('Cache-Control')) c.header('Cache-Control', 'no-store');
  });

  app.get('/healthz', (c) => c.json({ ok: true }));
  app.get('/readyz', (c) => {
    const parts = operations.readiness();
    const ok = Object.values(parts).every((part) => part.ok);
    return c.json({ ok, parts }, ok ? 200 : 503);
  });
  app.get('/metrics', async (c) =>
    c.body(await registry.metrics(), 200, { 'Content-Type': registry.contentType }),
  );

  app.get('/api/status', async (c) => c.json(await operations.status()));
  app.get('/api/associations', (c) =>
    c.json(listAssociations(associations, new URL(c.req.url).searchParams)),
  );
  app.get('/api/studies', (c) => {
    const { studies, cursor } = list(index, parseStudyQuery(new URL(c.req.url).searchParams));
    return c.json({ studies: studies.map(presentStudy), cursor: cursor ?? null });
  });
  app.post('/api/studies/:customer/:study/complete', async (c) => {
    const key = knownStudy(c);
    await operations.completeStudy(key);
    const study = index.findStudy(key);
    return isForm(c) ? c.redirect('/', 303) : c.json(study === undefined ? null : presentStudy(study));
  });
  app.post('/api/studies/:customer/:study/retry', async (c) => {
    const retried = await operations.retryStudy(knownStudy(c));
    return isForm(c) ? c.redirect('/', 303) : c.json({ retried });
  });
  for (const [action, isCancelled] of [
    ['cancel', true],
    ['uncancel', false],
  ] as const) {
    app.post(`/api/studies/:customer/:study/${action}`, async (c) => {
      const product = readProduct(new URL(c.req.url).searchParams);
      return c.json({ changed: await operations.cancelStudy(knownStudy(c), product, isCancelled) });
    });
  }
  app.post('/api/studies/:customer/:study/open', async (c) => {
    const parameters = new URL(c.req.url).searchParams;
    const userId = readOne(parameters, 'user');
    const outcome = await operations.openStudy({
      study: knownStudy(c),
      product: readProduct(parameters),
      userId,
    });
    if (outcome.kind !== 'url') throw problemOf(outcome);
    return c.json({ url: outcome.url, product: outcome.product });
  });
  app.post('/api/reports/retry', async (c) => c.json({ retried: await operations.retryReports() }));
  app.post('/api/studies/:customer/:study/correct', async (c) =>
    c.json({ corrected: await operations.correctStudy(knownStudy(c)) }),
  );
  app.post('/api/retry', async (c) => {
    const text = readOne(new URL(c.req.url).searchParams, 'customer');
    const customer = parseCustomerKey(text ?? '');
    if (text !== undefined && customer === undefined)
      throw badParameter('customer', 'must be the key of a customer, such as city-medical');
    return c.json({ retried: await operations.retryAll(customer) });
  });
  app.get('/api/route', (c) =>
    c.json(operations.explainRoute(routeQuestion(new URL(c.req.url).searchParams))),
  );
  if (files !== undefined) app.route('/', createFileRoutes(files));
  app.post('/api/keys/rotate', async (c) => c.json({ keyId: await operations.rotateKeys() }));

  app.get('/', (c) => {
    const page = renderStatusPage({
      now: clock.now(),
      readiness: operations.readiness(),
      totals: index.totals(),
      attention: index.listStudies({ limit: ATTENTION_SHOWN, delivery: 'attention' }).studies,
      recent: index.listStudies({ limit: RECENT_SHOWN }).studies,
      hasLogin: auth.needsLogin,
    });
    return c.html(page, 200, PAGE_HEADERS);
  });
  app.post('/login', async (c) => {
    const body = await readBody(c.req.raw, { maxBytes: MAX_LOGIN_BYTES, timeoutMs: LOGIN_TIMEOUT_MS });
    const given = new URLSearchParams(body.toString('utf8')).get('token') ?? '';
    if (!auth.isTokenRight(given.trim())) {
      logger.warn({ peerAddress: c.env.peerAddress }, 'admin login refused');
      return c.html(renderLoginPage(true), 401, PAGE_HEADERS);
    }
    setSession(c, auth.newSession(), SESSION_LIFETIME_SECONDS);
    return c.redirect('/', 303);
  });
  app.post('/logout', (c) => {
    setSession(c, '', 0);
    return c.redirect('/', 303);
  });

  const knownStudy = (c: Context<HttpEnv>): StudyKey => {
    const customer = parseCustomerKey(c.req.param('customer') ?? '');
    const studyInstanceUid = parseUid(c.req.param('study') ?? '');
    const key = customer && studyInstanceUid && { customer, studyInstanceUid };
    if (key === undefined || index.findStudy(key) === undefined)
      throw new HttpProblem(404, { code: 'study-not-found', detail: 'This customer has no such study.' });
    return key;
  };
  return app;
}

/** A cursor is the index's own text; one that it cannot read was made up or cut. */
function list(index: Pick<StudyIndex, 'listStudies'>, query: StudyQuery) {
  try {
    return index.listStudies(query);
  } catch (error) {
    if (error instanceof CursorError) throw badCursor();
    throw error;
  }
}

function routeQuestion(parameters: URLSearchParams): RouteQuestion {
  const aeTitle = (name: string): AeTitle | undefined => {
    const text = readOne(parameters, name);
    const title = parseAeTitle(text ?? '');
    if (text !== undefined && title === undefined) throw badParameter(name, 'must be an AE title');
    return title;
  };
  const calledAe = aeTitle('calledAe');
  if (calledAe === undefined) throw badParameter('calledAe', 'must be given');
  const callingAe = aeTitle('callingAe');
  const from = readOne(parameters, 'from');
  if (from !== undefined && !ipaddr.isValid(from)) throw badParameter('from', 'must be an IP address');
  return { calledAe, ...(callingAe !== undefined && { callingAe }), ...(from !== undefined && { from }) };
}

/** Whether a button of the status page was pressed, rather than the API called. */
function isForm(c: Context<HttpEnv>): boolean {
  return (c.req.header('accept') ?? '').includes('text/html');
}

function setSession(c: Context<HttpEnv>, value: string, maxAge: number): void {
  const secure = new URL(c.req.url).protocol === 'https:';
  setCookie(c, SESSION_COOKIE, value, { httpOnly: true, sameSite: 'Strict', path: '/', maxAge, secure });
}
