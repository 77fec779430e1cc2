import { html } from 'hono/html';

import { countOf } from '../../../core/summary/in-words.ts';
import type { AdminOverview, CustomerView, SenderStanding } from '../overview.ts';
import { hourChart } from './hour-chart.ts';
import { layout } from './layout.ts';
import { ago, badge, bytes, nothing, number, table } from './parts.ts';
import { refusedCards } from './refused-cards.ts';
import { habitBadge, senderName, silenceText } from './sender-line.ts';
import type { Html, View } from './view.ts';

/** Who sends what, who has fallen silent, who was turned away and how to let them in. */
export function renderSendersPage(view: View, overview: AdminOverview): Html {
  const senders = overview.senders();
  const refused = overview.refused();
  const silent = senders.filter(({ verdict }) => verdict.kind === 'silent');
  const rest = senders.filter(({ verdict }) => verdict.kind !== 'silent');
  return layout(
    view,
    '/senders',
    'Senders',
    html`<h1>Senders</h1>
      ${
        silent.length === 0
          ? ''
          : html`<section aria-labelledby="silent">
              <h2 id="silent">Silent for longer than usual</h2>
              ${senderTable(view, overview, 'Silent senders', silent)}
            </section>`
      }
      ${
        refused.length === 0
          ? ''
          : html`<section aria-labelledby="refused">
              <h2 id="refused">Turned away</h2>
              <p class="hint">
                To let one in, put the entry into <code>routes</code> of the configuration file and have the
                daemon read it: <code>systemctl reload avara-ingest</code>, or <code>kill -HUP</code> its
                process.
              </p>
              ${refusedCards(view, refused)}
            </section>`
      }
      <section aria-labelledby="all">
        <h2 id="all">${silent.length === 0 ? 'Who sends what' : 'All others'}</h2>
        ${rest.length === 0 ? nothing('Nobody has sent anything yet.') : senderTable(view, overview, 'Senders', rest)}
      </section>
      <section aria-labelledby="customers">
        <h2 id="customers">Customers and routes</h2>
        ${overview.customers().map((customer) => customerBlock(customer))}
      </section>`,
  );
}

function senderTable(
  view: View,
  overview: AdminOverview,
  caption: string,
  senders: readonly SenderStanding[],
): Html {
  return table(
    caption,
    [
      { title: 'Sender' },
      { title: 'Sends to' },
      { title: 'Customer' },
      { title: 'Last 7 days' },
      { title: 'Images', isNumber: true },
      { title: 'Size', isNumber: true },
      { title: 'Last image' },
    ],
    senders.map((sender) => {
      const silence = silenceText(sender);
      return {
        key: String(sender.id),
        cells: [
          html`<b>${senderName(sender)}</b> ${habitBadge(sender)}<span class="under"
              >${sender.peerAddress}</span
            >${silence === undefined ? '' : html`<span class="under warn">${silence}</span>`}`,
          sender.calledAeTitle === '' ? '–' : sender.calledAeTitle,
          sender.customer,
          hourChart(view.now, overview.senderHours(sender.id)),
          number(sender.instances),
          bytes(sender.bytes),
          ago(sender.lastAt, view.now),
        ],
      };
    }),
  );
}

function customerBlock({ customer, config, state, reason, totals, routes, folders }: CustomerView): Html {
  const held =
    totals === undefined || totals.studies === 0
      ? 'nothing held'
      : `${countOf(totals.studies, 'study', 'studies')}, ${countOf(totals.instances, 'image')}, ${bytes(totals.bytes)}`;
  return html`<article class="card" data-key="${customer}">
    <h3>
      ${config?.facilityName ?? customer}
      ${standingBadge(config === undefined ? 'unconfigured' : state, reason)}
    </h3>
    <p class="hint">
      ${customer}${config === undefined ? '' : html` · ${config.expressCustomerId} · ${config.products.join(', ')}`}
      · ${held}
    </p>
    <ul class="routes">
      ${routes.map(({ index, rule }) => html`<li><code>routes[${index}]</code> <code>${JSON.stringify(rule)}</code></li>`)}
      ${folders.map((folder) => html`<li><code>folders</code> <code>${folder}</code></li>`)}
      ${routes.length + folders.length === 0 ? html`<li class="hint">No route and no folder leads to it.</li>` : ''}
    </ul>
  </article>`;
}

function standingBadge(state: string | undefined, reason: string | undefined): Html {
  switch (state) {
    case 'active':
      return badge('good', 'active at Avara');
    case 'inactive':
      return badge('bad', 'deactivated at Avara');
    case 'unknown':
      return badge('bad', 'unknown at Avara');
    case 'unconfigured':
      return badge('quiet', 'no longer configured');
    default:
      return html`<span title="${reason ?? ''}">${badge('quiet', 'not checked at Avara')}</span>`;
  }
}
