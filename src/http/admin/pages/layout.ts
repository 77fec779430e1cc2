import { html } from 'hono/html';

import { ASSETS } from '../assets.ts';
import { formFields } from './parts.ts';
import type { Html, View } from './view.ts';

const NAVIGATION = [
  { path: '/', title: 'Overview' },
  { path: '/studies', title: 'Studies' },
  { path: '/senders', title: 'Senders', count: 'senders' },
  { path: '/deliveries', title: 'Deliveries', count: 'attention' },
  { path: '/files', title: 'Files', count: 'files' },
  { path: '/associations', title: 'Associations' },
  { path: '/audit', title: 'Audit' },
] as const;
/** Without the script the page comes anew by itself. */
const REFRESH_SECONDS = 30;

/** A page with its navigation. @param section path of the entry that it belongs to. */
export function layout(view: View, section: string, title: string, body: Html): Html {
  return document(
    title,
    html`<a class="skip" href="#main">Skip to the content</a>
      <header class="top">
        <div class="inner">
          <a class="brand" href="/"
            ><img src="${ASSETS.icon.path}" alt="" width="22" height="22" />avara-ingest</a
          >
          <nav aria-label="Sections">
            ${NAVIGATION.map((entry) => {
              const count = 'count' in entry ? view.counts[entry.count] : 0;
              return html`<a href="${entry.path}" ${entry.path === section ? html`aria-current="page"` : ''}
                >${entry.title}${count > 0 ? html` <span class="count" aria-label="${count} to look at">${count}</span>` : ''}</a
              >`;
            })}
          </nav>
          <div class="tools">
            <span class="live" data-live-state hidden>Live</span>
            <button
              class="icon"
              data-theme-toggle
              hidden
              type="button"
              aria-label="Light or dark"
              title="Light or dark"
            >
              ◐
            </button>
            ${
              view.hasLogin
                ? html`<form method="post" action="/logout" class="action" data-plain>
                    ${formFields(view, {})}<button class="plain">Log out</button>
                  </form>`
                : ''
            }
          </div>
        </div>
      </header>
      <main id="main" tabindex="-1">
        ${view.notice === undefined ? '' : html`<p class="notice" role="status" data-key="notice">${view.notice}</p>`}
        ${body}
      </main>
      <footer class="inner">
        avara-ingest ${view.version} · times are those of this machine (${timeZone()})
      </footer>`,
    true,
  );
}

/** A page without navigation. */
export function bareLayout(title: string, body: Html): Html {
  return document(title, html`<main id="main" class="bare">${body}</main>`, false);
}

function document(title: string, body: Html, isLive: boolean): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        ${isLive ? html`<noscript><meta http-equiv="refresh" content="${REFRESH_SECONDS}" /></noscript>` : ''}
        <title>${title} · avara-ingest</title>
        <link rel="icon" href="${ASSETS.icon.path}" type="image/svg+xml" />
        <link rel="stylesheet" href="${ASSETS.style.path}" />
        <script src="${ASSETS.script.path}"></script>
      </head>
      <body ${isLive ? html`data-events="/events"` : ''}>
        ${body}
      </body>
    </html>`;
}

function timeZone(): string {
  return Intl.DateTimeFormat('en').resolvedOptions().timeZone;
}
