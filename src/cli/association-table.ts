import { z } from 'zod';
import type { Painter } from './output.ts';
import { formatBytes, formatCount, formatDuration, renderTable } from './output.ts';

/** An entry of `pastAssociations` in `/api/status`. */
export const pastAssociationSchema = z.object({
  peerAddress: z.string(),
  callingAeTitle: z.string().nullish(),
  calledAeTitle: z.string().nullish(),
  customer: z.string().nullish(),
  objects: z.number(),
  refusedObjects: z.number(),
  bytes: z.number(),
  startedAt: z.string(),
  endedAt: z.string(),
  outcome: z.string(),
  lastError: z.string().nullish(),
  attempts: z.number(),
});
export type PastAssociation = z.output<typeof pastAssociationSchema>;

/** The last Associations, for people. `now`: milliseconds since 1970. */
export function associationTable(
  associations: readonly PastAssociation[],
  paint: Painter,
  now: number,
): string {
  const rows = associations.map((association) => [
    `${association.callingAeTitle ?? '?'} → ${association.calledAeTitle ?? '?'}`,
    association.peerAddress,
    formatCount(association.objects),
    association.refusedObjects > 0 ? paint('red', formatCount(association.refusedObjects)) : '0',
    formatBytes(association.bytes),
    `${formatDuration(Math.max(0, now - Date.parse(association.endedAt)))} ago`,
    outcomeText(association, paint),
  ]);
  return renderTable(
    [
      { title: 'ASSOCIATION' },
      { title: 'PEER' },
      { title: 'OBJECTS', align: 'right' },
      { title: 'REFUSED', align: 'right' },
      { title: 'SIZE', align: 'right' },
      { title: 'ENDED', align: 'right' },
      { title: 'OUTCOME' },
    ],
    rows,
    paint,
  );
}

function outcomeText({ outcome, lastError, attempts }: PastAssociation, paint: Painter): string {
  const times = attempts > 1 ? ` (${formatCount(attempts)} times)` : '';
  const reason = lastError ?? '';
  if (outcome === 'released' && reason === '') return paint('green', outcome);
  const colour = outcome === 'released' ? 'yellow' : 'red';
  return `${paint(colour, outcome)}${times}${reason === '' ? '' : `: ${reason}`}`;
}
