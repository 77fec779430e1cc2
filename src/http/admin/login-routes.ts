import { Hono } from 'hono';
import type { Context } from 'hono';
import { setCookie } from 'hono/cookie';

import type { Logger } from '../../core/ports/logger.ts';
import { SESSION_COOKIE, SESSION_LIFETIME_SECONDS } from '../admin-auth.ts';
import type { AdminAuth } from '../admin-auth.ts';
import { PAGE_HEADERS, renderLoginPage } from '../admin-page.ts';
import type { HttpEnv } from '../env.ts';
import { readBody } from '../read-body.ts';

const MAX_LOGIN_BYTES = 4096;
const LOGIN_TIMEOUT_MS = 10_000;

/** The login form's answer and the way out. */
export function createLoginRoutes({ auth, logger }: { auth: AdminAuth; logger: Logger }): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
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
  return app;
}

function setSession(c: Context<HttpEnv>, value: string, maxAge: number): void {
  const secure = new URL(c.req.url).protocol === 'https:';
  setCookie(c, SESSION_COOKIE, value, { httpOnly: true, sameSite: 'Strict', path: '/', maxAge, secure });
}
