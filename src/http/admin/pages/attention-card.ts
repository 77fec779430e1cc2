import { html } from 'hono/html';

import type { StudyRecord } from '../../../core/study/study.ts';
import { productName } from './delivery-badges.ts';
import { actionButton, ago, formFields, studyFields, studyPath } from './parts.ts';
import { senderOf, studyLabel } from './study-table.ts';
import type { Html, View } from './view.ts';

export interface AttentionCardOptions {
  /** Keys of the customers that are configured. */
  readonly customers: readonly string[];
  /** Whether a study can be moved to another customer. */
  readonly canMove: boolean;
}

/** A study that somebody must see to: what it is, why, and what can be done, each with one click. */
export function attentionCard(view: View, study: StudyRecord, options: AttentionCardOptions): Html {
  const path = studyPath(study.key);
  const fields = studyFields(study.key);
  const of = `study ${study.key.studyInstanceUid}`;
  return html`<li class="card bad" data-key="${path}">
    <p>
      <a href="${path}"><b>${studyLabel(study)}</b></a> from ${senderOf(study)}, for ${study.key.customer},
      ${ago(study.lastReceivedAt, view.now)}
    </p>
    ${study.deliveries
      .filter(({ state }) => state === 'attention')
      .map(
        ({ product, lastError }) =>
          html`<p class="reason">${productName(product)}: ${lastError ?? 'no reason was given'}</p>`,
      )}
    <div class="actions">
      ${actionButton(view, { name: 'retry-study', fields, label: 'Try again', of, kind: 'primary' })}
      ${study.state === 'receiving' ? actionButton(view, { name: 'complete-study', fields, label: 'Complete now', of }) : ''}
      ${moveForm(view, study, options)}
    </div>
  </li>`;
}

/** Moves a study to the customer that it belongs to, where the daemon can do that. */
export function moveForm(view: View, study: StudyRecord, { customers, canMove }: AttentionCardOptions): Html {
  const others = customers.filter((customer) => customer !== study.key.customer);
  if (!canMove || others.length === 0) return html``;
  return html`<form method="post" action="/do/move-study" class="action">
    ${formFields(view, studyFields(study.key))}
    <label
      ><span class="unseen">Customer to move it to</span>
      <select name="to" required>
        <option value="">Move to…</option>
        ${others.map((customer) => html`<option>${customer}</option>`)}
      </select></label
    ><button class="plain">Move</button>
  </form>`;
}
