import { html } from 'hono/html';

import { spanOf } from '../../../core/summary/in-words.ts';
import { ASSETS } from '../assets.ts';
import { bareLayout } from './layout.ts';
import type { Html } from './view.ts';

export interface LoginPage {
  readonly failure?: 'wrong' | 'too-many';
  readonly retryAfterSeconds?: number;
  /** Path to go on to. */
  readonly goTo?: string;
}

/** Asks for the admin token. */
export function renderLoginPage({ failure, retryAfterSeconds = 0, goTo = '/' }: LoginPage = {}): Html {
  const text =
    failure === 'wrong'
      ? 'That is not the admin token.'
      : `Too many attempts. Try again in ${spanOf(retryAfterSeconds * 1000)}.`;
  return bareLayout(
    'Log in',
    html`<form method="post" action="/login" class="login" data-plain>
      <img src="${ASSETS.icon.path}" alt="" width="40" height="40" />
      <h1>avara-ingest</h1>
      ${failure === undefined ? '' : html`<p class="failure" role="alert">${text}</p>`}
      <input type="hidden" name="return" value="${goTo}" />
      <label for="token">Admin token</label>
      <input id="token" type="password" name="token" autocomplete="current-password" required autofocus />
      <button class="primary">Log in</button>
      <p class="hint">It is <code>admin.token</code> of the configuration.</p>
    </form>`,
  );
}
