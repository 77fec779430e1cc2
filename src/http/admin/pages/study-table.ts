import { html } from 'hono/html';

import type { StudyRecord } from '../../../core/study/study.ts';
import { deliveryBadges } from './delivery-badges.ts';
import { ago, bytes, number, studyPath, table } from './parts.ts';
import type { Html, View } from './view.ts';

/** A study without patient data: `CT · 240 images`. */
export function studyLabel({ modalities, instances }: StudyRecord): string {
  const kind = modalities.length === 0 ? 'Study' : modalities.join(', ');
  return `${kind} · ${number(instances)} ${instances === 1 ? 'image' : 'images'}`;
}

/** Who sent it: the calling AE title, or the way in. */
export function senderOf({ origin }: Pick<StudyRecord, 'origin'>): string {
  const ways = { dimse: 'C-STORE', folder: 'watched folder', stow: 'STOW-RS', import: 'import' } as const;
  return origin.callingAeTitle ?? ways[origin.source];
}

/** Studies with a link each. */
export function studyTable(view: View, caption: string, studies: readonly StudyRecord[]): Html {
  return table(
    caption,
    [
      { title: 'Study' },
      { title: 'From' },
      { title: 'Customer' },
      { title: 'Size', isNumber: true },
      { title: 'Last image' },
      { title: 'Avara' },
    ],
    studies.map((study) => ({
      key: studyPath(study.key),
      cells: [
        html`<a class="row-link" href="${studyPath(study.key)}">${studyLabel(study)}</a
          ><span class="under uid">${study.key.studyInstanceUid}</span>`,
        senderOf(study),
        study.key.customer,
        bytes(study.bytes),
        ago(study.lastReceivedAt, view.now),
        deliveryBadges(study),
      ],
    })),
  );
}
