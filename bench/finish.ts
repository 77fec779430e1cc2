import { createPainter, renderTable } from '../src/cli/output.ts';
import { writeSection } from './performance-page.ts';
import { toMarkdown, verdictTable, type Table, type Verdict } from './table.ts';

export interface FinishOptions {
  readonly section: 'cstore' | 'folder' | 'index' | 'upkeep' | 'web';
  /** How to repeat this run. */
  readonly command: string;
  /** What a reader must know to judge the figures, one item of a list each. */
  readonly notes: readonly string[];
  readonly tables: readonly Table[];
  readonly verdicts: readonly Verdict[];
  /** Whether docs/performance.md gets the figures. */
  readonly isWritten: boolean;
  /** Whether a missed budget makes the process fail. */
  readonly isEnforced: boolean;
}

/** Prints the figures, writes them into docs/performance.md, and sets the exit code. */
export async function finish(options: FinishOptions): Promise<void> {
  const { section, command, notes, verdicts, isWritten, isEnforced } = options;
  const tables = [...options.tables, verdictTable(verdicts)];
  const paint = createPainter(process.stdout, process.env);
  console.log(`\n${notes.map((note) => `  - ${note}`).join('\n')}\n`);
  for (const table of tables) {
    console.log(`${paint('bold', table.title)}\n${renderTable(table.columns, table.rows, paint)}`);
  }
  if (isWritten) {
    const list = notes.map((note) => `- ${note}`).join('\n');
    const day = new Date().toISOString().slice(0, 10);
    const head = `Made by \`${command}\` on ${day}:\n\n${list}\n`;
    await writeSection(section, [head, ...tables.map(toMarkdown)].join('\n'));
    console.log('wrote docs/performance.md');
  }
  const missed = verdicts.filter(({ isMet }) => isMet === false);
  if (missed.length > 0) console.log(`${missed.length} of ${verdicts.length} budgets missed`);
  if (isEnforced && missed.length > 0) process.exitCode = 1;
}
