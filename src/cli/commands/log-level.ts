import { Argument, InvalidArgumentError } from 'commander';

import { LOG_LEVELS, MAX_LOG_LEVEL_OVERRIDE_MS } from '../../observability/log-level.ts';
import type { CliCommand, DaemonOptions } from '../command.ts';
import { describeCommand, withDaemonOptions } from '../command.ts';
import { createDaemonClient, resolveDaemonAddress } from '../daemon-client.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { printJson } from '../output.ts';

interface LogLevelOptions extends DaemonOptions {
  /** Seconds. */
  readonly for: number;
  readonly json?: true;
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** `log-level`: what the running daemon logs, for a time. */
export const logLevelCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'log-level',
      group: 'Daemon',
      summary: 'have the running daemon log more, or less, for a time',
      description:
        'Sets the level of the running daemon’s log without a restart. After the time it goes back to the configured\nlevel by itself. "configured" goes back now; without a level, the one in force is shown.',
      examples: [
        ['log-level debug --for 10m', 'to look into something'],
        ['log-level configured', 'back to normal'],
      ],
      exitCodes: { 3: 'the daemon does not answer' },
    });
    return withDaemonOptions(command)
      .addArgument(new Argument('[level]', 'level').choices([...LOG_LEVELS, 'configured']))
      .option('--for <time>', 'how long: 30s, 10m, 2h', parseTimeArgument, 600)
      .option('--json', 'print JSON')
      .action(async (level: string | undefined, options: LogLevelOptions) => {
        const client = createDaemonClient(resolveDaemonAddress(options, context.env));
        const state =
          level === undefined ? await client.logLevel() : await client.setLogLevel(level, options.for);
        if (options.json) printJson(context.stdout, state);
        else {
          const until =
            state.until === null ? 'as configured' : `until ${state.until}, then ${state.configured}`;
          context.stdout.write(`${state.level}, ${until}\n`);
        }
        finish(EXIT_CODES.ok);
      });
  },
};

function parseTimeArgument(text: string): number {
  const [, count, unit = 's'] = /^(\d{1,6})([smh])?$/.exec(text) ?? [];
  const seconds = Number(count) * (UNIT_SECONDS[unit] ?? 1);
  if (!(seconds >= 1 && seconds * 1000 <= MAX_LOG_LEVEL_OVERRIDE_MS))
    throw new InvalidArgumentError('Give a time up to 24 hours, such as 30s, 10m or 2h.');
  return seconds;
}
