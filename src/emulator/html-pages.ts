import { html } from 'hono/html';
import type { EmulatorState } from './state.ts';
import type { OpenStudyReport } from './viewer.ts';

/** The emulator's name in the `Server` header. */
export const SERVER_NAME = 'Avara-Emulator (not Avara)';

/** One sentence that says what this is. */
export const NOTICE = 'This is the Avara emulator, a stand-in for trials and tests. It is not Avara.';

type Markup = ReturnType<typeof html>;

const MAX_LISTED_STUDIES = 200;
const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
  .notice { background: #fff3c4; border: 1px solid #b58900; color: #3d2f00; padding: .5rem 1rem; }
  table { border-collapse: collapse; width: 100%; }
  th, td { border-bottom: 1px solid #ccc; padding: .25rem .5rem; text-align: left; overflow-wrap: anywhere; }
`;

function renderPage(title: string, content: Markup): Markup {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${title} - Avara emulator</title>
        <style>
          ${STYLE}
        </style>
      </head>
      <body>
        <p class="notice"><strong>${NOTICE}</strong></p>
        <h1>${title}</h1>
        ${content}
      </body>
    </html>`;
}

/** The front page: the newest studies of the account, each with a link that opens it. */
export function renderFrontPage(state: EmulatorState): Markup {
  const studies = state.studies().toReversed();
  const shown = studies.slice(0, MAX_LISTED_STUDIES);
  const rows = shown.map((study) => {
    const customer =
      study.expressCustomerId === null ? undefined : state.findCustomer(study.expressCustomerId);
    return html`<tr>
      <td>${study.createdAt}</td>
      <td>${study.product}</td>
      <td>${customer?.expressCustomerName ?? 'none'}</td>
      <td>${study.studyDescription}</td>
      <td>${study.studyInstanceUid}</td>
      <td>${study.isCancelled ? 'cancelled' : 'active'}</td>
      <td><a href="/__emulator/studies/${study.studyId}/open">Open</a></td>
    </tr>`;
  });
  return renderPage(
    'Studies',
    html`<p>
        ${studies.length} in all${studies.length > shown.length ? `, the newest ${shown.length} below` : ''}.
      </p>
      <table>
        <thead>
          <tr>
            <th>Created</th>
            <th>Product</th>
            <th>Customer</th>
            <th>Description</th>
            <th>Study Instance UID</th>
            <th>State</th>
            <th>Viewer</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>`,
  );
}

/** What the viewer has to say of a study that was opened. */
export function renderOpenedPage(report: OpenStudyReport): Markup {
  const bytes = report.files.reduce((sum, file) => sum + file.bytes, 0);
  const outcome = report.authorized
    ? `Access granted: ${report.files.length} files, ${bytes} bytes.`
    : `Access refused: ${report.error ?? 'no reason given'}.`;
  const { manifestReport } = report;
  return renderPage(
    'Study opened',
    html`<p>Study Instance UID ${report.studyInstanceUid}</p>
      <p>${outcome}</p>
      <p>
        ${
          manifestReport === null
            ? 'No manifest.'
            : `Manifest: ${manifestReport.series.length} series used, ${manifestReport.dropped.length} parts dropped.`
        }
      </p>
      <h2>${report.problems.length === 0 ? 'No problems' : 'Problems'}</h2>
      <ul>
        ${report.problems.map((problem) => html`<li>${problem}</li>`)}
      </ul>
      <p><a href="/">All studies</a></p>`,
  );
}
