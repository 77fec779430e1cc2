import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Path, RawProblem } from './problems.ts';

/** Longest file that `${file:…}` takes in, bytes: it is for secrets. */
const MAX_FILE_BYTES = 65_536;

/** Folder of credentials beside the configuration file. */
export const CREDENTIALS_FOLDER = 'credentials';

/** A name is also a file name. */
const CREDENTIAL_NAME = /^[A-Za-z0-9][\w.-]{0,127}$/;

const REFERENCE = /\$\{([^}]*)\}/g;

export interface ExpandOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder that relative `${file:…}` paths start at. */
  readonly folder: string;
}

export interface Expanded {
  readonly value: unknown;
  readonly problems: readonly RawProblem[];
  /** Absolute paths that `${file:…}` and `${cred:…}` named. */
  readonly files: readonly string[];
}

/**
 * Replaces `${env:NAME}`, `${file:/path}` and `${cred:NAME}` in every string of a JSON value; names of entries and the replacements
 * themselves are left as they are. White space around a replacement (a file's last line end) is dropped.
 */
export function expandReferences(value: unknown, options: ExpandOptions, path: Path = []): Expanded {
  const problems: RawProblem[] = [];
  const files: string[] = [];

  function expandString(text: string, at: Path): string {
    return text.replace(REFERENCE, (reference, inner: string) => {
      const replacement = resolveReference(inner);
      if (typeof replacement === 'string') return replacement;
      problems.push({ path: at, message: replacement.problem, isReference: true });
      return reference;
    });
  }

  function resolveReference(inner: string): string | { readonly problem: string } {
    const [, kind, name] = /^(env|file|cred):(.+)$/.exec(inner) ?? [];
    if (kind === 'env' && name !== undefined) {
      const found = options.env[name]?.trim() ?? '';
      return found === '' ? { problem: `the environment variable ${name} is not set (or empty)` } : found;
    }
    if (kind === 'file' && name !== undefined) {
      const file = resolve(options.folder, name);
      files.push(file);
      return readSecretFile(file);
    }
    if (kind === 'cred' && name !== undefined) {
      if (!CREDENTIAL_NAME.test(name)) return { problem: `"${name}" is no name of a credential` };
      const file = join(credentialsFolder(options), name);
      files.push(file);
      return readSecretFile(file);
    }
    return { problem: '"${" must begin a reference: ${env:NAME}, ${file:/path} or ${cred:NAME}' };
  }

  function expand(current: unknown, at: Path): unknown {
    if (typeof current === 'string') return expandString(current, at);
    if (Array.isArray(current)) return current.map((item, index) => expand(item, [...at, index]));
    if (typeof current === 'object' && current !== null) {
      return Object.fromEntries(
        Object.entries(current).map(([key, item]) => [key, expand(item, [...at, key])]),
      );
    }
    return current;
  }

  const expanded = expand(value, path);
  return { value: expanded, problems, files };
}

/**
 * Where `${cred:NAME}` is looked up: the folder that systemd passes credentials in (systemd.exec(5), LoadCredential=),
 * else `credentials` beside the configuration file, so that commands work outside the service.
 */
function credentialsFolder({ env, folder }: ExpandOptions): string {
  const passed = env.CREDENTIALS_DIRECTORY ?? '';
  return passed === '' ? join(folder, CREDENTIALS_FOLDER) : passed;
}

/** Names that the `${…}` references of a JSON value give, without looking them up. */
export interface References {
  readonly env: readonly string[];
  readonly files: readonly string[];
  readonly credentials: readonly string[];
}

export function findReferences(value: unknown): References {
  const found = { env: new Set<string>(), file: new Set<string>(), cred: new Set<string>() };
  const visit = (current: unknown): void => {
    if (typeof current === 'string') {
      for (const [, kind, name] of current.matchAll(/\$\{(env|file|cred):([^}]+)\}/g))
        found[kind as keyof typeof found].add(name ?? '');
    } else if (typeof current === 'object' && current !== null) Object.values(current).forEach(visit);
  };
  visit(value);
  return { env: [...found.env], files: [...found.file], credentials: [...found.cred] };
}

function readSecretFile(file: string): string | { readonly problem: string } {
  try {
    const content = readFileSync(file);
    if (content.length > MAX_FILE_BYTES)
      return { problem: `the file ${file} is longer than ${MAX_FILE_BYTES} bytes` };
    const text = content.toString('utf8').trim();
    return text === '' ? { problem: `the file ${file} is empty` } : text;
  } catch (error) {
    return { problem: `the file ${file} cannot be read: ${readFailure(error)}` };
  }
}

/** Why a file could not be read, in words. */
export function readFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not read it';
  if (code === 'EISDIR') return 'it is a folder';
  return error instanceof Error ? error.message : String(error);
}
