import { setTimeout as delay } from 'node:timers/promises';

import { InvalidArgumentError } from 'commander';

import type { CliCommand, DaemonOptions } from '../command.ts';
import { describeCommand, withDaemonOptions } from '../command.ts';
import type { DaemonClient } from '../daemon-client.ts';
import { createDaemonClient, resolveDaemonAddress } from '../daemon-client.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createFileClient } from '../file-client.ts';
import { fileStatusText } from '../file-status.ts';
import { createPainter, printJson } from '../output.ts';
import { parseLimitArgument } from '../parse.ts';
import type { StatusView } from '../status-text.ts';
import { statusText } from '../status-text.ts';

interface StatusOptions extends DaemonOptions {
  readonly limit: number;
  readonly file?: string;
  readonly json?: true;
  /** Seconds between two looks. */
  readonly watch?: number | true;
}

/** Most lines of the attention list; the admin page has all of them. */
const MAX_ATTENTION = 20;
const DEFAULT_WATCH_SECONDS = 2;
/** Clears the screen and what scrolled off it, and goes to its first line (ECMA-48). */
const CLEAR_SCREEN = '\u001b[H\u001b[2J\u001b[3J';

/** `status`: what the daemon holds, what needs attention, what came in last. */
export const statusCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'status',
      group: 'Daemon',
      summary: 'show how it is, what needs attention, and the newest studies',
      description:
        'Asks the running daemon how it is, for its counts, disk and senders, the studies that need attention, and\nthe newest studies: what the status page shows.',
      examples: [
        ['status', 'with ./config.json'],
        ['status --config /etc/avara-ingest/config.json --limit 50', 'more studies'],
        ['status --file IM0001.dcm', 'where is my file?'],
        ['status --watch', 'a page in the terminal that follows what happens'],
        ['status --json', 'for programs'],
      ],
      exitCodes: { 3: 'the daemon does not answer' },
    });
    return withDaemonOptions(command)
      .option('-n, --limit <count>', 'newest studies to list', parseLimitArgument, 10)
      .option(
        '--file <name>',
        'instead: what became of a file, by its name (or its beginning) or its full path',
      )
      .option('-w, --watch [seconds]', 'look again every so many seconds, until Ctrl-C', parseWatchArgument)
      .option('--json', 'print JSON; with --watch one line per look')
      .action(async (options: StatusOptions) => {
        if (options.file !== undefined) {
          finish(await printFileStatus(options.file, options, context));
          return;
        }
        const client = createDaemonClient(resolveDaemonAddress(options, context.env));
        if (options.watch === undefined) await printStatus(client, options, context);
        else
          await watchStatus(
            client,
            options,
            context,
            options.watch === true ? DEFAULT_WATCH_SECONDS : options.watch,
          );
        finish(EXIT_CODES.ok);
      });
  },
};

/** @returns `failed` where nothing is known of such a file. */
async function printFileStatus(name: string, options: StatusOptions, context: CliContext): Promise<number> {
  const { stdout, env } = context;
  const answer = await createFileClient(resolveDaemonAddress(options, env)).find(name);
  if (options.json) printJson(stdout, answer);
  else stdout.write(fileStatusText(name, answer, createPainter(stdout, env), Date.now()));
  const isKnown = Object.values(answer).some((list) => list.length > 0);
  return isKnown ? EXIT_CODES.ok : EXIT_CODES.failed;
}

async function lookNow(client: DaemonClient, { limit }: StatusOptions): Promise<StatusView> {
  const [status, attention, recent] = await Promise.all([
    client.status(),
    client.studies({ delivery: 'attention' }, MAX_ATTENTION),
    client.studies({}, limit),
  ]);
  const needing = attention.filter((study) => study.avara.some(({ state }) => state === 'attention'));
  return { url: client.url, status, attention: needing, recent };
}

async function printStatus(client: DaemonClient, options: StatusOptions, context: CliContext): Promise<void> {
  const view = await lookNow(client, options);
  const { stdout, env } = context;
  if (options.json) printJson(stdout, jsonOf(view));
  else stdout.write(statusText(view, createPainter(stdout, env), Date.now()));
}

/** Shows the page anew until a signal; a daemon that is away is waited for. */
async function watchStatus(
  client: DaemonClient,
  options: StatusOptions,
  { stdout, env, process }: CliContext,
  seconds: number,
): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.onSignal(signal, () => stop.abort());
  const paint = createPainter(stdout, env);
  while (!stop.signal.aborted) {
    let text: string;
    try {
      const view = await lookNow(client, options);
      text = options.json ? `${JSON.stringify(jsonOf(view))}\n` : statusText(view, paint, Date.now());
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      text = options.json
        ? `${JSON.stringify({ error: error.message })}\n`
        : `${paint('red', error.message)}\n`;
    }
    const isScreen = stdout.isTTY === true && !options.json;
    stdout.write(isScreen ? `${CLEAR_SCREEN}${text}` : text);
    await delay(seconds * 1000, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}

function jsonOf({ status, ...view }: StatusView): object {
  return { ...status, ...view };
}

function parseWatchArgument(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 1 && seconds <= 3600)) throw new InvalidArgumentError('Give 1 to 3600 seconds.');
  return seconds;
}
