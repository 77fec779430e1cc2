import { formatBytes, formatCount, formatDuration, type Painter, printable, renderTable } from '../output.ts';
import type { UnsendableFile } from './find-files.ts';
import type { SendFailure, SendOutcome } from './send-files.ts';

/** Files listed by path for each reason; `--json` has them all. */
const MAX_LISTED = 20;

type Problem = Exclude<SendOutcome['kind'], 'sent'>;

/** What became of everything that was to be sent, as `--json` prints it. */
export interface SendReport {
  readonly sent: number;
  /** Data Sets of the files sent. */
  readonly bytes: number;
  readonly durationMs: number;
  /** Sent, and the peer remarked something. */
  readonly warnings: readonly Entry[];
  readonly refused: readonly Entry[];
  readonly notAccepted: readonly Entry[];
  readonly unsent: readonly Entry[];
  readonly unreadable: readonly Entry[];
  /** Files in folders that are no DICOM objects. */
  readonly skipped: readonly Entry[];
  /** Why the peer could not be talked to, where that ended the sending. */
  readonly failure: SendFailure | null;
}
interface Entry {
  readonly path: string;
  readonly reason: string;
}

/** Gathers outcomes while files are sent. */
export class SendTally {
  #sent = 0;
  #bytes = 0;
  readonly #warnings: Entry[] = [];
  readonly #skipped: Entry[] = [];
  readonly #problems: Readonly<Record<Problem, Entry[]>> = {
    refused: [],
    'not-accepted': [],
    unsent: [],
    unreadable: [],
  };

  addUnsendable({ kind, path, reason }: UnsendableFile): void {
    (kind === 'not-dicom' ? this.#skipped : this.#problems.unreadable).push({ path, reason });
  }

  add({ file, kind, reason = '' }: SendOutcome): void {
    const entry = { path: file.path, reason };
    if (kind !== 'sent') {
      this.#problems[kind].push(entry);
      return;
    }
    this.#sent += 1;
    this.#bytes += file.bytes;
    if (reason !== '') this.#warnings.push(entry);
  }

  report(durationMs: number, failure: SendFailure | undefined): SendReport {
    return {
      sent: this.#sent,
      bytes: this.#bytes,
      durationMs,
      warnings: this.#warnings,
      refused: this.#problems.refused,
      notAccepted: this.#problems['not-accepted'],
      unsent: this.#problems.unsent,
      unreadable: this.#problems.unreadable,
      skipped: this.#skipped,
      failure: failure ?? null,
    };
  }
}

/** Everything that was to be sent has arrived. */
export function isAllSent({ sent, refused, notAccepted, unsent, unreadable }: SendReport): boolean {
  return sent > 0 && [refused, notAccepted, unsent, unreadable].every(({ length }) => length === 0);
}

/** The report for people. */
export function reportText(report: SendReport, paint: Painter): string {
  const { sent, bytes, durationMs } = report;
  const seconds = Math.max(durationMs / 1000, 0.001);
  const rate = `${formatCount(Math.round(sent / seconds))} objects/s, ${formatBytes(bytes / seconds)}/s`;
  const head = `${formatCount(sent)} objects, ${formatBytes(bytes)} in ${formatDuration(durationMs)} (${rate})`;
  const rows: [string, readonly Entry[], string][] = [
    ['Refused', report.refused, 'the peer answered with a failure'],
    ['Not accepted', report.notAccepted, 'the peer takes no such objects in this Transfer Syntax'],
    ['Not sent', report.unsent, 'the Association was not made or was lost'],
    ['Unreadable', report.unreadable, 'no complete Part 10 file, or not to be read'],
    ['Skipped', report.skipped, 'no DICOM objects'],
    ['Warnings', report.warnings, 'sent; the peer remarked something'],
  ];
  const table = renderTable(
    [{ title: 'OBJECTS' }, { title: 'COUNT', align: 'right' }, { title: '' }],
    [
      ['Sent', paint('green', formatCount(sent)), 'the peer answered Success'],
      ...rows
        .filter(([, entries]) => entries.length > 0)
        .map(([name, entries, meaning]) => [name, paint('yellow', formatCount(entries.length)), meaning]),
    ],
    paint,
  );
  const lists = rows
    .filter(([name]) => name !== 'Skipped')
    .map(([name, entries]) => listText(name, entries, paint));
  return `${paint('bold', head)}\n${table}${lists.join('')}`;
}

function listText(name: string, entries: readonly Entry[], paint: Painter): string {
  if (entries.length === 0) return '';
  const lines = entries
    .slice(0, MAX_LISTED)
    .map(({ path, reason }) => `  ${printable(path)}: ${printable(reason)}\n`);
  const rest = entries.length - lines.length;
  const more = rest > 0 ? paint('dim', `  … and ${formatCount(rest)} more: --json lists them\n`) : '';
  return `\n${paint('yellow', name)}\n${lines.join('')}${more}`;
}
