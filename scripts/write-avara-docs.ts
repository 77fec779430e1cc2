import { readFileSync, writeFileSync } from 'node:fs';
import { renderFieldTable } from '../src/avara/mapping/field-table.ts';

/** Puts the field table into docs/avara.md, between its two marks. */
const page = new URL('../docs/avara.md', import.meta.url);
const text = readFileSync(page, 'utf8').replace(
  /<!-- field table -->\n[^]*?<!-- end of field table -->/,
  () => `<!-- field table -->\n\n${renderFieldTable()}\n<!-- end of field table -->`,
);
writeFileSync(page, text);
