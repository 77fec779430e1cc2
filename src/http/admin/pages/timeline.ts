import { html } from 'hono/html';

import type { StoredReport } from '../../../core/ports/report-records.ts';
import type { StudyEvent } from '../../../core/ports/study-events.ts';
import { countOf } from '../../../core/summary/in-words.ts';
import type { StudyRecord } from '../../../core/study/study.ts';
import { clockTime, nothing, type Tone } from './parts.ts';
import { senderOf } from './study-table.ts';
import type { Html, View } from './view.ts';

/** One line of a timeline. */
export interface TimelineEntry {
  readonly at: number;
  /** Where it went on for a while. */
  readonly until?: number;
  readonly tone: Tone;
  readonly text: string;
  readonly detail?: string;
}

type Teller = (event: StudyEvent) => {
  readonly tone: Tone;
  readonly text: string;
  readonly detail?: string | undefined;
};

const product = (actor: string): string => (actor === 'autoScribe' ? 'AutoScribe' : 'the viewer');
const by = ({ actor, peerAddress }: StudyEvent): string =>
  [actor === '' ? '' : `by ${actor}`, peerAddress === undefined ? '' : `from ${peerAddress}`]
    .filter((part) => part !== '')
    .join(' ');

/** Events in words. What is not listed is told by its name, so that nothing is left out. */
const TELLERS: Readonly<Record<string, Teller>> = {
  'study.received': ({ actor, count, peerAddress }) => ({
    tone: 'info',
    text: `${countOf(count, 'image')} received from ${actor}`,
    detail: peerAddress,
  }),
  'study.stable': ({ detail }) => ({
    tone: 'info',
    text: `Complete${detail === undefined ? '' : ` with ${countOf(Number(detail), 'image')}`}: nothing new came`,
  }),
  'study.late_images': () => ({ tone: 'info', text: 'Late images: being received again' }),
  'delivery.created': ({ actor, detail }) => ({
    tone: 'good',
    text: `Created at Avara for ${product(actor)}`,
    detail,
  }),
  'delivery.updated': ({ actor }) => ({
    tone: 'good',
    text: `Brought up to date at Avara for ${product(actor)}`,
  }),
  'delivery.cancelled': ({ actor }) => ({ tone: 'quiet', text: `Cancelled at Avara for ${product(actor)}` }),
  'delivery.uncancelled': ({ actor }) => ({
    tone: 'good',
    text: `Taken up again at Avara for ${product(actor)}`,
  }),
  'delivery.postponed': ({ actor, count, detail }) => ({
    tone: 'warn',
    text: `Not yet at Avara for ${product(actor)}: ${countOf(count, 'attempt')} in vain, will be tried again`,
    detail,
  }),
  'delivery.attention': ({ actor, detail }) => ({
    tone: 'bad',
    text: `Needs attention for ${product(actor)}`,
    detail,
  }),
  'study.access_granted': ({ count }) => ({
    tone: 'good',
    text: `Viewed at Avara${count > 1 ? `, ${count} times` : ''}`,
  }),
  'study.access_refused': ({ detail }) => ({ tone: 'warn', text: 'Avara was refused the images', detail }),
  'study.opened': (event) => ({ tone: 'good', text: 'Opened with a link', detail: by(event) }),
  'object.served': (event) => ({
    tone: 'info',
    text: `${countOf(event.count, 'image')} handed out`,
    detail: by(event),
  }),
  'capture.uploaded': () => ({ tone: 'info', text: 'A capture came back from the viewer' }),
  'admin.action': ({ actor, detail }) => ({
    tone: 'quiet',
    text: `Here, on this page or by command: ${detail ?? ''}`,
    detail: actor,
  }),
};

/** The life of a study, newest first: what was taken down, and what its record tells where nothing was. */
export function timelineOf(
  study: StudyRecord,
  events: readonly StudyEvent[],
  reports: readonly StoredReport[],
): readonly TimelineEntry[] {
  const entries = events.map((event): TimelineEntry => {
    const told = TELLERS[event.event]?.(event) ?? {
      tone: 'quiet' as const,
      text: `${event.event}${event.count > 1 ? `, ${event.count} times` : ''}`,
      detail: event.detail ?? by(event),
    };
    const { detail, ...rest } = told;
    return {
      at: event.firstAt,
      ...(event.lastAt - event.firstAt > 1000 && { until: event.lastAt }),
      ...rest,
      ...(detail !== undefined && detail !== '' && { detail }),
    };
  });
  const isTaken = (name: string): boolean => events.some(({ event }) => event === name);
  // Of a study that came before there were timelines.
  if (!isTaken('study.received'))
    entries.push({
      at: study.firstReceivedAt,
      ...(study.lastReceivedAt > study.firstReceivedAt && { until: study.lastReceivedAt }),
      tone: 'info',
      text: `${countOf(study.instances, 'image')} received from ${senderOf(study)}`,
    });
  for (const { receivedAt, version, isCritical } of reports)
    entries.push({
      at: receivedAt,
      tone: 'good',
      text: `Report delivered${version > 1 ? `, version ${version}` : ''}${isCritical ? ', critical' : ''}`,
    });
  return entries.sort((a, b) => (b.until ?? b.at) - (a.until ?? a.at) || b.at - a.at);
}

export function timeline({ now }: View, entries: readonly TimelineEntry[]): Html {
  if (entries.length === 0) return nothing('Nothing is known of its past.');
  return html`<ol class="timeline">
    ${entries.map(
      ({ at, until, tone, text, detail }) =>
        html`<li class="${tone}" data-key="${text}-${at}">
          <span class="when"
            >${clockTime(at, now, true)}${until === undefined ? '' : html` – ${clockTime(until, now, true)}`}</span
          >
          <span class="what"
            >${text}${detail === undefined ? '' : html`<span class="under">${detail}</span>`}</span
          >
        </li>`,
    )}
  </ol>`;
}
