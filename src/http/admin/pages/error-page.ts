import { html } from 'hono/html';

import { bareLayout } from './layout.ts';
import type { Html } from './view.ts';

/** What went wrong, for people. */
export function renderErrorPage({
  status,
  message,
}: {
  readonly status: number;
  readonly message: string;
}): Html {
  return bareLayout(
    `${status}`,
    html`<div class="login">
      <h1>That did not work</h1>
      <p>${message}</p>
      <p><a href="/">To the overview</a></p>
    </div>`,
  );
}
