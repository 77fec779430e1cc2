import { html } from 'hono/html';

import { countOf } from '../../../core/summary/in-words.ts';
import type { SenderStanding } from '../overview.ts';
import { ago, badge } from './parts.ts';
import type { Html, View } from './view.ts';

/** The name that people know a sender by. */
export function senderName({
  callingAeTitle,
  source,
}: Pick<SenderStanding, 'callingAeTitle' | 'source'>): string {
  const ways = { dimse: 'C-STORE', folder: 'Watched folder', stow: 'STOW-RS', import: 'Import' } as const;
  return callingAeTitle === '' ? ways[source] : callingAeTitle;
}

/** What the habit of a sender says, as a badge; nothing where all is as usual. */
export function habitBadge({ verdict }: Pick<SenderStanding, 'verdict'>): Html {
  if (verdict.kind === 'silent') return badge('warn', 'silent');
  if (verdict.kind === 'gone') return badge('quiet', 'out of use');
  return html``;
}

/** Why a sender counts as silent, in words. */
export function silenceText({ verdict }: Pick<SenderStanding, 'verdict'>): string | undefined {
  if (verdict.kind !== 'silent') return undefined;
  const hours = Math.max(1, Math.round(verdict.missedHours));
  return `nothing in ${countOf(hours, 'hour')} in which it usually sends`;
}

/** A sender in a line: who, and when it last sent. */
export function senderLine({ now }: View, sender: SenderStanding): Html {
  return html`<li data-key="${sender.id}">
    <b>${senderName(sender)}</b> ${habitBadge(sender)}
    <span class="under">${sender.customer} · ${ago(sender.lastAt, now)}</span>
  </li>`;
}
