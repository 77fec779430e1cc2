import { html } from 'hono/html';

import type { StoredReport } from '../../../core/ports/report-records.ts';
import type { StudyEvent } from '../../../core/ports/study-events.ts';
import type { SeriesRecord, StudyRecord } from '../../../core/study/study.ts';
import { moveForm, type AttentionCardOptions } from './attention-card.ts';
import { deliveryTone, productName } from './delivery-badges.ts';
import { layout } from './layout.ts';
import { actionButton, badge, bytes, clockTime, number, studyFields, table, uid } from './parts.ts';
import { senderOf, studyLabel } from './study-table.ts';
import { timeline, timelineOf } from './timeline.ts';
import type { Html, View } from './view.ts';

export interface StudyPageContent extends AttentionCardOptions {
  readonly study: StudyRecord;
  readonly series: readonly SeriesRecord[];
  readonly events: readonly StudyEvent[];
  readonly reports: readonly StoredReport[];
  /** Patient data, because somebody asked for it; that was taken down. */
  readonly isPatientShown: boolean;
  /** Series that there are pictures of, in order; shown with the patient only. */
  readonly pictured: readonly string[];
}

const SERIES_SHOWN = 100;
const PICTURES_SHOWN = 24;
const PATIENT_FIELDS = [
  ['PatientName', 'Name'],
  ['PatientID', 'Patient ID'],
  ['PatientBirthDate', 'Born'],
  ['PatientSex', 'Sex'],
  ['AccessionNumber', 'Accession number'],
  ['StudyDescription', 'Description'],
  ['StudyDate', 'Study date'],
  ['ReferringPhysicianName', 'Referred by'],
] as const;

/** Everything of one study: where it stands, what happened to it, what can be done. */
export function renderStudyPage(view: View, content: StudyPageContent): Html {
  const { study, series, events, reports } = content;
  const fields = studyFields(study.key);
  return layout(
    view,
    '/studies',
    studyLabel(study),
    html`<p class="crumbs"><a href="/studies">Studies</a> / ${study.key.customer}</p>
      <h1>${studyLabel(study)} ${study.state === 'receiving' ? badge('info', 'receiving') : ''}</h1>
      ${uid(study.key.studyInstanceUid)}
      <div class="columns">
        <section class="wide" aria-labelledby="timeline">
          <h2 id="timeline">Timeline</h2>
          ${timeline(view, timelineOf(study, events, reports))}
          <h2 id="series">Series</h2>
          ${seriesTable(series)}
        </section>
        <div class="side">
          <section aria-labelledby="avara">
            <h2 id="avara">At Avara</h2>
            ${study.deliveries.length === 0 ? html`<p class="nothing">${study.state === 'receiving' ? 'Goes there when nothing new has come for a while.' : 'This customer has no Avara product configured.'}</p>` : deliveries(view, study)}
            <div class="actions">
              ${study.state === 'receiving' ? actionButton(view, { name: 'complete-study', fields, label: 'Complete now', kind: 'primary' }) : ''}
              ${study.disagreements === undefined ? '' : actionButton(view, { name: 'correct-study', fields, label: 'Take over corrected values' })}
              ${moveForm(view, study, content)}
            </div>
            ${study.disagreements === undefined ? '' : html`<p class="hint">Its images disagree about ${study.disagreements.join(', ')}.</p>`}
          </section>
          <section aria-labelledby="facts">
            <h2 id="facts">Facts</h2>
            <dl class="facts">
              ${fact('Customer', study.key.customer)} ${fact('From', senderOf(study))}
              ${study.origin.calledAeTitle === undefined ? '' : fact('To', study.origin.calledAeTitle)}
              ${study.origin.peerAddress === undefined ? '' : fact('Address', study.origin.peerAddress)}
              ${fact('First image', clockTime(study.firstReceivedAt, view.now, true))}
              ${fact('Last image', clockTime(study.lastReceivedAt, view.now, true))}
              ${fact('Images', number(study.instances))} ${fact('Size', bytes(study.bytes))}
            </dl>
          </section>
          ${patient(view, content)}
        </div>
      </div>`,
  );
}

function fact(name: string, value: Html | string): Html {
  return html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`;
}

function deliveries(view: View, { key, deliveries: all }: StudyRecord): Html {
  const fields = studyFields(key);
  return html`<ul class="lines">
    ${all.map((delivery) => {
      const { tone, text } = deliveryTone(delivery);
      const { product, studyId, attempts, lastError, state, isCancelled } = delivery;
      return html`<li data-key="${product}">
        <b>${productName(product)}</b> ${badge(tone, text)}
        ${studyId === undefined ? '' : html`<span class="under">${uid(studyId)}</span>`}
        ${lastError === undefined ? '' : html`<p class="reason">${lastError}</p>`}
        ${attempts > 1 ? html`<span class="under">${number(attempts)} attempts</span>` : ''}
        <div class="actions">
          ${state === 'created' ? '' : actionButton(view, { name: 'retry-study', fields, label: 'Try again', of: productName(product), kind: state === 'attention' ? 'primary' : 'plain' })}
          ${isCancelled === true ? actionButton(view, { name: 'uncancel-study', fields: { ...fields, product }, label: 'Take up again', of: productName(product) }) : ''}
          ${
            state === 'created' && isCancelled !== true
              ? html`<details class="confirm">
                  <summary>Cancel there…</summary>
                  ${actionButton(view, { name: 'cancel-study', fields: { ...fields, product }, label: 'Yes, cancel at Avara', kind: 'danger' })}
                </details>`
              : ''
          }
        </div>
      </li>`;
    })}
  </ul>`;
}

function seriesTable(series: readonly SeriesRecord[]): Html {
  return html`${table(
    'Series',
    [
      { title: 'No.', isNumber: true },
      { title: 'Modality' },
      { title: 'Images', isNumber: true },
      { title: 'Series Instance UID' },
    ],
    series.slice(0, SERIES_SHOWN).map(({ seriesInstanceUid, attributes, instances }) => ({
      key: seriesInstanceUid,
      cells: [
        attributes.SeriesNumber ?? '–',
        attributes.Modality ?? '–',
        number(instances),
        uid(seriesInstanceUid),
      ],
    })),
  )}${series.length > SERIES_SHOWN ? html`<p class="hint">and ${number(series.length - SERIES_SHOWN)} more</p>` : ''}`;
}

/** Kept back until somebody asks: the page may stand open on a screen that others see. */
function patient(view: View, { study, isPatientShown, pictured }: StudyPageContent): Html {
  const shown = PATIENT_FIELDS.filter(([keyword]) => study.attributes[keyword] !== undefined);
  return html`<section aria-labelledby="patient" data-key="patient" ${isPatientShown ? html`data-keep` : ''}>
    <h2 id="patient">Patient</h2>
    ${
      isPatientShown
        ? html`<dl class="facts">
              ${shown.map(([keyword, name]) => fact(name, (study.attributes[keyword] ?? '').replaceAll('^', ' ').trim()))}
            </dl>
            ${pictures(study, pictured)}
            <p class="hint">
              That you looked is in the audit trail. <a href="${view.here}" data-plain>Hide</a>
            </p>`
        : html`<p class="hint">Not shown, because others may see this screen.</p>
            ${actionButton(view, { name: 'show-patient', fields: studyFields(study.key), label: 'Show patient' })}`
    }
  </section>`;
}

/** One per series; the browser fetches those that come into view. */
function pictures({ key }: StudyRecord, pictured: readonly string[]): Html | '' {
  if (pictured.length === 0) return '';
  const base = `/studies/${key.customer}/${key.studyInstanceUid}/thumbnails/`;
  return html`<div class="pictures">
    ${pictured
      .slice(0, PICTURES_SHOWN)
      .map(
        (series, at) =>
          html`<img src="${base}${series}" alt="Series ${at + 1}" width="96" height="96" loading="lazy" />`,
      )}
  </div>`;
}
