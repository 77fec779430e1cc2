import { html } from 'hono/html';

import { bytesOf, spanOf } from '../../../core/summary/in-words.ts';
import type { StudyKey } from '../../../core/study/instance.ts';
import type { Html, View } from './view.ts';

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'quiet';

/** Where the page of a study is. */
export function studyPath({ customer, studyInstanceUid }: StudyKey): string {
  return `/studies/${customer}/${studyInstanceUid}`;
}

/** A state in a word, told by colour and by shape. */
export function badge(tone: Tone, text: string): Html {
  return html`<span class="badge ${tone}">${text}</span>`;
}

/** `4 minutes ago`, the exact time on pointing at it; the script keeps it current. */
export function ago(at: number, now: number): Html {
  const text = at > now ? `in ${spanOf(at - now)}` : `${spanOf(now - at)} ago`;
  return html`<time datetime="${new Date(at).toISOString()}" data-ago title="${exact(at)}">${text}</time>`;
}

/** `14:02`, or `20 Nov 14:02` for another day; seconds where they matter. */
export function clockTime(at: number, now: number, withSeconds = false): Html {
  const time = new Date(at);
  const isToday = time.toDateString() === new Date(now).toDateString();
  const clock = time.toLocaleTimeString('en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    ...(withSeconds && { second: '2-digit' }),
  });
  return html`<time datetime="${time.toISOString()}" title="${exact(at)}"
    >${isToday ? clock : `${day(at)} ${clock}`}</time
  >`;
}

/** `20 Nov`, with the year where it is another. */
export function day(at: number): string {
  const time = new Date(at);
  const isThisYear = time.getFullYear() === new Date().getFullYear();
  return time.toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    ...(!isThisYear && { year: 'numeric' }),
  });
}

function exact(at: number): string {
  return new Date(at).toLocaleString('en-GB', { dateStyle: 'full', timeStyle: 'long' });
}

export function bytes(count: number): string {
  return bytesOf(count);
}

export function number(count: number): string {
  return count.toLocaleString('en');
}

/** A long UID that may break anywhere and is copied with one click. */
export function uid(text: string): Html {
  return html`<code class="uid" data-copy>${text}</code>`;
}

export interface Action {
  /** The last part of its path, below `/do/`. */
  readonly name: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly label: string;
  /** Tells apart buttons of the same label, for those who cannot see where they stand. */
  readonly of?: string;
  readonly kind?: 'primary' | 'plain' | 'danger';
}

/** A button that does something: a form of its own, so that it works without the script. */
export function actionButton(view: View, { name, fields = {}, label, of, kind = 'plain' }: Action): Html {
  return html`<form method="post" action="/do/${name}" class="action">
    ${formFields(view, fields)}<button
      class="${kind}"
      ${of === undefined ? '' : html`aria-label="${label}: ${of}"`}
    >
      ${label}
    </button>
  </form>`;
}

/** What every form sends along. */
export function formFields(view: View, fields: Readonly<Record<string, string>>): Html {
  return html`<input type="hidden" name="form-token" value="${view.formToken}" /><input
      type="hidden"
      name="return"
      value="${view.here}"
    />${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}`;
}

/** Actions of a study, by its key. */
export function studyFields({ customer, studyInstanceUid }: StudyKey): Readonly<Record<string, string>> {
  return { customer, study: studyInstanceUid };
}

/** What stands in place of a list that is empty. */
export function nothing(text: string): Html {
  return html`<p class="nothing">${text}</p>`;
}

export interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
  /** Hidden from sight, where the content speaks for itself. */
  readonly isSilent?: boolean;
}

/** A table that turns into cards on narrow screens: each cell carries the title of its column. */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly { readonly key: string; readonly cells: readonly (Html | string)[]; readonly tone?: Tone }[],
): Html {
  return html`<table>
    <caption class="unseen">
      ${caption}
    </caption>
    <thead>
      <tr>
        ${columns.map(
          ({ title, isNumber, isSilent }) =>
            html`<th scope="col" class="${isNumber ? 'number' : ''}">
              ${isSilent ? html`<span class="unseen">${title}</span>` : title}
            </th>`,
        )}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        ({ key, cells, tone }) =>
          html`<tr data-key="${key}" class="${tone === undefined ? '' : `row-${tone}`}">
            ${cells.map(
              (cell, at) =>
                html`<td
                  class="${columns[at]?.isNumber ? 'number' : ''}"
                  data-title="${columns[at]?.isSilent ? '' : (columns[at]?.title ?? '')}"
                >
                  <div>${cell}</div>
                </td>`,
            )}
          </tr>`,
      )}
    </tbody>
  </table>`;
}

/** How full something is, as a bar; attributes only, since the page allows no inline style. */
export function bar(share: number, tone: Tone, label: string): Html {
  const width = Math.max(0, Math.min(100, share * 100)).toFixed(1);
  return html`<svg
    class="bar ${tone}"
    viewBox="0 0 100 4"
    preserveAspectRatio="none"
    role="img"
    aria-label="${label}"
  >
    <rect class="bar-back" width="100" height="4" />
    <rect class="bar-fill" width="${width}" height="4" />
  </svg>`;
}
