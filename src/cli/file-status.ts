import type { FileAnswerDocument } from './file-client.ts';
import { formatDuration, type Painter, printable } from './output.ts';

/** Answers "where is my file?" in words. `now`: milliseconds since 1970. */
export function fileStatusText(
  name: string,
  answer: FileAnswerDocument,
  paint: Painter,
  now: number,
): string {
  const { records, quarantined, waiting } = answer;
  const ago = (iso: string): string => `${formatDuration(now - Date.parse(iso))} ago`;
  const lines: string[] = [];
  for (const { path, customer, why } of waiting) {
    lines.push(`${paint('cyan', 'waiting')}      ${printable(path)} (${customer})\n             ${why}\n`);
  }
  // What is said of a file that waits for its removal is not yet so.
  const stillThere = new Set(waiting.map(({ path, customer }) => `${customer} ${path}`));
  for (const record of records) {
    const head = `${paint(STYLES[record.outcome] ?? 'yellow', record.outcome.padEnd(12))} ${printable(record.path)} (${record.customer}, ${ago(record.at)})\n`;
    lines.push(
      head +
        detailsOf(record, stillThere.has(`${record.customer} ${record.path}`))
          .map((line) => `             ${line}\n`)
          .join(''),
    );
  }
  const known = new Set(records.map(({ quarantineId }) => quarantineId));
  for (const entry of quarantined.filter(({ id }) => !known.has(id))) {
    const from = entry.member === undefined ? entry.path : `${entry.path}!/${entry.member}`;
    lines.push(
      `${paint('yellow', 'quarantined ')} ${printable(from)} (${entry.customer}, ${ago(entry.quarantinedAt)})\n             ${entry.reason} (entry ${entry.id})\n`,
    );
  }
  return lines.length === 0 ? `No file named ${printable(name)} was seen.\n` : lines.join('');
}

const STYLES: Readonly<Record<string, 'green' | 'yellow'>> = {
  stored: 'green',
  duplicate: 'green',
  archive: 'green',
};

const PLACES: Readonly<Record<string, string>> = {
  removed: 'the file was removed after it was safe',
  moved: 'the file was moved after it was safe',
  kept: 'the file is where it was',
  quarantine: 'the file is in quarantine',
};

function detailsOf(record: FileAnswerDocument['records'][number], isStillThere: boolean): string[] {
  const { key, customer, reason, quarantineId, place, outcome } = record;
  const details = isStillThere ? [] : [PLACES[place] ?? place];
  if (outcome === 'archive') details.push('each file in it has an answer of its own');
  if (key !== undefined) {
    const stored = `objects/${customer}/${key.studyInstanceUid}/${key.seriesInstanceUid}/${key.sopInstanceUid}.dcm`;
    details.push(outcome === 'conflict' ? `other bytes under the UIDs of ${stored}: kept apart` : stored);
  }
  if (reason !== undefined)
    details.push(`${reason}${quarantineId === undefined ? '' : ` (entry ${quarantineId})`}`);
  return details;
}
