import { loadConfig } from '../../config/load.ts';
import type { LeftOut } from '../../core/proof/reindex.ts';
import { createLogger } from '../../observability/logger.ts';
import { type CliCommand, describeCommand, withConfigOption } from '../command.ts';
import { CliError, type CliContext } from '../context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter, formatBytes, formatCount, formatDuration, printable, printJson } from '../output.ts';
import { createProgressBar } from '../progress-bar.ts';
import { explainStartFailure } from '../start-failure.ts';

interface ReindexCliOptions {
  readonly config: string;
  readonly fromFilesOnly?: true;
  readonly json?: true;
}

/** Files left out that are named; the count tells of the rest. */
const MAX_NAMED = 1000;

/** `reindex`: builds the index anew from the files. */
export const reindexCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'reindex',
      group: 'Daemon',
      summary: 'build the index anew from the stored files',
      description:
        'Reads every stored file and builds the index from them, for when it is lost or damaged. The daemon must be stopped.\nThe new index takes the place of the old one only when it is complete and checked; the old one is kept beside it.\nWhat no file tells (deliveries, exact times, addresses) is taken from the old index, as far as that can be read; without\none, studies are looked up at Avara again, and none is made twice.',
      examples: [
        ['reindex', 'rebuild it, with what the old one still knows'],
        ['reindex --from-files-only', 'do not trust the old one at all'],
      ],
      exitCodes: {
        0: 'rebuilt',
        1: 'rebuilt, but files were left out that are no objects of their places; or stopped, and nothing was changed',
        4: 'a daemon is running, or the data folder cannot be used',
      },
    });
    return withConfigOption(command)
      .option('--from-files-only', 'take nothing over from the old index')
      .option('--json', 'print JSON')
      .action(async (options: ReindexCliOptions) => {
        finish(await runReindex(options, context));
      });
  },
};

async function runReindex(options: ReindexCliOptions, context: CliContext): Promise<number> {
  const { stdout, stderr, env } = context;
  const paint = createPainter(stdout, env);
  const config = loadConfig({ file: options.config, env });
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    context.process.onSignal(signal, () => {
      stop.abort();
    });
  }
  const { reindex } = await import('../../app/reindex.ts');
  const logger = createLogger({ level: 'error', destination: { write: (line) => stderr.write(line) } });
  const bar = createProgressBar(stderr, options.json !== true);
  const leftOut: LeftOut[] = [];
  const startedAt = Date.now();
  let result;
  try {
    result = await reindex({
      config,
      logger,
      fromFilesOnly: options.fromFilesOnly === true,
      signal: stop.signal,
      emit(event) {
        if (event.event === 'left-out') {
          if (leftOut.length < MAX_NAMED) leftOut.push(event);
          return;
        }
        const { instances, studies, bytes } = event.counts;
        bar.show(
          0,
          1,
          `${formatCount(instances)} instances of ${formatCount(studies)} studies, ${formatBytes(bytes)}`,
        );
      },
    });
  } catch (error) {
    if (!stop.signal.aborted) throw explainStartFailure(error);
    throw new CliError('stopped: the index was left as it was', {
      exitCode: EXIT_CODES.failed,
      cause: error,
    });
  } finally {
    bar.close();
  }
  if (options.json === true) printJson(stdout, { ...result, files: leftOut });
  else {
    for (const { path, reason } of leftOut)
      stdout.write(`${paint('yellow', '!')} left out: ${printable(path)}: ${reason}\n`);
    const { instances, studies, conflicts, reports, bytes, keptAs, notTakenOver } = result;
    stdout.write(
      `${paint('green', '✔')} ${formatCount(instances)} instances of ${formatCount(studies)} studies indexed, ${formatCount(conflicts)} conflicts, ${formatCount(reports)} reports (${formatBytes(bytes)} in ${formatDuration(Date.now() - startedAt)})\n`,
    );
    if (notTakenOver === undefined)
      stdout.write('  deliveries were not known: each study is looked up at Avara after the next start\n');
    else if (notTakenOver.length > 0)
      stdout.write(`  not readable in the old index: ${notTakenOver.join(', ')}\n`);
    if (keptAs !== undefined) stdout.write(`  the old index is kept as ${keptAs}\n`);
  }
  return result.leftOut > 0 ? EXIT_CODES.failed : EXIT_CODES.ok;
}
