import { html } from 'hono/html';

import { countOf } from '../../../core/summary/in-words.ts';
import type { RouteSuggestion } from '../../../core/routing/suggest-routes.ts';
import { sopClassName } from '../../../dicom/sop-class.ts';
import { transferSyntax } from '../../../dicom/transfer-syntax.ts';
import type { RefusedStanding } from '../overview.ts';
import { actionButton, ago, badge } from './parts.ts';
import type { Html, View } from './view.ts';

/** Senders that were turned away: who, why, what they proposed, and what would let them in. */
export function refusedCards(view: View, refused: readonly RefusedStanding[]): Html {
  return html`<ul class="cards">
    ${refused.map((sender) => refusedCard(view, sender))}
  </ul>`;
}

function refusedCard(view: View, sender: RefusedStanding): Html {
  const { id, callingAeTitle, calledAeTitle, peerAddress, explanation, attempts, lastAt, admittedTo } =
    sender;
  const name = callingAeTitle === '' ? 'without a name' : callingAeTitle;
  return html`<li class="card ${admittedTo === undefined ? 'warn' : 'good'}" data-key="refused-${id}">
    <p>
      <b>${name}</b> (${peerAddress}) calling <b>${calledAeTitle === '' ? 'nobody' : calledAeTitle}</b>,
      ${countOf(attempts, 'attempt')}, last ${ago(lastAt, view.now)}
      ${admittedTo === undefined ? '' : badge('good', `would be admitted now, to ${admittedTo}`)}
    </p>
    <p class="reason">${explanation}</p>
    ${admittedTo === undefined ? suggestions(sender) : html`<p class="hint">It has not tried since.</p>`}
    ${proposal(sender)}
    <div class="actions">
      ${actionButton(view, { name: 'forget-refused', fields: { id: String(id) }, label: 'Forget', of: name })}
    </div>
  </li>`;
}

function suggestions({ suggestions: all }: RefusedStanding): Html {
  const [first, ...others] = all;
  if (first === undefined) return html`<p class="hint">No route would change that.</p>`;
  return html`${suggestion(first)}${
    others.length === 0
      ? ''
      : html`<details>
          <summary>${countOf(others.length, 'other way', 'other ways')} to let it in</summary>
          ${others.map(suggestion)}
        </details>`
  }`;
}

/** The exact entry, ready to be copied. */
function suggestion({ kind, route, entry, customer }: RouteSuggestion): Html {
  const what =
    kind === 'replace'
      ? html`To let it send to <b>${customer}</b>, replace <code>routes[${route ?? 0}]</code> with`
      : html`To let it send to <b>${customer}</b>, add to <code>routes</code>`;
  return html`<div class="suggestion">
    <p>${what}</p>
    <pre tabindex="0"><code data-copy data-suggestion="${customer}">${JSON.stringify(entry)}</code></pre>
  </div>`;
}

function proposal({ proposal: proposed, reason }: RefusedStanding): Html {
  const {
    implementationVersionName,
    implementationClassUid,
    maxPduLengthBytes,
    certificateSubject,
    contexts,
  } = proposed;
  const fact = (name: string, value: string | undefined): Html =>
    value === undefined
      ? html``
      : html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`;
  return html`<details>
    <summary>
      What it proposed (${countOf(contexts.length + proposed.contextsLeftOut, 'Presentation Context')})
    </summary>
    <dl class="facts">
      ${fact('Rejected with', reason)} ${fact('Implementation', implementationVersionName)}
      ${fact('Implementation Class UID', implementationClassUid)}
      ${fact('Longest PDU', maxPduLengthBytes === undefined ? undefined : maxPduLengthBytes === 0 ? 'no limit' : `${maxPduLengthBytes.toLocaleString('en')} bytes`)}
      ${fact('TLS certificate', certificateSubject)}
    </dl>
    <ul class="contexts">
      ${contexts.map(
        ({ abstractSyntaxUid, transferSyntaxUids }) =>
          html`<li>
            ${sopClassName(abstractSyntaxUid) ?? abstractSyntaxUid}
            <span class="under"
              >${transferSyntaxUids.map((uid) => transferSyntax(uid)?.name ?? uid).join(' · ')}</span
            >
          </li>`,
      )}
      ${proposed.contextsLeftOut > 0 ? html`<li class="hint">and ${proposed.contextsLeftOut} more</li>` : ''}
    </ul>
  </details>`;
}
