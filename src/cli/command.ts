import { Command } from 'commander';
import type { CliContext } from './context.ts';
import { exitCodesHelp } from './exit-codes.ts';

/** An entry of the command table. */
export interface CliCommand {
  /** Builds the command; its action sets the exit code through `finish`, or throws. */
  build(context: CliContext, finish: (exitCode: number) => void): Command;
}

export interface CommandDescription {
  readonly name: string;
  /** Heading of the command list that it stands under. */
  readonly group: 'Daemon' | 'Studies' | 'Tools';
  /** One line for the list. */
  readonly summary: string;
  /** For the command's own help: what it does and needs. */
  readonly description: string;
  /** Command lines, without the program's name, each with what it does. */
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  readonly exitCodes?: Parameters<typeof exitCodesHelp>[0];
}

/** A command with its help: description, options, examples, exit codes. */
export function describeCommand(description: CommandDescription): Command {
  const examples = description.examples.map(([line, meaning]) => `  # ${meaning}\n  avara-ingest ${line}`);
  return new Command(description.name)
    .summary(description.summary)
    .description(flowing(description.description))
    .helpGroup(`${description.group}:`)
    .addHelpText(
      'after',
      `\nExamples:\n${examples.join('\n')}\n\nExit codes:\n${exitCodesHelp(description.exitCodes)}`,
    );
}

/** Line breaks of the source are none of the help, which is wrapped to the terminal; paragraphs and lists stay. */
function flowing(text: string): string {
  return text.replace(/(?<!\n)\n(?![\n ])/g, ' ');
}

/** The default configuration file, in the working directory. */
export const DEFAULT_CONFIG_FILE = 'config.json';

/** Adds `--config`. */
export function withConfigOption(command: Command): Command {
  return command.option('-c, --config <file>', 'configuration file', DEFAULT_CONFIG_FILE);
}

/** Adds `--config` and `--url`, for commands that talk to a running daemon. */
export function withDaemonOptions(command: Command): Command {
  return withConfigOption(command).option(
    '--url <url>',
    'admin API of the daemon, instead of the address in the configuration',
  );
}

export interface DaemonOptions {
  readonly config: string;
  readonly url?: string;
}
