import type { Context, MiddlewareHandler } from 'hono';

import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import { parseCustomerKey } from '../../core/study/instance.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { AdminEnv } from './admin-env.ts';

/** Requests that change something, with the paths that take themselves down. */
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];
const OWN_ENTRIES = ['/login', '/logout'];

/**
 * Takes down every request that changes something: who, from where, what, and how it was answered. By the path alone, so
 * that no route can be forgotten; the query may hold names of files and is left out.
 */
export function createActionAudit(audit: AuditTrail): MiddlewareHandler<AdminEnv> {
  return async (c, next) => {
    await next();
    const { path, method } = c.req;
    if (SAFE_METHODS.includes(method) || OWN_ENTRIES.includes(path) || path.startsWith('/do/')) return;
    const [, customer = '', study = '', verb = ''] =
      /^\/api\/studies\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    const what = verb === '' ? path.replace(/^\/api\//, '') : verb;
    recordAction(audit, c, { what, customer, study, status: c.res.status });
  };
}

/** Takes down one action of the status page or the API. */
export function recordAction(
  audit: AuditTrail,
  c: Context<AdminEnv>,
  action: {
    readonly what: string;
    readonly customer?: string;
    readonly study?: string;
    readonly status?: number;
  },
): void {
  const customer = parseCustomerKey(action.customer ?? '');
  const studyInstanceUid = parseUid(action.study ?? '');
  const { peerAddress } = c.env;
  audit.record({
    event: 'admin.action',
    actor: c.get('actor') ?? 'unknown',
    ...(customer !== undefined && { customer }),
    ...(studyInstanceUid !== undefined && { studyInstanceUid }),
    ...(peerAddress !== undefined && { peerAddress }),
    detail: action.what.slice(0, 100) + (action.status === undefined ? '' : ` (${action.status})`),
  });
}
