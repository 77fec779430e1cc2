import { writeFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';
import { configJsonSchema } from '../src/config/schema.ts';

const file = new URL('../config.schema.json', import.meta.url);
const style = await resolveConfig(file);
await writeFile(file, await format(JSON.stringify(configJsonSchema()), { ...style, parser: 'json' }));
console.log('wrote config.schema.json');
