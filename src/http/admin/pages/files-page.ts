import { html } from 'hono/html';

import type { FolderStatus, QuarantineEntry } from '../../../core/ports/file-intake.ts';
import type { ConflictRecord } from '../../../core/ports/study-index.ts';
import { countOf, spanOf } from '../../../core/summary/in-words.ts';
import type { IntegrityView } from '../integrity.ts';
import { layout } from './layout.ts';
import { actionButton, ago, badge, bytes, nothing, number, studyPath, table, uid } from './parts.ts';
import type { Html, View } from './view.ts';

export interface FilesPage {
  readonly folders: readonly FolderStatus[];
  readonly quarantined: readonly QuarantineEntry[];
  readonly quarantinedCount: number;
  readonly conflicts: readonly ConflictRecord[];
  readonly conflictCount: number;
  readonly integrity: IntegrityView;
}

/** What came by file, what could not be taken in, and what came twice and differs. */
export function renderFilesPage(view: View, page: FilesPage): Html {
  const { folders, quarantined, quarantinedCount, conflicts, conflictCount, integrity } = page;
  return layout(
    view,
    '/files',
    'Files',
    html`<h1>Files</h1>
      ${integrity.damagedObjects > 0 ? damagedSection(view, integrity) : ''}
      <section aria-labelledby="quarantine">
        <div class="head">
          <h2 id="quarantine">Quarantine</h2>
          ${quarantinedCount > 0 ? actionButton(view, { name: 'retry-quarantine', label: 'Try all again', of: 'quarantine' }) : ''}
        </div>
        ${quarantinedCount === 0 ? nothing('Nothing. Files that cannot be taken in would be kept here, with the reason.') : quarantineTable(view, quarantined)}
        ${quarantinedCount > quarantined.length ? html`<p class="hint">and ${number(quarantinedCount - quarantined.length)} more: “avara-ingest quarantine”</p>` : ''}
      </section>
      <section aria-labelledby="folders">
        <h2 id="folders">Watched folders</h2>
        ${folders.length === 0 ? nothing('None is configured.') : folderTable(view, folders)}
      </section>
      <section aria-labelledby="conflicts">
        <h2 id="conflicts">Conflicts</h2>
        <p class="hint">
          An image that came again under the same UIDs with other content. Both are kept; the first is the one
          that is shown.
        </p>
        ${conflictCount === 0 ? nothing('None.') : conflictTable(view, conflicts)}
        ${conflictCount > conflicts.length ? html`<p class="hint">The latest ${number(conflicts.length)} of ${number(conflictCount)}.</p>` : ''}
      </section>
      ${checkSection(view, integrity)}`,
  );
}

/** Objects that are not what was acknowledged. */
function damagedSection(view: View, { damaged, damagedObjects }: IntegrityView): Html {
  return html`<section aria-labelledby="damaged">
    <h2 id="damaged">Missing or damaged</h2>
    <p class="hint">
      These files are not what was acknowledged. Look at the disk; restore them from a backup, or send the
      study again.
    </p>
    ${table(
      'Missing or damaged',
      [{ title: 'File' }, { title: 'Customer' }, { title: 'Found' }],
      damaged.map(({ key, path, detail, remedy, foundAt }) => ({
        key: path,
        cells: [
          html`<a href="${studyPath(key)}">Study</a> <code>${path}</code
            ><span class="under">${detail}${remedy === undefined ? '' : `; ${remedy}`}</span>`,
          key.customer,
          ago(foundAt, view.now),
        ],
      })),
    )}
    ${damagedObjects > damaged.length ? html`<p class="hint">The first ${number(damaged.length)} of ${number(damagedObjects)}.</p>` : ''}
  </section>`;
}

/** How the background check stands. */
function checkSection({ now }: View, { isActive, everyDays, round, oldestCheckAt }: IntegrityView): Html {
  const text = !isActive
    ? html`The background check is off (<code>storage.scrub</code>).`
    : html`Every stored image is read again and compared with what was received, once in
      ${countOf(everyDays ?? 0, 'day')}.
      ${oldestCheckAt === undefined ? '' : `The one whose turn is next was last read ${spanOf(now - oldestCheckAt)} ago.`}
      ${round === undefined ? '' : round.finishedAt === undefined ? html`This round has read ${countOf(round.objects, 'image')} (${bytes(round.bytes)}).` : html`The last round ended ${ago(round.finishedAt, now)} and read ${countOf(round.objects, 'image')} (${bytes(round.bytes)}).`}`;
  return html`<section aria-labelledby="check">
    <h2 id="check">Background check</h2>
    <p class="hint">${text}</p>
  </section>`;
}

function quarantineTable(view: View, entries: readonly QuarantineEntry[]): Html {
  return table(
    'Quarantine',
    [
      { title: 'Why' },
      { title: 'Customer' },
      { title: 'Size', isNumber: true },
      { title: 'Since' },
      { title: 'Try again', isSilent: true },
    ],
    entries.map((entry) => ({
      key: entry.id,
      cells: [
        // The path may hold a name; "avara-ingest quarantine" tells it.
        html`${entry.reason}<span class="under"
            >${entry.source === 'folder' ? 'watched folder' : 'import'}, ${countOf(entry.attempts, 'attempt')}
            · ${entry.id}</span
          >`,
        entry.customer,
        bytes(entry.bytes),
        ago(Date.parse(entry.quarantinedAt), view.now),
        html`<div class="actions">
          ${actionButton(view, { name: 'retry-quarantine', fields: { id: entry.id }, label: 'Try again', of: entry.id })}
          ${actionButton(view, { name: 'retry-quarantine', fields: { id: entry.id, asIs: 'true' }, label: 'Take as it is', of: entry.id })}
        </div>`,
      ],
    })),
  );
}

function folderTable(view: View, folders: readonly FolderStatus[]): Html {
  const tones = {
    starting: 'info',
    watching: 'good',
    polling: 'good',
    missing: 'bad',
    paused: 'warn',
    stopped: 'quiet',
  } as const;
  return table(
    'Watched folders',
    [
      { title: 'Folder' },
      { title: 'Customer' },
      { title: 'State' },
      { title: 'Waiting', isNumber: true },
      { title: 'Taken', isNumber: true },
      { title: 'Last' },
    ],
    folders.map((folder) => ({
      key: folder.path,
      cells: [
        html`<code>${folder.path}</code>`,
        folder.customer,
        html`${badge(folder.inTrouble > 0 && tones[folder.state] === 'good' ? 'warn' : tones[folder.state], folder.state)}${folder.detail === undefined ? '' : html`<span class="under">${folder.detail}</span>`}`,
        number(folder.waiting),
        number(folder.stored),
        folder.lastTakenAt === undefined ? '–' : ago(Date.parse(folder.lastTakenAt), view.now),
      ],
    })),
  );
}

function conflictTable(view: View, conflicts: readonly ConflictRecord[]): Html {
  return table(
    'Conflicts',
    [{ title: 'Image' }, { title: 'Customer' }, { title: 'From' }, { title: 'Came' }],
    conflicts.map(({ key, origin, receivedAt, path }) => ({
      key: path,
      cells: [
        html`<a href="${studyPath(key)}">Study</a> <span class="under">${uid(key.sopInstanceUid)}</span>`,
        key.customer,
        origin.callingAeTitle ?? origin.source,
        ago(receivedAt, view.now),
      ],
    })),
  );
}
