import fs from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';

const PAGE = new URL('../docs/performance.md', import.meta.url);

const FIRST_PAGE = `# Performance

Measured on one machine, next to the peers that a site would otherwise use, in the same run. Absolute figures say as
much about the machine as about the software: compare the ratios, and repeat the run where it matters to you.

\`npm run bench\` repeats everything and writes the figures below; \`npm run bench:cstore -- --help\` and
\`npm run bench:index -- --help\` tell how to run less, or more. \`--quick\` takes under a minute and writes nothing here.

## Receiving

<!-- bench:cstore:begin -->
<!-- bench:cstore:end -->

## Watched folders

<!-- bench:folder:begin -->
<!-- bench:folder:end -->

## Handing out

<!-- bench:web:begin -->
<!-- bench:web:end -->

## The index

<!-- bench:index:begin -->
<!-- bench:index:end -->

## Looking after a large index

<!-- bench:upkeep:begin -->
<!-- bench:upkeep:end -->
`;

/** Replaces what stands between a section's markers in docs/performance.md, which is made if missing. */
export async function writeSection(
  section: 'cstore' | 'folder' | 'index' | 'upkeep' | 'web',
  markdown: string,
): Promise<void> {
  const page = await readPage();
  const options = await resolveConfig(PAGE);
  await fs.writeFile(
    PAGE,
    await format(replaceSection(page, section, markdown), { ...options, parser: 'markdown' }),
  );
}

/** @throws Error where the page has lost the section's markers. */
export function replaceSection(page: string, section: string, markdown: string): string {
  const begin = `<!-- bench:${section}:begin -->`;
  const end = `<!-- bench:${section}:end -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from)
    throw new Error(`docs/performance.md has no section between ${begin} and ${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${markdown.trim()}\n\n${page.slice(to)}`;
}

async function readPage(): Promise<string> {
  try {
    return await fs.readFile(PAGE, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return FIRST_PAGE;
    throw error;
  }
}
