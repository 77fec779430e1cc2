import type { ImportCounts, ImportEvent } from '../core/ports/file-intake.ts';
import { formatBytes, formatCount, formatDuration, type Painter, printable, renderTable } from './output.ts';

/** Rejections listed by path; the rest is counted by reason. */
const MAX_LISTED = 20;
/** Rejections kept for the report and `--json`. */
const MAX_KEPT = 10_000;

export type ImportRejection = Extract<ImportEvent, { event: 'rejected' }>;
export type ImportEnd = Extract<ImportEvent, { event: 'end' }>;

/** What was not taken, gathered while an import runs. */
export class RejectionList {
  readonly kept: ImportRejection[] = [];
  readonly #byCode = new Map<string, number>();
  #count = 0;

  add(rejection: ImportRejection): void {
    this.#count += 1;
    this.#byCode.set(rejection.code, (this.#byCode.get(rejection.code) ?? 0) + 1);
    if (this.kept.length < MAX_KEPT) this.kept.push(rejection);
  }

  get count(): number {
    return this.#count;
  }

  /** Most frequent first. */
  get byCode(): readonly (readonly [code: string, count: number])[] {
    return [...this.#byCode].sort(([, a], [, b]) => b - a);
  }
}

/** What each count means, for a summary: what was done, or with a dry run what would be. */
export function summaryText(
  end: ImportEnd,
  rejections: RejectionList,
  options: { readonly dryRun: boolean; readonly elapsedMs: number; readonly paint: Painter },
): string {
  const { counts } = end;
  const { dryRun, elapsedMs, paint } = options;
  const seconds = Math.max(elapsedMs / 1000, 0.001);
  const rows: [string, number, string][] = [
    ['Stored', counts.stored, dryRun ? 'would be stored' : 'are safe now'],
    ['Duplicates', counts.duplicates, 'held already, byte for byte'],
    ['Conflicts', counts.conflicts, 'same UIDs with other bytes: kept apart, the first is served'],
    ['Done before', counts.alreadyDone, 'files of an earlier run, unchanged since'],
    ['Left alone', counts.leftAlone, 'hidden, unfinished or system files, DICOMDIR'],
    [
      'Quarantined',
      counts.quarantined,
      rejections.byCode.map(([code, count]) => `${formatCount(count)} ${code}`).join(', '),
    ],
  ];
  const table = renderTable(
    [{ title: dryRun ? 'WOULD BE' : 'OBJECTS' }, { title: 'COUNT', align: 'right' }, { title: '' }],
    rows
      .filter(([name, count]) => count > 0 || name === 'Stored')
      .map(([name, count, meaning]) => [name, styledCount(name, count, paint), meaning]),
    paint,
  );
  const rate = `${formatCount(Math.round(counts.files / seconds))} files/s, ${formatBytes(counts.bytes / seconds)}/s`;
  const head = `${formatCount(counts.files)} files, ${formatBytes(counts.bytes)} in ${formatDuration(elapsedMs)} (${rate})`;
  return `${paint('bold', head)}\n${table}${rejectionText(rejections, paint)}`;
}

function styledCount(name: string, count: number, paint: Painter): string {
  const style = name === 'Quarantined' || name === 'Conflicts' ? 'yellow' : 'green';
  return count > 0 ? paint(style, formatCount(count)) : formatCount(count);
}

function rejectionText({ kept, count }: RejectionList, paint: Painter): string {
  if (count === 0) return '';
  const lines = kept.slice(0, MAX_LISTED).map(({ path, reason }) => `  ${printable(path)}: ${reason}\n`);
  const rest = count - lines.length;
  const more =
    rest > 0 ? paint('dim', `  … and ${formatCount(rest)} more: "avara-ingest quarantine" lists them\n`) : '';
  return `\n${paint('yellow', 'Not taken')}\n${lines.join('')}${more}`;
}

/** How far an import is, in one measure for many small and few large files. */
export function workOf({ files, bytes }: { readonly files: number; readonly bytes: number }): number {
  const perFile = 65_536;
  return bytes + files * perFile;
}

/** The words beside a progress bar. */
export function progressText(counts: ImportCounts, elapsedMs: number): string {
  const seconds = Math.max(elapsedMs / 1000, 0.001);
  const done = workOf(counts);
  const total = workOf({ files: counts.totalFiles, bytes: counts.totalBytes });
  const left = done > 0 && counts.isListed ? formatDuration(((total - done) / done) * elapsedMs) : '?';
  const of = counts.isListed ? formatCount(counts.totalFiles) : `${formatCount(counts.totalFiles)}+`;
  return `${formatCount(counts.files)}/${of} files, ${formatBytes(counts.bytes / seconds)}/s, ${formatCount(Math.round(counts.files / seconds))} files/s, ${left} left`;
}
