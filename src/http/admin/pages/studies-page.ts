import { html } from 'hono/html';

import type { StudyPage, StudyQuery } from '../../../core/study/study.ts';
import { layout } from './layout.ts';
import { nothing } from './parts.ts';
import { studyTable } from './study-table.ts';
import type { Html, View } from './view.ts';

export interface StudiesPage {
  readonly query: StudyQuery;
  readonly page: StudyPage;
  readonly customers: readonly string[];
}

const STATES = [
  ['', 'Any state'],
  ['receiving', 'Being received'],
  ['stable', 'Complete'],
] as const;
const DELIVERIES = [
  ['', 'Anywhere'],
  ['created', 'At Avara'],
  ['pending', 'On the way'],
  ['attention', 'Needs attention'],
] as const;

/** Did it arrive? Search and filters, newest first. */
export function renderStudiesPage(view: View, { query, page, customers }: StudiesPage): Html {
  const [customer] = query.customers ?? [];
  const isFiltered =
    query.text !== undefined ||
    customer !== undefined ||
    query.state !== undefined ||
    query.delivery !== undefined;
  return layout(
    view,
    '/studies',
    'Studies',
    html`<h1>Studies</h1>
      <form method="get" action="/studies" class="filters" role="search">
        <label class="search"
          ><span>Search</span
          ><input
            type="search"
            name="q"
            value="${query.text ?? ''}"
            placeholder="Name, Patient ID, accession number or UID, from its beginning"
            autocomplete="off"
            data-search
        /></label>
        <label
          ><span>Customer</span
          ><select name="customer">
            ${option('', 'All customers', customer ?? '')}
            ${customers.map((key) => option(key, key, customer ?? ''))}
          </select></label
        >
        <label
          ><span>State</span
          ><select name="state">
            ${STATES.map(([value, text]) => option(value, text, query.state ?? ''))}
          </select></label
        >
        <label
          ><span>Avara</span
          ><select name="delivery">
            ${DELIVERIES.map(([value, text]) => option(value, text, query.delivery ?? ''))}
          </select></label
        >
        <button class="primary">Search</button>
        ${isFiltered ? html`<a href="/studies">Clear</a>` : ''}
      </form>
      ${page.studies.length === 0 ? nothing(isFiltered ? 'No study fits. Words are found from their beginning; try fewer letters, or another customer.' : 'No study has come in yet.') : studyTable(view, 'Studies, newest first', page.studies)}
      ${pager(view, query, page.cursor)}`,
  );
}

function option(value: string, text: string, chosen: string): Html {
  return html`<option value="${value}" ${value === chosen ? 'selected' : ''}>${text}</option>`;
}

/** On to older ones and back to the newest; in between, the browser goes back. */
function pager({ here }: View, query: StudyQuery, cursor: string | undefined): Html {
  const url = new URL(here, 'http://localhost');
  const without = new URLSearchParams(url.searchParams);
  without.delete('cursor');
  const newest = `/studies?${without.toString()}`;
  if (cursor !== undefined) url.searchParams.set('cursor', cursor);
  return html`<nav class="pager" aria-label="Pages">
    ${query.cursor === undefined ? '' : html`<a href="${newest}">← Newest</a>`}
    ${cursor === undefined ? '' : html`<a href="${url.pathname}${url.search}" rel="next">Older →</a>`}
  </nav>`;
}
