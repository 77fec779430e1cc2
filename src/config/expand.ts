import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Path, RawProblem } from './problems.ts';

/** Longest file that `${file:…}` takes in, bytes: it is for secrets. */
const MAX_FILE_BYTES = 65_536;

const REFERENCE = /\$\{([^}]*)\}/g;

export interface ExpandOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder that relative `${file:…}` paths start at. */
  readonly folder: string;
}

export interface Expanded {
  readonly value: unknown;
  readonly problems: readonly RawProblem[];
  /** Absolute paths that `${file:…}` named. */
  readonly files: readonly string[];
}

/**
 * Replaces `${env:NAME}` and `${file:/path}` in every string of a JSON value; names of entries and the replacements
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
    const [, kind, name] = /^(env|file):(.+)$/.exec(inner) ?? [];
    if (kind === 'env' && name !== undefined) {
      const found = options.env[name]?.trim() ?? '';
      return found === '' ? { problem: `the environment variable ${name} is not set (or empty)` } : found;
    }
    if (kind === 'file' && name !== undefined) {
      const file = resolve(options.folder, name);
      files.push(file);
      return readSecretFile(file);
    }
    return { problem: '"${" must begin a reference, ${env:NAME} or ${file:/path}' };
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
