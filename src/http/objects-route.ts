import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import type { Context } from 'hono';
import { createObjectTokenVerifier } from '../core/access/object-token.ts';
import type { KeyRing, StudyGrant, TokenFailure } from '../core/access/object-token.ts';
import type { AuditTrail } from '../core/ports/audit-trail.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { InstanceStore } from '../core/ports/instance-store.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import type { InstanceKey, StudyKey } from '../core/study/instance.ts';
import { parseUid } from '../dicom/uid.ts';
import type { Uid } from '../dicom/uid.ts';
import type { Metrics } from '../observability/metrics.ts';
import { createBufferPool } from './buffer-pool.ts';
import { createCorsPolicy } from './cors.ts';
import type { HttpEnv } from './env.ts';
import { HttpProblem, methodNotAllowed, problemResponse } from './errors.ts';
import { planObjectReply } from './object-reply.ts';
import { createObjectOpener } from './object-opener.ts';
import { sendObject } from './object-sender.ts';
import { studyRemoved } from './study-removed.ts';
import { createRefusalAudit } from './refusal-audit.ts';

export interface ObjectsRouteOptions {
  readonly index: Pick<StudyIndex, 'findInstance' | 'findRemovals'>;
  readonly store: Pick<InstanceStore, 'open'>;
  readonly keys: KeyRing;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'objectRequests' | 'objectBytesSent' | 'objectFaults'>;
  /** Web origins that may read objects; `*` stands for all. */
  readonly corsOrigins: readonly string[];
}

type PathKey = Omit<InstanceKey, 'customer'>;

const METHODS = 'GET, HEAD, OPTIONS';

const ONLY_TOKEN = /^[^?#]*\?token=([A-Za-z0-9_.-]+)$/;

const REFUSALS: Readonly<Record<TokenFailure | 'missing', string>> = {
  missing: 'This URL needs its token, once, as the query parameter "token".',
  malformed: 'The token of this URL is damaged. Use the URL as it was handed out.',
  'unknown-key': 'The token of this URL is no longer good. Open the study again to get new URLs.',
  'bad-signature': 'The token of this URL is not genuine.',
  expired: 'This URL has expired. Open the study again to get new URLs.',
  'other-study': 'The token of this URL is for another study.',
};

/** `GET|HEAD /:study/:series/:instance.dcm?token=…`: one Part 10 file for the bearer of a token of its study. */
export function createObjectsRoute(options: ObjectsRouteOptions): Hono<HttpEnv> {
  const { index, keys, audit, clock, metrics } = options;
  const cors = createCorsPolicy(options.corsOrigins, METHODS);
  const refusals = createRefusalAudit({ audit, clock });
  const pool = createBufferPool();
  const opener = createObjectOpener(options);
  const verify = createObjectTokenVerifier(keys);
  const served = metrics.objectRequests.labels({ outcome: 'served' });

  const authorize = (c: Context<HttpEnv>, path: PathKey): StudyGrant => {
    const tokens = tokensOf(c);
    const [token = ''] = tokens;
    const verdict = verify(token, clock.now(), path.studyInstanceUid);
    if (tokens.length === 1 && verdict.ok) return verdict.grant;
    const reason = tokens.length !== 1 || token === '' || verdict.ok ? 'missing' : verdict.reason;
    metrics.objectRequests.inc({ outcome: 'refused' });
    refusals.record({
      event: 'object.refused',
      studyInstanceUid: path.studyInstanceUid,
      sopInstanceUid: path.sopInstanceUid,
      detail: reason,
      ...(!verdict.ok && verdict.keyId !== undefined && { actor: verdict.keyId }),
      ...peerOf(c),
    });
    throw refusalProblem(reason);
  };

  /** What to tell of an instance that the study does not have, or has no more (RFC 9110 15.5.11). */
  const absence = ({ customer, studyInstanceUid }: StudyKey): HttpProblem => {
    metrics.objectRequests.inc({ outcome: 'not-found' });
    const removal = index.findRemovals(studyInstanceUid).find(({ key }) => key.customer === customer);
    if (removal !== undefined) return studyRemoved(removal);
    return new HttpProblem(404, { code: 'object-not-found', detail: 'The study has no such instance.' });
  };

  const serve = async (c: Context<HttpEnv>): Promise<Response> => {
    const path = parsePath(c);
    const grant = authorize(c, path);
    const record = index.findInstance({ customer: grant.study.customer, ...path });
    if (record === undefined) throw absence(grant.study);
    const maxAge = Math.max(0, Math.floor(grant.expiresAtSeconds - clock.now() / 1000));
    const planned = planObjectReply((name) => c.req.header(name), record, maxAge);
    const headers = Object.assign(planned.headers, cors.headersFor(c.req.header('origin')));
    const reply = { ...planned, headers };
    const withoutBody = () => new Response(null, { status: reply.status, headers: reply.headers });
    if (reply.length === 0) {
      metrics.objectRequests.inc({ outcome: reply.status === 304 ? 'unchanged' : 'refused' });
      return withoutBody();
    }

    const reportFault = (error: unknown): HttpProblem => {
      metrics.objectRequests.inc({ outcome: 'failed' });
      return opener.reportFault(error, record.key);
    };
    const opened = await opener.open(record).catch((error: unknown) => {
      // Removed since it was looked up: no fault.
      if (index.findInstance(record.key) === undefined) throw absence(grant.study);
      throw reportFault(error);
    });
    const { incoming, outgoing, sendFile } = c.env;
    if (c.req.method === 'HEAD' || incoming === undefined || outgoing === undefined) {
      await opened.close();
      if (c.req.method !== 'HEAD') throw new Error('objects can be sent through an HTTP listener only');
      metrics.objectRequests.inc({ outcome: 'head' });
      return withoutBody();
    }
    const onStarted = (): void => {
      audit.record({
        event: 'object.served',
        ...grant.study,
        sopInstanceUid: path.sopInstanceUid,
        actor: grant.keyId,
        ...(reply.status === 206 && { detail: reply.headers['Content-Range'] }),
        ...peerOf(c),
      });
    };
    try {
      const { socket } = incoming;
      const isSent = await sendObject({ outgoing, socket, reply, opened, pool, sendFile, onStarted });
      if (isSent) {
        served.inc();
        metrics.objectBytesSent.inc(reply.length);
      } else metrics.objectRequests.inc({ outcome: 'aborted' });
    } catch (error) {
      const problem = reportFault(error);
      if (!outgoing.headersSent) throw problem;
    }
    return RESPONSE_ALREADY_SENT;
  };

  const app = new Hono<HttpEnv>();
  app.options('/*', (c) => {
    const headers = cors.preflightHeaders(c.req.header('origin'), {
      headers: c.req.header('access-control-request-headers'),
      privateNetwork: c.req.header('access-control-request-private-network'),
    });
    return new Response(null, { status: 204, headers: { Allow: METHODS, ...headers } });
  });
  app.get('/:study/:series/:file', async (c) => {
    try {
      return await serve(c);
    } catch (error) {
      if (!(error instanceof HttpProblem)) throw error;
      // Pages may read why: they cannot tell an expired URL from a broken network otherwise.
      return problemResponse(error, cors.headersFor(c.req.header('origin')));
    }
  });
  app.all('/:study/:series/:file', () => {
    throw methodNotAllowed(METHODS);
  });
  return app;
}

/** The tokens of the query; the usual query is but one, which needs no parsing. */
function tokensOf(c: Context<HttpEnv>): readonly string[] {
  const [, only] = ONLY_TOKEN.exec(c.req.url) ?? [];
  return only === undefined ? (c.req.queries('token') ?? []) : [only];
}

function parsePath(c: Context<HttpEnv>): PathKey {
  const file = c.req.param('file') ?? '';
  const studyInstanceUid = exactUid(c.req.param('study'));
  const seriesInstanceUid = exactUid(c.req.param('series'));
  const sopInstanceUid = exactUid(file.endsWith('.dcm') ? file.slice(0, -'.dcm'.length) : undefined);
  if (studyInstanceUid === undefined || seriesInstanceUid === undefined || sopInstanceUid === undefined)
    throw new HttpProblem(400, {
      code: 'bad-path',
      detail: 'The path must be /objects/{study}/{series}/{instance}.dcm with DICOM UIDs.',
    });
  return { studyInstanceUid, seriesInstanceUid, sopInstanceUid };
}

/** A UID without the padding that `parseUid` forgives in Data Sets. */
function exactUid(text: string | undefined): Uid | undefined {
  const parsed = parseUid(text ?? '');
  return parsed === text ? parsed : undefined;
}

function refusalProblem(reason: TokenFailure | 'missing'): HttpProblem {
  const code = `token-${reason}`;
  const detail = REFUSALS[reason];
  if (reason === 'other-study') return new HttpProblem(403, { code, detail });
  const challenge = `Bearer realm="objects"${reason === 'missing' ? '' : ', error="invalid_token"'}`;
  return new HttpProblem(401, { code, detail, headers: { 'WWW-Authenticate': challenge } });
}

function peerOf(c: Context<HttpEnv>): { peerAddress?: string } {
  const { peerAddress } = c.env;
  return peerAddress === undefined ? {} : { peerAddress };
}
