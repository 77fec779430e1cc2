import { html } from 'hono/html';

import type { AuditLine } from '../overview.ts';
import { layout } from './layout.ts';
import { clockTime, nothing, table } from './parts.ts';
import type { Html, View } from './view.ts';

/** The end of the audit trail: who was handed what, who did what here. */
export function renderAuditPage(view: View, lines: readonly AuditLine[]): Html {
  return layout(
    view,
    '/audit',
    'Audit',
    html`<h1>Audit trail</h1>
      <p class="hint">
        The latest ${lines.length} entries. All of them are in the files <code>audit/audit-….jsonl</code> of
        the data folder.
      </p>
      ${
        lines.length === 0
          ? nothing('Nothing was handed out, and nothing done, so far.')
          : table(
              'Audit trail, latest first',
              [
                { title: 'When' },
                { title: 'What' },
                { title: 'Who' },
                { title: 'Study' },
                { title: 'No.', isNumber: true },
              ],
              lines.map((line) => ({
                key: String(line.seq),
                cells: [
                  clockTime(Date.parse(line.at), view.now, true),
                  html`<b>${line.event}</b
                    >${line.detail === undefined ? '' : html`<span class="under">${line.detail}</span>`}`,
                  html`${line.actor ?? '–'}<span class="under">${line.peerAddress ?? ''}</span>`,
                  line.studyInstanceUid === undefined
                    ? '–'
                    : line.customer === undefined
                      ? html`<span class="uid">${line.studyInstanceUid}</span>`
                      : html`<a class="uid" href="/studies/${line.customer}/${line.studyInstanceUid}"
                            >${line.studyInstanceUid}</a
                          ><span class="under">${line.customer}</span>`,
                  String(line.seq),
                ],
              })),
            )
      }`,
  );
}
