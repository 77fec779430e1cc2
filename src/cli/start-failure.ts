import { StartError } from '../app/daemon.ts';
import { ConfigError } from '../config/errors.ts';
import { fileFaultOf } from '../platform/file-fault.ts';
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
  readonly path?: unknown;
}

function explainSystemError(error: Error & SystemError): { message: string; hint: string } | undefined {
  const path = typeof error.path === 'string' ? error.path : undefined;
  const fault = path === undefined ? undefined : fileFaultOf(error);
  return fault && { message: `${path} cannot be used: ${fault.what}`, hint: fault.hint };
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
