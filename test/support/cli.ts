import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';

const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');

export interface CliRun {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the built command line to its end. */
export function runCli(...argv: readonly string[]): Promise<CliRun> {
  return runCliWith({}, ...argv);
}

/** The same with environment variables besides those of the tests. */
export async function runCliWith(
  env: Readonly<Record<string, string>>,
  ...argv: readonly string[]
): Promise<CliRun> {
  const child = spawn(process.execPath, [MAIN, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, out, err };
}
