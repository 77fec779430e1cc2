import { StartError } from '../app/daemon.ts';
import { ConfigError } from '../config/errors.ts';
import { CliError } from './context.ts';
import { EXIT_CODES } from './exit-codes.ts';

/** Longest chain of causes that is looked through. */
const MAX_CAUSES = 8;

/** Turns whatever kept the daemon from starting into one clear line, a hint and an exit code. */
export function explainStartFailure(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof ConfigError) {
    return new CliError(error.message, { exitCode: EXIT_CODES.usage, cause: error });
  }
  const chain = causesOf(error);
  const startError = chain.find((one) => one instanceof StartError);
  if (startError !== undefined) {
    return new CliError(startError.message, {
      exitCode: EXIT_CODES.cannotStart,
      hint: startError.hint,
      cause: error,
    });
  }
  for (const cause of chain) {
    const known = explainSystemError(cause);
    if (known !== undefined) {
      return new CliError(known.message, {
        exitCode: EXIT_CODES.cannotStart,
        hint: known.hint,
        cause: error,
      });
    }
  }
  const message = error instanceof Error ? error.message : String(error);
  return new CliError(`the daemon could not start: ${message}`, {
    exitCode: EXIT_CODES.cannotStart,
    cause: error,
  });
}

interface SystemError {
  readonly code?: unknown;
  readonly path?: unknown;
}

function explainSystemError(error: Error & SystemError): { message: string; hint: string } | undefined {
  const path = typeof error.path === 'string' ? error.path : undefined;
  if (path === undefined) return undefined;
  switch (error.code) {
    case 'EACCES':
    case 'EPERM':
      return {
        message: `this user may not use ${path}`,
        hint: 'check who owns the data folder: ls -ld shows it',
      };
    case 'EROFS':
      return {
        message: `${path} is on a read-only file system`,
        hint: 'mount it for writing, or change dataDir',
      };
    case 'ENOSPC':
    case 'EDQUOT':
      return {
        message: `there is no space left for ${path}`,
        hint: 'free some space, or move dataDir to a larger disk',
      };
    case 'ENOENT':
      return { message: `${path} does not exist`, hint: 'check the path in the configuration' };
    case 'ENOTDIR':
      return { message: `${path} is not a folder`, hint: 'check dataDir in the configuration' };
  }
  return undefined;
}

function causesOf(error: unknown): (Error & SystemError)[] {
  const chain: Error[] = [];
  for (let current = error; current instanceof Error && chain.length < MAX_CAUSES; current = current.cause) {
    chain.push(current);
    if (current instanceof AggregateError)
      chain.push(...current.errors.filter((one) => one instanceof Error));
  }
  return chain;
}
