import { ConfigError } from '../config/errors.ts';
import type { DaemonOptions } from './command.ts';
import { CliError, type CliContext } from './context.ts';
import { createDaemonClient, type DaemonAddress, resolveDaemonAddress } from './daemon-client.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { explainStartFailure } from './start-failure.ts';

/**
 * Finds the daemon, for commands that work in it where one is running and by themselves otherwise.
 * @returns undefined where none answers at the configured address.
 * @throws CliError where `--url` names one that does not answer.
 */
export async function runningDaemon(
  options: DaemonOptions,
  context: CliContext,
): Promise<DaemonAddress | undefined> {
  const address = daemonAddress(options, context);
  if (address !== undefined && (await createDaemonClient(address).isAlive())) return address;
  if (options.url === undefined) return undefined;
  throw new CliError(`the daemon does not answer at ${options.url}`, { exitCode: EXIT_CODES.unreachable });
}

/** Explains why a command could not work by itself; a daemon that was not found may be the reason. */
export function explainAloneFailure(error: unknown): CliError {
  const failure = explainStartFailure(error);
  if (!failure.message.includes('another daemon')) return failure;
  return new CliError(failure.message, {
    exitCode: EXIT_CODES.unreachable,
    hint: 'its admin API does not answer at the configured address; name it with --url',
    cause: error,
  });
}

/** @returns undefined where the address cannot be known, as with port 0. */
function daemonAddress(options: DaemonOptions, context: CliContext): DaemonAddress | undefined {
  try {
    return resolveDaemonAddress(options, context.env);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    return undefined;
  }
}
