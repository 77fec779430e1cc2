import { readFile, writeFile } from 'node:fs/promises';
import { configReference, insertReference } from './config-reference.ts';

const file = new URL('../docs/configuration.md', import.meta.url);
await writeFile(file, insertReference(await readFile(file, 'utf8'), configReference()));
console.log('wrote docs/configuration.md');
