import { Hono } from 'hono';
import type { Context } from 'hono';
import { setCookie } from 'hono/cookie';

import type { AuditTrail } from '../../core/ports/audit-trail.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { SESSION_COOKIE, SESSION_LIFETIME_SECONDS } from '../admin-auth.ts';
import type { AdminAuth } from '../admin-auth.ts';
import { readBody } from '../read-body.ts';
import type { AdminEnv } from './admin-env.ts';
import { localPath } from './local-path.ts';
import { createLoginLimit } from './login-limit.ts';
import { PAGE_HEADERS } from './pages/page-headers.ts';
import { renderLoginPage } from './pages/login-page.ts';

const MAX_LOGIN_BYTES = 4096;
const LOGIN_TIMEOUT_MS = 10_000;

export interface LoginRoutesOptions {
  readonly auth: AdminAuth;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The login form's answer and the way out. */
export function createLoginRoutes({ auth, audit, clock, logger }: LoginRoutesOptions): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  const limit = createLoginLimit(clock);

  app.get('/login', (c) =>
    c.html(renderLoginPage({ goTo: localPath(c.req.query('return')) }), 200, PAGE_HEADERS),
  );
  app.post('/login', async (c) => {
    const { peerAddress = '' } = c.env;
    const peer = peerAddress === '' ? {} : { peerAddress };
    // Read first: between the look at the limit and the count of a failure, no other guess may come in.
    const body = await readBody(c.req.raw, { maxBytes: MAX_LOGIN_BYTES, timeoutMs: LOGIN_TIMEOUT_MS });
    const seconds = limit.retryAfterSeconds(peerAddress);
    if (seconds > 0) {
      const headers = { ...PAGE_HEADERS, 'Retry-After': String(seconds) };
      return c.html(renderLoginPage({ failure: 'too-many', retryAfterSeconds: seconds }), 429, headers);
    }
    const given = new URLSearchParams(body.toString('utf8'));
    if (!auth.isTokenRight((given.get('token') ?? '').trim())) {
      limit.failed(peerAddress);
      logger.warn({ peerAddress: c.env.peerAddress }, 'admin login refused');
      audit.record({ event: 'admin.login_refused', ...peer });
      const goTo = localPath(given.get('return'));
      return c.html(renderLoginPage({ failure: 'wrong', goTo }), 401, PAGE_HEADERS);
    }
    limit.succeeded(peerAddress);
    const session = auth.newSession();
    audit.record({ event: 'admin.logged_in', actor: `session:${session.split('.')[1] ?? ''}`, ...peer });
    setSession(c, session, SESSION_LIFETIME_SECONDS);
    return c.redirect(localPath(given.get('return')), 303);
  });
  app.post('/logout', (c) => {
    const { peerAddress } = c.env;
    audit.record({
      event: 'admin.logged_out',
      actor: c.get('actor') ?? 'unknown',
      ...(peerAddress !== undefined && { peerAddress }),
    });
    setSession(c, '', 0);
    return c.redirect('/', 303);
  });
  return app;
}

function setSession(c: Context<AdminEnv>, value: string, maxAge: number): void {
  const secure = new URL(c.req.url).protocol === 'https:';
  setCookie(c, SESSION_COOKIE, value, { httpOnly: true, sameSite: 'Strict', path: '/', maxAge, secure });
}
