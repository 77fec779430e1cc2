import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CliContext } from '../../src/cli/context.ts';
import { createProgram, run } from '../../src/cli/run.ts';
import { LOG_KEYS } from '../../src/observability/log-keys.ts';
import { createMetrics } from '../../src/observability/metrics.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

interface Package {
  readonly license?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}
const packageOf = (folder: string): Package => JSON.parse(read(path.join(folder, 'package.json'))) as Package;
const PACKAGE = packageOf('.');

const DOCUMENTS = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(path.join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** The text from one heading to the next of the same level or above. */
function section(document: string, heading: string): string {
  const text = read(document);
  const start = text.indexOf(`\n${heading}\n`);
  expect(start, `${document} has no "${heading}"`).toBeGreaterThan(0);
  const level = heading.indexOf(' ');
  const rest = text.slice(start + heading.length + 2);
  const end = rest.search(new RegExp(`^#{1,${level}} `, 'm'));
  return end < 0 ? rest : rest.slice(0, end);
}

/** As the code hosts make anchors of headings. */
function anchorsOf(document: string): readonly string[] {
  return [...read(document).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function contextOf(argv: readonly string[]): { context: CliContext; out: string[] } {
  const out: string[] = [];
  const context: CliContext = {
    argv,
    env: {},
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => out.push(text) },
    process: { onSignal: () => undefined, onFatal: () => undefined, exit: () => undefined },
  };
  return { context, out };
}

async function cli(argv: readonly string[]): Promise<string> {
  const { context, out } = contextOf(argv);
  await run(context);
  return out.join('');
}

const COMMANDS = createProgram(contextOf([]).context, () => undefined).commands.map((command) =>
  command.name(),
);

describe.each(DOCUMENTS)('%s', (document) => {
  it('has no link that leads nowhere', () => {
    const broken = [...read(document).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? document : path.join(path.dirname(document), file);
      if (!existsSync(path.join(ROOT, target))) return [link];
      return anchor === undefined || anchorsOf(target).includes(anchor) ? [] : [link];
    });
    expect(broken).toEqual([]);
  });

  it('names commands and scripts that exist', () => {
    const named = [...read(document).matchAll(/(?:`|\$ )avara-ingest ([a-z][a-z-]*)/g)].map(
      ([, name]) => name,
    );
    expect(named.filter((name) => !COMMANDS.includes(name ?? ''))).toEqual([]);
    const scripts = [...read(document).matchAll(/\bnpm run (?:--silent )?([a-z:]+)/g)].map(
      ([, name]) => name,
    );
    expect(scripts.filter((name) => !Object.hasOwn(PACKAGE.scripts ?? {}, name ?? ''))).toEqual([]);
  });
});

it('docs/README.md lists every page', () => {
  const pages = DOCUMENTS.filter((file) => file.startsWith('docs/')).map((file) => path.basename(file));
  const index = read('docs/README.md');
  expect(pages.filter((page) => page !== 'README.md' && !index.includes(`](${page})`))).toEqual([]);
});

describe('docs/operations.md', () => {
  it('lists every metric, and none that is not there', async () => {
    const metrics = createMetrics({ includeProcess: false });
    const text = await metrics.registry.metrics();
    metrics.close();
    const declared = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(
      ([, name, type]) => `${name ?? ''} ${type ?? ''}`,
    );
    const listed = [
      ...section('docs/operations.md', '## Metrics').matchAll(/^\| `(avara_ingest_\w+)` \| (\w+) \|/gm),
    ].map(([, name, type]) => `${name ?? ''} ${type ?? ''}`);
    expect(listed.sort()).toEqual(declared.sort());
    const names = declared.map((line) => line.split(' ')[0]);
    const mentioned = DOCUMENTS.flatMap((file) => read(file).match(/avara_ingest_\w+/g) ?? []);
    expect(mentioned.filter((name) => !names.includes(name))).toEqual([]);
  });

  it('names keys of log lines as they are declared', () => {
    const rows = [...section('docs/operations.md', '## Logs').matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)];
    const keys = rows
      .flatMap(([, names = '']) => names.split(', ').map((name) => name.replaceAll('`', '')))
      .filter((key) => !['error', 'warn', 'info', 'debug', 'msg', 'ready'].includes(key));
    expect(keys.length).toBeGreaterThan(10);
    expect(keys.filter((key) => !Object.hasOwn(LOG_KEYS, key))).toEqual([]);
  });
});

describe('docs/configuration.md', () => {
  it('shows what "route" prints', async () => {
    const text = read('docs/configuration.md');
    const config = /^```json\n([\s\S]*?)^```$/m.exec(text)?.[1] ?? '';
    const examples = [...text.matchAll(/^```console\n\$ avara-ingest (route .*)\n([\s\S]*?)^```$/gm)];
    expect(examples.length).toBeGreaterThan(1);
    const folder = await mkdtemp(path.join(tmpdir(), 'docs-'));
    try {
      const file = path.join(folder, 'config.json');
      await writeFile(file, config);
      for (const [, command = '', output] of examples)
        expect(await cli([...command.split(' '), '--config', file])).toBe(output);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

/** What `pattern` finds in the sources below `folder`, each once. */
function namedInSources(folder: string, pattern: RegExp): readonly string[] {
  const files = readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  const found = files.flatMap((name) => [...read(path.join(folder, name)).matchAll(pattern)]);
  return [...new Set(found.map(([, name = '']) => name))];
}

it('docs/security.md explains every event of the audit trail', () => {
  // Events of a study's timeline and of Avara are named in the same way, and are none of the trail.
  const others = ['study.received', 'report.delivered'];
  const events = namedInSources('src', /\b(?:event|name): '([a-z]+\.[a-z_]+_?(?:ed|stopped|lost))'/g);
  expect(events.length).toBeGreaterThan(20);
  const trail = section('docs/security.md', '## Audit trail');
  const missing = events.filter((event) => !others.includes(event) && !trail.includes(`\`${event}\``));
  expect(missing).toEqual([]);
});

describe('docs/api.md', () => {
  it('has every code of a refusal', () => {
    const codes = namedInSources('src/http', /\bcode: '([a-z-]+)'/g).filter((code) => code !== 'custom');
    expect(codes.length).toBeGreaterThan(40);
    const text = read('docs/api.md');
    expect(codes.filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
  });

  it('has every command', () => {
    const text = read('docs/api.md');
    expect(COMMANDS.filter((name) => !text.includes(`\`avara-ingest ${name}`))).toEqual([]);
  });
});

describe('docs/dependencies.md', () => {
  const packages = [PACKAGE.dependencies, PACKAGE.optionalDependencies, PACKAGE.devDependencies].flatMap(
    (group) => Object.keys(group ?? {}),
  );
  const rows = new Map(
    [...read('docs/dependencies.md').matchAll(/^\| `([^`]+)` \| ([^|]+) \|/gm)].map(
      ([, name = '', licence]) => [name, licence],
    ),
  );

  it('lists every package, and none that is not used', () => {
    expect([...rows.keys()].sort()).toEqual(packages.sort());
  });

  it('has the licence that each package declares', () => {
    const wrong = packages
      // Optional packages may be missing.
      .filter((name) => existsSync(path.join(ROOT, 'node_modules', name, 'package.json')))
      .filter((name) => packageOf(path.join('node_modules', name)).license !== rows.get(name));
    expect(wrong).toEqual([]);
  });
});

describe('docs/architecture.md', () => {
  it('has the import arrows that lint enforces', () => {
    const lint = read('eslint.config.js');
    const law = new Map(
      [...lint.matchAll(/^ {2}(\w+): \[([^\]]*)\],$/gm)].map(([, folder = '', list = '']) => [
        folder,
        list
          .split(',')
          .map((item) => item.trim())
          .flatMap((item) => (item === '...LEAVES' ? ['leaves'] : item === '' ? [] : [item.slice(1, -1)])),
      ]),
    );
    const table = new Map(
      [
        ...section('docs/architecture.md', '## Folders and imports').matchAll(
          /^\| `(\w+)` \| .* \| ([^|]+) \|$/gm,
        ),
      ].map(([, folder = '', list = '']) => [
        folder,
        list === 'nothing' ? [] : list.split(', ').map((item) => item.replaceAll('`', '')),
      ]),
    );
    expect(law.size).toBeGreaterThan(10);
    expect(Object.fromEntries(table)).toEqual(Object.fromEntries(law));
  });
});
