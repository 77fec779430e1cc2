import { Command, CommanderError } from 'commander';
import { ConfigError, describeProblem } from '../config/errors.ts';
import { COMMANDS } from './commands/index.ts';
import type { CliContext } from './context.ts';
import { CliError } from './context.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { Painter } from './output.ts';
import { createPainter, wantsColour } from './output.ts';
import { InstallationError } from '../platform/installation-error.mjs';
import { VERSION } from '../platform/version.ts';

/**
 * Runs one command line.
 * @returns the exit code, see exit-codes.ts. Results are on `stdout`, everything else on `stderr`.
 */
export async function run(context: CliContext): Promise<number> {
  let exitCode: number = EXIT_CODES.ok;
  const program = createProgram(context, (code) => {
    exitCode = code;
  });
  try {
    if (context.argv.length === 0) {
      program.outputHelp({ error: true });
      return EXIT_CODES.usage;
    }
    await program.parseAsync([...context.argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    return report(error, context);
  }
}

/** The command tree, for {@link run} and for tests of its help. */
export function createProgram(context: CliContext, finish: (exitCode: number) => void): Command {
  const paint = createPainter(context.stdout, context.env);
  const program = new Command('avara-ingest')
    .description('Receives DICOM images, keeps them safe, and connects each study to Avara.')
    .version(VERSION, '-V, --version', 'print the version')
    .usage('<command> [options]')
    .addHelpText(
      'after',
      '\navara-ingest <command> --help shows options, examples and exit codes of a command.',
    );
  for (const command of COMMANDS) program.addCommand(command.build(context, finish));
  const nested = program.commands.flatMap(({ commands }) => commands);
  for (const command of [program, ...program.commands, ...nested]) applyStyle(command, context, paint);
  return program;
}

function applyStyle(command: Command, context: CliContext, paint: Painter): void {
  command
    .exitOverride()
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .configureHelp({
      styleTitle: (title) => paint('bold', title),
      styleCommandText: (text) => paint('cyan', text),
      styleSubcommandText: (text) => paint('cyan', text),
      styleOptionText: (text) => text,
    })
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      getOutHasColors: () => wantsColour(context.stdout, context.env),
      getErrHasColors: () => wantsColour(context.stderr, context.env),
      getOutHelpWidth: () => helpWidth(context.stdout.columns),
      getErrHelpWidth: () => helpWidth(context.stderr.columns),
      outputError: (text, write) => {
        const paintError = createPainter(context.stderr, context.env);
        const path = command.name() === 'avara-ingest' ? '' : ` ${command.name()}`;
        write(`${paintError('red', 'error:')} ${text.replace(/^error: /, '')}`);
        write(`${paintError('dim', 'hint:')} avara-ingest${path} --help shows what is possible\n`);
      },
    });
}

/** Lines longer than this are hard to read, and descriptions are broken by hand for it. */
function helpWidth(columns: number | undefined): number {
  return Math.min(columns ?? 110, 110);
}

function report(error: unknown, { stderr, env }: CliContext): number {
  // Commander has printed its message (or the help that was asked for) already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  const paint = createPainter(stderr, env);
  if (error instanceof ConfigError) {
    stderr.write(configErrorText(error, paint));
    return EXIT_CODES.usage;
  }
  if (error instanceof CliError) {
    stderr.write(`${paint('red', 'error:')} ${error.message}\n`);
    if (error.hint !== undefined) stderr.write(`${paint('dim', 'hint:')} ${error.hint}\n`);
    return error.exitCode;
  }
  if (error instanceof InstallationError) {
    stderr.write(`${paint('red', 'error:')} ${error.message}\n${paint('dim', 'hint:')} ${error.hint}\n`);
    return EXIT_CODES.cannotStart;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  stderr.write(`${paint('red', 'error:')} unexpected: ${text}\n`);
  return EXIT_CODES.failed;
}

function configErrorText(error: ConfigError, paint: Painter): string {
  const count = error.problems.length === 1 ? '1 problem' : `${error.problems.length} problems`;
  const lines = error.problems.map((problem) => `  ${describeProblem(problem)}`);
  const hint = hintFor(error);
  const hintLine = hint === undefined ? '' : `${paint('dim', 'hint:')} ${hint}\n`;
  return `${paint('red', 'error:')} ${error.file} has ${count}\n${lines.join('\n')}\n${hintLine}`;
}

function hintFor({ problems }: ConfigError): string | undefined {
  if (problems.some(({ message }) => message.includes('environment variable')))
    return 'set the variables in this shell too; a service keeps them in its environment file';
  if (problems.some(({ path, message }) => path === '' && message.endsWith('it does not exist')))
    return 'name the file with --config, or write it: README.md has a first one, config.example.json most settings';
  return undefined;
}
