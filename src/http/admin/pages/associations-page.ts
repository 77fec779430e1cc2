import { html } from 'hono/html';

import type {
  AssociationOutcome,
  AssociationPage,
  AssociationQuery,
} from '../../../core/ports/association-history.ts';
import { ASSOCIATION_OUTCOMES } from '../../../core/ports/association-history.ts';
import { countOf, spanOf } from '../../../core/summary/in-words.ts';
import type { AdminOverview } from '../overview.ts';
import { layout } from './layout.ts';
import { ago, badge, bytes, clockTime, nothing, number, table, type Tone } from './parts.ts';
import type { Html, View } from './view.ts';

export interface AssociationsPage {
  readonly overview: AdminOverview;
  readonly query: AssociationQuery;
  readonly page: AssociationPage;
}

const TONES: Readonly<Record<AssociationOutcome, Tone>> = {
  released: 'good',
  rejected: 'warn',
  'aborted-by-peer': 'warn',
  'aborted-by-us': 'warn',
  'connection-lost': 'bad',
  'timed-out': 'bad',
};

/** Who connected when, and how it ended. */
export function renderAssociationsPage(view: View, { overview, query, page }: AssociationsPage): Html {
  const open = overview.openAssociations();
  return layout(
    view,
    '/associations',
    'Associations',
    html`<h1>Associations</h1>
      ${
        open.length === 0
          ? ''
          : html`<section aria-labelledby="open">
              <h2 id="open">Open now</h2>
              ${table(
                'Open Associations',
                [
                  { title: 'From' },
                  { title: 'To' },
                  { title: 'Customer' },
                  { title: 'Images', isNumber: true },
                  { title: 'Size', isNumber: true },
                  { title: 'Since' },
                ],
                open.map((one) => ({
                  key: one.id,
                  cells: [
                    html`<b>${one.callingAeTitle ?? '–'}</b><span class="under">${one.peerAddress}</span>`,
                    one.calledAeTitle ?? '–',
                    one.customer ?? '–',
                    number(one.objects),
                    bytes(one.bytes),
                    ago(one.startedAt, view.now),
                  ],
                })),
              )}
            </section>`
      }
      <section aria-labelledby="past">
        <h2 id="past">Past</h2>
        <form method="get" action="/associations" class="filters" role="search">
          <label
            ><span>Calling AE title</span
            ><input name="callingAe" value="${query.callingAeTitle ?? ''}" maxlength="16" autocomplete="off"
          /></label>
          <label
            ><span>Called AE title</span
            ><input name="calledAe" value="${query.calledAeTitle ?? ''}" maxlength="16" autocomplete="off"
          /></label>
          <label
            ><span>How it ended</span
            ><select name="outcome">
              <option value="">Any way</option>
              ${ASSOCIATION_OUTCOMES.map((outcome) => html`<option value="${outcome}" ${outcome === query.outcome ? 'selected' : ''}>${outcome.replaceAll('-', ' ')}</option>`)}
            </select></label
          >
          <button class="primary">Search</button>
        </form>
        ${page.associations.length === 0 ? nothing('None.') : pastTable(view, page)}
        ${pager(view, query, page.cursor)}
      </section>`,
  );
}

function pastTable(view: View, { associations }: AssociationPage): Html {
  return table(
    'Past Associations, latest first',
    [
      { title: 'When' },
      { title: 'From' },
      { title: 'To' },
      { title: 'Images', isNumber: true },
      { title: 'Size', isNumber: true },
      { title: 'How it ended' },
    ],
    associations.map((one) => ({
      key: one.id,
      cells: [
        html`${clockTime(one.startedAt, view.now, true)}<span class="under"
            >${spanOf(one.endedAt - one.startedAt)}</span
          >`,
        html`<b>${one.callingAeTitle ?? '–'}</b><span class="under">${one.peerAddress}</span>`,
        html`${one.calledAeTitle ?? '–'}<span class="under">${one.customer ?? ''}</span>`,
        html`${number(one.objects)}${one.refusedObjects > 0 ? html`<span class="under bad">${number(one.refusedObjects)} refused</span>` : ''}`,
        bytes(one.bytes),
        html`${badge(TONES[one.outcome], one.outcome.replaceAll('-', ' '))}${one.attempts > 1 ? html` <span class="under">${countOf(one.attempts, 'attempt')}</span>` : ''}${one.lastError === undefined ? '' : html`<span class="under">${one.lastError}</span>`}`,
      ],
    })),
  );
}

function pager({ here }: View, { cursor: at }: AssociationQuery, cursor: string | undefined): Html {
  const url = new URL(here, 'http://localhost');
  const first = new URLSearchParams(url.searchParams);
  first.delete('cursor');
  if (cursor !== undefined) url.searchParams.set('cursor', cursor);
  return html`<nav class="pager" aria-label="Pages">
    ${at === undefined ? '' : html`<a href="/associations?${first.toString()}">← Latest</a>`}
    ${cursor === undefined ? '' : html`<a href="${url.pathname}${url.search}" rel="next">Older →</a>`}
  </nav>`;
}
