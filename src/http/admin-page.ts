import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';
import type { IndexTotals } from '../core/ports/study-index.ts';
import type { StudyRecord } from '../core/study/study.ts';
import type { Readiness } from './admin-operations.ts';

/** What the status page shows. No patient data: the page may stand open on a screen in a reading room. */
export interface StatusPage {
  readonly now: number;
  readonly readiness: Readiness;
  readonly totals: IndexTotals;
  readonly attention: readonly StudyRecord[];
  readonly recent: readonly StudyRecord[];
  readonly hasLogin: boolean;
}

type Html = ReturnType<typeof html>;

const REFRESH_SECONDS = 30;
const STYLE = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); --bad: #c62828; --good: #2e7d32; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #81c784; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; } td.uid { font-family: ui-monospace, monospace; font-size: .85em; overflow-wrap: anywhere; }
dl { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; } dt { opacity: .7; } dd { margin: 0; font-size: 1.3rem; }
.bad { color: var(--bad); } .good { color: var(--good); } form { display: inline; } header { display: flex; justify-content: space-between; align-items: baseline; }
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** Headers of every page: nothing is loaded, run or framed; forms post to this listener only. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  // Not no-referrer: browsers would send `Origin: null` with the forms.
  'Referrer-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

export function renderStatusPage(page: StatusPage): Html {
  const { totals, readiness, attention, recent } = page;
  const { pending, created, attention: stuck } = totals.deliveries;
  return layout(
    html`<header>
        <h1>avara-ingest</h1>
        <span>
          ${new Date(page.now).toISOString().slice(0, 19).replace('T', ' ')} UTC
          ${page.hasLogin ? html`<form method="post" action="/logout"><button>Log out</button></form>` : ''}
        </span>
      </header>
      <dl>
        ${count('Studies', totals.studies)} ${count('Receiving', totals.receivingStudies)}
        ${count('Instances', totals.instances)} ${count('Stored', formatBytes(totals.bytes))}
        ${count('At Avara', created)} ${count('Waiting', pending)}
        ${count('Need attention', stuck, stuck > 0)}
        ${count('Conflicts', totals.conflicts, totals.conflicts > 0)}
      </dl>
      <h2>Parts</h2>
      <table>
        ${Object.entries(readiness).map(
          ([name, { ok, detail }]) =>
            html`<tr>
              <td>${name}</td>
              <td class="${ok ? 'good' : 'bad'}">${ok ? 'ready' : 'not ready'}</td>
              <td>${detail ?? ''}</td>
            </tr>`,
        )}
      </table>
      <h2>Needs attention</h2>
      ${attention.length === 0 ? html`<p>Nothing.</p>` : attentionTable(attention)}
      <h2>Recent studies</h2>
      ${recent.length === 0 ? html`<p>None yet.</p>` : recentTable(recent)}`,
    REFRESH_SECONDS,
  );
}

export function renderLoginPage(isWrong: boolean): Html {
  return layout(
    html`<h1>avara-ingest</h1>
      ${isWrong ? html`<p class="bad">That is not the admin token.</p>` : ''}
      <form method="post" action="/login">
        <label
          >Admin token <input type="password" name="token" autocomplete="current-password" required autofocus
        /></label>
        <button>Log in</button>
      </form>`,
  );
}

function layout(body: Html, refreshSeconds?: number): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        ${refreshSeconds === undefined ? '' : html`<meta http-equiv="refresh" content="${refreshSeconds}" />`}
        <title>avara-ingest</title>
        ${raw(`<style>${STYLE}</style>`)}
      </head>
      <body>
        ${body}
      </body>
    </html>`;
}

function attentionTable(studies: readonly StudyRecord[]): Html {
  return html`<table>
    <tr>
      <th>Customer</th>
      <th>Study</th>
      <th>Reason</th>
      <th></th>
    </tr>
    ${studies.map(
      (study) =>
        html`<tr>
          <td>${study.key.customer}</td>
          <td class="uid">${study.key.studyInstanceUid}</td>
          <td>
            ${study.deliveries
              .filter(({ state }) => state === 'attention')
              .map(({ product, lastError }) => html`<div>${product}: ${lastError ?? 'unknown'}</div>`)}
          </td>
          <td>${actionForm(study, 'retry', 'Try again')}</td>
        </tr>`,
    )}
  </table>`;
}

function recentTable(studies: readonly StudyRecord[]): Html {
  return html`<table>
    <tr>
      <th>Customer</th>
      <th>Study</th>
      <th>State</th>
      <th class="number">Instances</th>
      <th class="number">Size</th>
      <th>Last received (UTC)</th>
      <th>Avara</th>
      <th></th>
    </tr>
    ${studies.map(
      (study) =>
        html`<tr>
          <td>${study.key.customer}</td>
          <td class="uid">${study.key.studyInstanceUid}</td>
          <td>${study.state}</td>
          <td class="number">${study.instances}</td>
          <td class="number">${formatBytes(study.bytes)}</td>
          <td>${new Date(study.lastReceivedAt).toISOString().slice(0, 19).replace('T', ' ')}</td>
          <td>
            ${study.deliveries.map(
              ({ product, state }) =>
                html`<div class="${state === 'attention' ? 'bad' : ''}">${product}: ${state}</div>`,
            )}
          </td>
          <td>${study.state === 'receiving' ? actionForm(study, 'complete', 'Complete now') : ''}</td>
        </tr>`,
    )}
  </table>`;
}

function actionForm({ key }: StudyRecord, action: 'complete' | 'retry', label: string): Html {
  return html`<form method="post" action="/api/studies/${key.customer}/${key.studyInstanceUid}/${action}">
    <button>${label}</button>
  </form>`;
}

function count(label: string, value: number | string, isBad = false): Html {
  return html`<div>
    <dt>${label}</dt>
    <dd class="${isBad ? 'bad' : ''}">${typeof value === 'number' ? value.toLocaleString('en') : value}</dd>
  </div>`;
}

function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ''}`;
}
