import { html } from 'hono/html';

import type { FolderStatus, QuarantineEntry } from '../../../core/ports/file-intake.ts';
import type { ConflictRecord } from '../../../core/ports/study-index.ts';
import { countOf } from '../../../core/summary/in-words.ts';
import { layout } from './layout.ts';
import { actionButton, ago, badge, bytes, nothing, number, studyPath, table, uid } from './parts.ts';
import type { Html, View } from './view.ts';

export interface FilesPage {
  readonly folders: readonly FolderStatus[];
  readonly quarantined: readonly QuarantineEntry[];
  readonly quarantinedCount: number;
  readonly conflicts: readonly ConflictRecord[];
  readonly conflictCount: number;
}

/** What came by file, what could not be taken in, and what came twice and differs. */
export function renderFilesPage(view: View, page: FilesPage): Html {
  const { folders, quarantined, quarantinedCount, conflicts, conflictCount } = page;
  return layout(
    view,
    '/files',
    'Files',
    html`<h1>Files</h1>
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
      </section>`,
  );
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
        html`${badge(tones[folder.state], folder.state)}${folder.detail === undefined ? '' : html`<span class="under">${folder.detail}</span>`}`,
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
