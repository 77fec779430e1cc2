import type { TableColumn } from '../src/cli/output.ts';

/** Rows that are printed as text and written as Markdown. */
export interface Table {
  readonly title: string;
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly string[])[];
}

/** A line of the performance budget with what was seen. */
export interface Verdict {
  readonly work: string;
  readonly budget: string;
  /** What was measured; undefined where it was not. */
  readonly measured: string | undefined;
  readonly isMet: boolean | undefined;
}

export function verdictTable(verdicts: readonly Verdict[]): Table {
  return {
    title: 'Budget',
    columns: [{ title: 'work' }, { title: 'budget' }, { title: 'measured' }, { title: '' }],
    rows: verdicts.map(({ work, budget, measured, isMet }) => [
      work,
      budget,
      measured ?? 'not measured',
      isMet === undefined ? '' : isMet ? 'pass' : 'FAIL',
    ]),
  };
}

export function toMarkdown({ title, columns, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    `### ${title}`,
    '',
    line(columns.map((column) => column.title)),
    line(columns.map((column) => (column.align === 'right' ? '---:' : '---'))),
    ...rows.map((cells) => line(cells.map((cell) => cell.replaceAll('|', '\\|')))),
    '',
  ].join('\n');
}

/** Three significant digits: `0.0123`, `1.23`, `123`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '';
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 4));
}
