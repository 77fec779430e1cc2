import { html } from 'hono/html';

import { countOf, spanOf } from '../../../core/summary/in-words.ts';
import type { Problem } from '../../../core/summary/summarize.ts';
import type { IndexTotals } from '../../../core/ports/study-index.ts';
import type { StudyRecord } from '../../../core/study/study.ts';
import type { Readiness } from '../../admin-operations.ts';
import type { AdminOverview, DiskView, SenderStanding } from '../overview.ts';
import { attentionCard } from './attention-card.ts';
import { layout } from './layout.ts';
import { actionButton, ago, badge, bar, bytes, day, nothing, number } from './parts.ts';
import { senderLine } from './sender-line.ts';
import { studyTable } from './study-table.ts';
import type { Html, View } from './view.ts';

export interface OverviewPage {
  readonly overview: AdminOverview;
  readonly totals: IndexTotals;
  readonly readiness: Readiness;
  readonly attention: readonly StudyRecord[];
  readonly recent: readonly StudyRecord[];
  readonly customers: readonly string[];
  /** Whether a study can be moved to another customer. */
  readonly canMove: boolean;
}

/** Where each kind of problem is dealt with. */
const PLACES: Readonly<Record<Problem['kind'], string>> = {
  starting: '#parts',
  'disk-full': '#disk',
  'disk-filling': '#disk',
  'key-refused': '/deliveries',
  'avara-unreachable': '/deliveries',
  'customer-unknown': '/senders#customers',
  damaged: '/files#damaged',
  attention: '#attention',
  reports: '/deliveries#reports',
  silent: '/senders',
  'site-silent': '/senders',
  'refused-senders': '/senders#refused',
  quarantine: '/files',
  folder: '/files#folders',
  'files-stuck': '/files#folders',
  certificate: '#parts',
};
const SENDERS_SHOWN = 8;

/** How is it, at a glance: one sentence, what goes on, what needs a hand, what came last. */
export function renderOverviewPage(view: View, page: OverviewPage): Html {
  const { overview, totals, attention, recent } = page;
  const { state, sentence, problems } = overview.summary();
  const [first, ...others] = problems;
  return layout(
    view,
    '/',
    'Overview',
    html`<section class="summary ${state}" aria-label="State">
        <h1>
          <span class="dot" aria-hidden="true"></span>
          <span
            >${first === undefined ? sentence : html`<a href="${PLACES[first.kind]}">${first.text}.</a>`}</span
          >
        </h1>
        ${
          others.length > 0
            ? html`<ul class="problems">
                ${others.map(
                  ({ kind, severity, text }) =>
                    html`<li class="${severity}" data-key="${kind}">
                      <a href="${PLACES[kind]}">${text}</a>
                    </li>`,
                )}
              </ul>`
            : ''
        }
      </section>
      ${figures(overview, totals)} ${attention.length === 0 ? '' : attentionSection(view, page)}
      <div class="columns">
        <section class="wide" aria-labelledby="recent">
          <div class="head">
            <h2 id="recent">Latest studies</h2>
            <a href="/studies">All studies</a>
          </div>
          ${recent.length === 0 ? nothing('No study has come in yet. Point a modality here, or run “avara-ingest demo”.') : studyTable(view, 'Latest studies', recent)}
        </section>
        <div class="side">
          ${openAssociations(view, overview)} ${diskSection(view, overview.disk())}
          ${senderSection(view, overview.senders())} ${partsSection(page.readiness)}
        </div>
      </div>`,
  );
}

function figures(overview: AdminOverview, totals: IndexTotals): Html {
  const { imagesPerSecond, bytesPerSecond } = overview.rate();
  const open = overview.openAssociations().length;
  const waiting = totals.deliveries.pending;
  const figure = (label: string, value: string, name: string, under: Html | string): Html =>
    html`<div class="figure" data-key="${name}">
      <dt>${label}</dt>
      <dd><b data-live="${name}">${value}</b><span data-live="${name}-under">${under}</span></dd>
    </div>`;
  return html`<dl class="figures">
    ${figure('Coming in', imagesPerSecond >= 10 ? number(Math.round(imagesPerSecond)) : String(Math.round(imagesPerSecond * 10) / 10), 'rate', `images a second, ${bytes(bytesPerSecond)}`)}
    ${figure('Open Associations', number(open), 'associations', totals.receivingStudies === 0 ? 'no study is being received' : `${countOf(totals.receivingStudies, 'study is', 'studies are')} being received`)}
    ${figure('On the way to Avara', number(waiting), 'waiting', waiting === 0 ? 'everything is there' : 'go by themselves')}
    ${figure('Held here', number(totals.studies), 'held', `studies, ${number(totals.instances)} images, ${bytes(totals.bytes)}`)}
  </dl>`;
}

function attentionSection(view: View, { attention, totals, customers, canMove }: OverviewPage): Html {
  const total = totals.deliveries.attention;
  return html`<section aria-labelledby="attention">
    <div class="head">
      <h2 id="attention">Needs attention</h2>
      ${total > 1 ? actionButton(view, { name: 'retry-all', label: `Try all ${number(total)} again` }) : ''}
      ${total > attention.length ? html`<a href="/studies?delivery=attention">All of them</a>` : ''}
    </div>
    <ul class="cards">
      ${attention.map((study) => attentionCard(view, study, { customers, canMove }))}
    </ul>
  </section>`;
}

function openAssociations({ now }: View, overview: AdminOverview): Html {
  const open = overview.openAssociations();
  if (open.length === 0) return html``;
  return html`<section aria-labelledby="open">
    <h2 id="open">Receiving now</h2>
    <ul class="lines">
      ${open.slice(0, 12).map(
        (association) =>
          html`<li data-key="${association.id}">
            <b>${association.callingAeTitle ?? association.peerAddress}</b> → ${association.customer ?? '…'}
            <span class="under"
              >${countOf(association.objects, 'image')}, ${bytes(association.bytes)}, since
              ${ago(association.startedAt, now)}</span
            >
          </li>`,
      )}
    </ul>
    ${open.length > 12 ? html`<p class="hint">and ${open.length - 12} more</p>` : ''}
  </section>`;
}

/** How full the disk is, and until when it lasts. */
function diskSection(
  { now }: View,
  { freeBytes, totalBytes, reserveBytes, isBelowReserve, forecast }: DiskView,
): Html {
  const used = totalBytes === 0 ? 0 : (totalBytes - freeBytes) / totalBytes;
  const tone = isBelowReserve ? 'bad' : used > 0.9 ? 'warn' : 'good';
  const outlook =
    forecast.kind === 'filling'
      ? html`Full in about <b>${spanOf(forecast.fullAt - now)}</b> (${day(forecast.fullAt)}), at
          ${bytes(forecast.bytesPerDay)} a day over the last ${countOf(forecast.days, 'day')}.`
      : forecast.kind === 'steady'
        ? html`Not filling up:
          ${forecast.bytesPerDay <= 0 ? 'as much is freed as comes in' : `${bytes(forecast.bytesPerDay)} a day`},
          over the last ${countOf(forecast.days, 'day')}.`
        : html`When it will be full can be told after two days.`;
  return html`<section aria-labelledby="disk">
    <h2 id="disk">Disk</h2>
    ${bar(used, tone, `${Math.round(used * 100)} percent used`)}
    <p>
      <b>${bytes(freeBytes)}</b> free of
      ${bytes(totalBytes)}${isBelowReserve ? html` ${badge('bad', 'full')}` : ''}
    </p>
    <p class="hint">${outlook}${reserveBytes > 0 ? ` The last ${bytes(reserveBytes)} are kept free.` : ''}</p>
  </section>`;
}

function senderSection(view: View, senders: readonly SenderStanding[]): Html {
  const shown = [...senders]
    .filter(({ verdict }) => verdict.kind !== 'gone')
    .sort((a, b) => Number(b.verdict.kind === 'silent') - Number(a.verdict.kind === 'silent'))
    .slice(0, SENDERS_SHOWN);
  if (shown.length === 0) return html``;
  return html`<section aria-labelledby="senders">
    <div class="head">
      <h2 id="senders">Senders</h2>
      <a href="/senders">All</a>
    </div>
    <ul class="lines">
      ${shown.map((sender) => senderLine(view, sender))}
    </ul>
  </section>`;
}

function partsSection(readiness: Readiness): Html {
  return html`<section aria-labelledby="parts">
    <h2 id="parts">Parts</h2>
    <ul class="parts">
      ${Object.entries(readiness).map(
        ([name, { ok, detail }]) =>
          html`<li data-key="${name}">
            ${badge(ok ? (detail === undefined ? 'good' : 'warn') : 'bad', name)}${detail === undefined ? '' : html`<span class="under">${detail}</span>`}
          </li>`,
      )}
    </ul>
  </section>`;
}
