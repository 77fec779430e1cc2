import { readFileSync } from 'node:fs';

/** This program's version, from the package it is installed as. */
export const VERSION: string = versionOf(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
);

function versionOf(text: string): string {
  const { version } = JSON.parse(text) as { version?: unknown };
  if (typeof version !== 'string') throw new TypeError('package.json has no version');
  return version;
}
