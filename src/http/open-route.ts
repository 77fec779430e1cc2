import { Hono } from 'hono';
import type { Context } from 'hono';
import type { AuditTrail } from '../core/ports/audit-trail.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { OpenOutcome, StudyOpener } from '../core/ports/study-opener.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import { parseCustomerKey } from '../core/study/instance.ts';
import type { StudyKey } from '../core/study/instance.ts';
import { parseUid } from '../dicom/uid.ts';
import { bearerOf, findAccessToken } from './access-tokens.ts';
import type { AccessToken } from './access-tokens.ts';
import type { HttpEnv } from './env.ts';
import { HttpProblem } from './errors.ts';
import { createRefusalAudit } from './refusal-audit.ts';
import { badParameter, readOne, readProduct } from './study-list.ts';
import { studyRemoved } from './study-removed.ts';

export interface OpenRouteOptions {
  readonly index: Pick<StudyIndex, 'findStudiesByUid' | 'findRemovals'>;
  readonly opener: StudyOpener;
  /** As configured now; only those that may read open anything. */
  readonly tokens: () => readonly AccessToken[];
  readonly audit: AuditTrail;
  readonly clock: Clock;
}

/** What leads nowhere else: the address holds a token, and the answer one to somebody's images. */
const HEADERS = { 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' };

/**
 * `GET /:study`: sends the browser on to Avara's viewer, for links in a PACS or RIS. The bearer token comes in the
 * Authorization header or, for links that can only be addresses, as `access_token` (RFC 6750 2.3).
 */
export function createOpenRoute(options: OpenRouteOptions): Hono<HttpEnv> {
  const { index, opener, tokens, audit, clock } = options;
  const refusals = createRefusalAudit({ audit, clock });
  const app = new Hono<HttpEnv>();

  app.get('/:study', async (c) => {
    const peer = c.env.peerAddress === undefined ? {} : { peerAddress: c.env.peerAddress };
    const parameters = new URL(c.req.url).searchParams;
    const holder = holderOf(c, parameters, tokens());
    if (holder === undefined) {
      refusals.record({ event: 'open.refused', detail: 'token', ...peer });
      throw new HttpProblem(401, {
        code: 'token-invalid',
        detail: 'This needs a bearer token of access.tokens.',
        headers: { 'WWW-Authenticate': 'Bearer realm="open"', ...HEADERS },
      });
    }
    const uid = parseUid(c.req.param('study'));
    const product = readProduct(parameters);
    const userId = readOne(parameters, 'user');
    if (userId !== undefined && !/^usr_[0-9a-fA-F]{32}$/.test(userId))
      throw badParameter('user', 'must be usr_ and 32 hexadecimal digits');
    const only = parseCustomerKey(readOne(parameters, 'customer') ?? '');
    const isOpen = ({ key }: { readonly key: StudyKey }): boolean =>
      holder.customers.includes(key.customer) && (only === undefined || key.customer === only);
    // A study that was moved is listed here without images until Avara has cancelled it: it is not this customer's.
    const found = (uid === undefined ? [] : index.findStudiesByUid(uid)).filter(
      (study) => study.instances > 0 && isOpen(study),
    );
    const [study, second] = found;
    const removal =
      study !== undefined || uid === undefined ? undefined : index.findRemovals(uid).find(isOpen);
    if (removal !== undefined) throw studyRemoved(removal);
    if (study === undefined)
      throw new HttpProblem(404, { code: 'study-not-found', detail: 'There is no such study.' });
    if (second !== undefined)
      throw new HttpProblem(409, {
        code: 'several-customers',
        detail: 'Several customers have this study. Add ?customer= with the key of one.',
      });
    const outcome = await opener.open({ study: study.key, product, userId });
    const { kind: detail } = outcome;
    audit.record({ event: 'study.opened', actor: holder.name, ...study.key, detail, ...peer });
    if (outcome.kind !== 'url') throw problemOf(outcome);
    return new Response(null, { status: 302, headers: { ...HEADERS, Location: outcome.url } });
  });
  return app;
}

/** An outcome without a URL, as HTTP tells it. */
export function problemOf(outcome: Exclude<OpenOutcome, { kind: 'url' }>): HttpProblem {
  const detail = outcome.reason;
  switch (outcome.kind) {
    case 'not-there':
      return new HttpProblem(409, { code: 'not-at-avara', detail });
    case 'no-user':
      return new HttpProblem(400, { code: 'user-missing', detail });
    case 'failed':
      return new HttpProblem(502, { code: 'avara-failed', detail });
  }
}

function holderOf(
  c: Context<HttpEnv>,
  parameters: URLSearchParams,
  tokens: readonly AccessToken[],
): AccessToken | undefined {
  const given = bearerOf(c.req.header('authorization')) ?? readOne(parameters, 'access_token');
  return given === undefined
    ? undefined
    : findAccessToken(
        given,
        tokens.filter(({ mayRead }) => mayRead),
      );
}
