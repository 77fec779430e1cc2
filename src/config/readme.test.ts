import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configReference, insertReference } from '../../scripts/config-reference.ts';
import { loadConfig } from './load.ts';

const root = new URL('../../', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, root), 'utf8');

/** JSON blocks of a document: each is a whole configuration file. */
function jsonBlocks(file: string): readonly string[] {
  return [...read(file).matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
}

/** Names of all `${kind:NAME}` in a text. */
function references(kind: 'env' | 'file', text: string): readonly string[] {
  return [...text.matchAll(new RegExp(`\\$\\{${kind}:([^}]+)\\}`, 'g'))].map(([, name = '']) => name);
}

const EXAMPLES = ['README.md', 'docs/configuration.md'].flatMap((file) =>
  jsonBlocks(file).map((text, index) => ({ name: `${file}, example ${index + 1}`, text })),
);

describe('configurations in the documentation', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'readme-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('are there', () => {
    expect(jsonBlocks('README.md')).toHaveLength(1);
    expect(jsonBlocks('docs/configuration.md').length).toBeGreaterThan(0);
  });

  it.each(EXAMPLES)('$name is taken as it stands', ({ text }) => {
    const file = join(folder, 'config.json');
    writeFileSync(file, text);
    const env = Object.fromEntries(references('env', text).map((name) => [name, `value-of-${name}`]));
    for (const name of references('file', text)) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), `content of ${name}\n`);
    }
    const config = loadConfig({ file, env });
    expect(Object.keys(config.customers).length).toBeGreaterThan(0);
    expect(config.http.publicUrl).toMatch(/^https:/);
    for (const key of Object.keys(config.customers))
      expect(config.routes.map((route) => route.customer)).toContain(key);
  });

  it('docs/install.md: the service is planned before its secrets are there', () => {
    const file = join(folder, 'config.json');
    writeFileSync(file, jsonBlocks('docs/install.md')[0] ?? '');
    expect(loadConfig({ file, env: {}, keepsReferences: true }).dataDir).toBe('/var/lib/avara-ingest');
  });
});

it('docs/configuration.md has every setting as it is (npm run docs:config)', () => {
  const document = read('docs/configuration.md');
  expect(insertReference(document, configReference())).toBe(document);
});
