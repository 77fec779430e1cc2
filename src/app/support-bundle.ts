import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import type { Config } from '../config/config.ts';
import { Secret } from '../config/secret.ts';
import { VERSION } from '../platform/version.ts';
import { type IndexFacts, readIndexFacts } from '../sqlite/support-facts.ts';
import { indexFile } from './index-file.ts';

/** A file of the bundle. */
export interface BundleFile {
  readonly name: string;
  readonly text: string;
}

export interface BundleOptions {
  readonly config: Config;
  /** Answers of the running daemon by file name; empty where none runs. */
  readonly fromDaemon: readonly BundleFile[];
  /** Lines of the daemon's log, if there are any at hand. */
  readonly log?: string | undefined;
}

/** These tell of no patient whatever happens, and a facility may be called as one. */
const WITHOUT_PATIENTS: ReadonlySet<string> = new Set([
  'about.json',
  'config.json',
  'disk.json',
  'index.json',
]);
const BLANK = '[removed]';

/**
 * Gathers what helps to find a fault, without patient data and secrets: what is written down is taken from places that hold
 * none, and values that are known to be private are blanked out once more.
 */
export async function gatherBundle({
  config,
  fromDaemon,
  log,
}: BundleOptions): Promise<readonly BundleFile[]> {
  const { dataDir } = config;
  const json = (name: string, value: unknown): BundleFile => ({
    name,
    text: `${JSON.stringify(value, undefined, 2)}\n`,
  });
  const { patientValues, deliveries, associations, reports, ...index } = indexFacts(dataDir);
  const files = [
    json('about.json', aboutMachine()),
    json('config.json', withoutUrlSecrets(withoutArguments(config))),
    json('disk.json', await aboutDisk(dataDir)),
    json('index.json', index),
    json('deliveries.json', deliveries ?? []),
    json('reports.json', reports ?? []),
    json('associations.json', associations ?? []),
    ...fromDaemon,
    ...(log === undefined ? [] : [{ name: 'log.jsonl', text: onlyLogLines(log) }]),
  ];
  const hidden = [...secretsOf(config), ...patientValues].sort((a, b) => b.length - a.length);
  return files.map(({ name, text }) => ({
    name,
    text: hide(text, WITHOUT_PATIENTS.has(name) ? secretsOf(config) : hidden),
  }));
}

/** A damaged index is no reason to have no bundle. */
function indexFacts(dataDir: string): Partial<IndexFacts> & { readonly patientValues: readonly string[] } & {
  readonly error?: string;
} {
  try {
    return readIndexFacts(indexFile(dataDir));
  } catch (error) {
    return { patientValues: [], error: error instanceof Error ? error.message : String(error) };
  }
}

function aboutMachine(): object {
  return {
    version: VERSION,
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    release: os.release(),
    cpus: os.cpus().length,
    memoryBytes: os.totalmem(),
    freeMemoryBytes: os.freemem(),
    uptimeSeconds: Math.round(os.uptime()),
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    at: new Date().toISOString(),
  };
}

async function aboutDisk(dataDir: string): Promise<object> {
  const { bavail, blocks, bsize, ffree, files, type } = await fs.statfs(dataDir);
  return {
    freeBytes: bavail * bsize,
    totalBytes: blocks * bsize,
    freeInodes: ffree,
    inodes: files,
    fileSystemType: `0x${type.toString(16)}`,
    entries: await entriesOf(dataDir),
    incoming: (await fs.readdir(path.join(dataDir, 'incoming')).catch(() => [])).length,
    quarantine: await quarantineCodes(dataDir),
  };
}

/** Names at the top of a data folder are ours. */
async function entriesOf(dataDir: string): Promise<readonly object[]> {
  const names = (await fs.readdir(dataDir).catch(() => [])).sort();
  return Promise.all(
    names.map(async (name) => {
      const stats = await fs.stat(path.join(dataDir, name)).catch(() => undefined);
      return { name, ...(stats?.isFile() === true && { bytes: stats.size }), mode: stats?.mode.toString(8) };
    }),
  );
}

/** How many of which reason; names and paths of files may tell of patients. */
async function quarantineCodes(dataDir: string): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  const names = await fs.readdir(path.join(dataDir, 'quarantine'), { recursive: true }).catch(() => []);
  for (const name of names.filter((one) => one.endsWith('.reason.json'))) {
    const text = await fs.readFile(path.join(dataDir, 'quarantine', name), 'utf8').catch(() => '{}');
    const code = /"code": "([a-z-]+)"/.exec(text)?.[1] ?? 'unknown';
    counts[code] = (counts[code] ?? 0) + 1;
  }
  return counts;
}

/** Secrets print as such already; what is left are URLs with credentials or tokens in them. */
function withoutUrlSecrets(config: unknown): unknown {
  return JSON.parse(JSON.stringify(config), (_key, value: unknown) => {
    if (typeof value !== 'string' || !/^https?:\/\//.test(value) || !URL.canParse(value)) return value;
    const url = new URL(value);
    for (const name of [...url.searchParams.keys()]) url.searchParams.set(name, 'removed');
    url.username = '';
    url.password = '';
    return url.search === '' ? value.replace(/\/\/[^/@]*@/, '//') : url.href;
  });
}

/** Arguments of the mail command may hold a password; only the program is told. */
function withoutArguments(config: Config): unknown {
  const { mail } = config.alerts;
  if (mail === undefined) return config;
  const [program, ...given] = mail.command;
  const command = [program, ...given.map(() => BLANK)];
  return { ...config, alerts: { ...config.alerts, mail: { ...mail, command } } };
}

/** Every secret of the configuration, whichever section it is in. */
function secretsOf(config: Config): readonly string[] {
  const found = new Set<string>();
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (value instanceof Secret) found.add(value.reveal());
    else for (const one of Object.values(value)) collect(one);
  };
  collect(config);
  return [...found];
}

/** Only lines that the daemon wrote: they hold no patient data. */
function onlyLogLines(log: string): string {
  return log
    .split('\n')
    .filter((line) => /^\{.*"msg":".*\}$/.test(line))
    .map((line) => `${line}\n`)
    .join('');
}

function hide(text: string, values: readonly string[]): string {
  let result = text;
  for (const value of values) {
    const escaped = JSON.stringify(value).slice(1, -1);
    const pattern = [...new Set([value, escaped])]
      .map((one) => one.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
      .join('|');
    result = result.replace(new RegExp(`(?<![\\p{L}\\p{N}])(?:${pattern})(?![\\p{L}\\p{N}])`, 'giu'), BLANK);
  }
  return result;
}
