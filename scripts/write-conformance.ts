import { readFile, writeFile } from 'node:fs/promises';

import { conformanceTables, insertTables } from './conformance-tables.ts';

const file = new URL('../docs/dicom-conformance.md', import.meta.url);
await writeFile(file, insertTables(await readFile(file, 'utf8'), conformanceTables()));
console.log('wrote docs/dicom-conformance.md');
