import { html } from 'hono/html';

import type { ReportRecords } from '../../../core/ports/report-records.ts';
import type { IndexTotals } from '../../../core/ports/study-index.ts';
import { countOf } from '../../../core/summary/in-words.ts';
import type { StudyRecord } from '../../../core/study/study.ts';
import type { AdminOverview, ApiKeyView } from '../overview.ts';
import { attentionCard } from './attention-card.ts';
import { layout } from './layout.ts';
import { actionButton, ago, badge, nothing, number, studyPath, uid } from './parts.ts';
import { studyTable } from './study-table.ts';
import type { Html, View } from './view.ts';

export interface DeliveriesPage {
  readonly overview: AdminOverview;
  readonly totals: IndexTotals;
  readonly attention: readonly StudyRecord[];
  readonly pending: readonly StudyRecord[];
  readonly reports: Pick<ReportRecords, 'totals' | 'problems'>;
  readonly customers: readonly string[];
  /** Whether a study can be moved to another customer. */
  readonly canMove: boolean;
}

const REPORTS_SHOWN = 20;

/** Why is it not at Avara? What waits, what is stuck, how the line to Avara is. */
export function renderDeliveriesPage(view: View, page: DeliveriesPage): Html {
  const { overview, totals, attention, pending, customers, canMove } = page;
  const { pending: waiting, attention: stuck, created } = totals.deliveries;
  const options = { customers, canMove };
  return layout(
    view,
    '/deliveries',
    'Deliveries',
    html`<h1>Deliveries to Avara</h1>
      <p class="lead">
        ${countOf(created, 'study is', 'studies are')} at Avara, ${countOf(waiting, 'is', 'are')} on the way,
        ${countOf(stuck, 'needs', 'need')} attention.
      </p>
      <section aria-labelledby="attention">
        <div class="head">
          <h2 id="attention">Needs attention</h2>
          ${stuck > 1 ? actionButton(view, { name: 'retry-all', label: `Try all ${number(stuck)} again` }) : ''}
          ${stuck > attention.length ? html`<a href="/studies?delivery=attention">All of them</a>` : ''}
        </div>
        ${
          attention.length === 0
            ? nothing('Nothing.')
            : html`<ul class="cards">
                ${attention.map((study) => attentionCard(view, study, options))}
              </ul>`
        }
      </section>
      <section aria-labelledby="waiting">
        <div class="head">
          <h2 id="waiting">On the way</h2>
          ${waiting > 0 ? actionButton(view, { name: 'retry-all', label: 'Try now', of: 'everything that waits' }) : ''}
          ${waiting > pending.length ? html`<a href="/studies?delivery=pending">All ${number(waiting)}</a>` : ''}
        </div>
        ${pending.length === 0 ? nothing('Nothing waits.') : studyTable(view, 'On the way to Avara', pending)}
      </section>
      <section aria-labelledby="keys">
        <h2 id="keys">API keys</h2>
        <ul class="lines">
          ${overview.apiKeys().map((key) => apiKey(view, key))}
        </ul>
      </section>
      ${reportSection(view, page.reports)}`,
  );
}

function apiKey(
  { now }: View,
  { fingerprint, customers, state, reason, nextAttemptAt, unreachableSince }: ApiKeyView,
): Html {
  const standing =
    state === 'refused'
      ? badge('bad', 'refused by Avara')
      : unreachableSince !== undefined
        ? badge('warn', 'Avara does not answer')
        : state === 'open'
          ? badge('good', 'in order')
          : badge('warn', state);
  return html`<li data-key="${fingerprint}">
    <b>${customers.join(', ')}</b> ${standing}
    <span class="under"
      >key
      ${fingerprint}${unreachableSince === undefined ? '' : html` · since ${ago(unreachableSince, now)}`}${nextAttemptAt === undefined ? '' : html` · next try ${ago(nextAttemptAt, now)}`}</span
    >
    ${reason === undefined ? '' : html`<p class="reason">${reason}</p>`}
  </li>`;
}

function reportSection(view: View, reports: DeliveriesPage['reports']): Html {
  const { reports: held, outputs } = reports.totals();
  const problems = reports.problems(REPORTS_SHOWN);
  const waiting = held.pending + outputs.pending;
  return html`<section aria-labelledby="reports">
    <div class="head">
      <h2 id="reports">Reports</h2>
      ${problems.length + waiting > 0 ? actionButton(view, { name: 'retry-reports', label: 'Try all again', of: 'reports' }) : ''}
    </div>
    <p>
      ${countOf(held.stored, 'report')} here, ${number(waiting)} on their way,
      ${number(held.attention + outputs.attention)} need attention.
    </p>
    <ul class="cards">
      ${problems.map(
        ({ reportId, study, target, error }) =>
          html`<li class="card bad" data-key="${reportId}-${target ?? ''}">
            <p>
              Report
              ${uid(reportId)}${target === undefined ? '' : ` to ${target}`}${study === undefined ? '' : html` of <a href="${studyPath(study)}">its study</a>`}
            </p>
            <p class="reason">${error}</p>
          </li>`,
      )}
    </ul>
  </section>`;
}
