import path from 'node:path';

import { Option } from 'commander';

import type { CopyProgress, CopyResult } from '../../app/backup.ts';
import { loadConfig } from '../../config/load.ts';
import { createLogger } from '../../observability/logger.ts';
import { type CliCommand, describeCommand, withConfigOption } from '../command.ts';
import { CliError, type CliContext } from '../context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter, formatBytes, formatCount, formatDuration, printable, printJson } from '../output.ts';
import { createProgressBar } from '../progress-bar.ts';
import { explainStartFailure } from '../start-failure.ts';

interface CopyOptions {
  readonly config: string;
  readonly mode: 'copy' | 'clone' | 'link';
  readonly check?: true;
  readonly json?: true;
}

const MODE_HELP =
  'clone: share blocks where the file system can, else copy; copy: read and write every byte; link: hard links, on the same disk only';
const NAMED = 50;

/** `backup`: a consistent copy of the data folder, while it is in use. */
export const backupCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'backup',
      group: 'Daemon',
      summary: 'back the data folder up, also while the daemon runs',
      description:
        'Writes the index as it is at one instant, every object that it names and the backup lacks, and keys, audit trail,\nreports and quarantine into a folder. Everything acknowledged before it began is in it. Run it again to bring the backup\nup to date; broken off, the backup of before stands. The configuration and its secrets are not in it.',
      examples: [
        ['backup /backup/avara', 'new objects, and the rest anew'],
        ['backup /backup/avara --check', 'also read what is there already and compare digests'],
      ],
      exitCodes: {
        0: 'complete',
        1: 'objects are missing or damaged (they are named), or it was stopped',
        4: 'the data folder or the backup cannot be used',
      },
    });
    return withConfigOption(command)
      .argument('<folder>', 'where the backup is, or is to be')
      .addOption(new Option('--mode <mode>', MODE_HELP).choices(['clone', 'copy', 'link']).default('clone'))
      .option('--check', 'read what the backup holds already, too')
      .option('--json', 'print JSON')
      .action(async (folder: string, options: CopyOptions) => {
        const { backUp } = await import('../../app/backup.ts');
        finish(
          await runCopy(options, context, 'backed up', ({ signal, onProgress }) =>
            backUp({
              config: loadConfig({ file: options.config, env: context.env }),
              folder: path.resolve(folder),
              mode: options.mode,
              checkAll: options.check === true,
              signal,
              onProgress,
            }),
          ),
        );
      });
  },
};

/** `restore`: brings a backup back. */
export const restoreCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'restore',
      group: 'Daemon',
      summary: 'bring a backup back into an empty data folder',
      description:
        'Copies a backup into the data folder of the configuration, which must be empty, and compares every object with its\ndigest. Broken off, the same command goes on. Then start the daemon: what was not announced when the backup was made is looked up\nat Avara first, so that nothing is made twice.',
      examples: [['restore /backup/avara', 'into "dataDir" of the configuration']],
      exitCodes: {
        0: 'complete and whole',
        1: 'restored, but objects are missing or damaged (they are named); or stopped',
        4: 'the data folder is not empty, or there is no complete backup',
      },
    });
    return withConfigOption(command)
      .argument('<folder>', 'the backup')
      .addOption(new Option('--mode <mode>', MODE_HELP).choices(['clone', 'copy', 'link']).default('clone'))
      .option('--json', 'print JSON')
      .action(async (folder: string, options: CopyOptions) => {
        const { restore } = await import('../../app/restore.ts');
        const logger = createLogger({
          level: 'error',
          destination: { write: (line) => context.stderr.write(line) },
        });
        finish(
          await runCopy(options, context, 'restored', ({ signal, onProgress }) =>
            restore({
              config: loadConfig({ file: options.config, env: context.env }),
              folder: path.resolve(folder),
              mode: options.mode,
              signal,
              onProgress,
              logger,
            }),
          ),
        );
      });
  },
};

async function runCopy(
  options: CopyOptions,
  context: CliContext,
  done: string,
  work: (how: {
    signal: AbortSignal;
    onProgress: (progress: CopyProgress) => void;
  }) => Promise<CopyResult & { readonly wrongState?: readonly string[]; readonly startedAt?: string }>,
): Promise<number> {
  const { stdout, stderr, env } = context;
  const paint = createPainter(stdout, env);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    context.process.onSignal(signal, () => {
      stop.abort();
    });
  }
  const bar = createProgressBar(stderr, options.json !== true);
  const startedAt = Date.now();
  let result;
  try {
    result = await work({
      signal: stop.signal,
      onProgress({ objects, totalObjects, bytes, totalBytes }) {
        const text = `${formatCount(objects)} of ${formatCount(totalObjects)} objects, ${formatBytes(bytes)}`;
        bar.show(bytes, totalBytes, text);
      },
    });
  } catch (error) {
    if (!stop.signal.aborted) throw explainStartFailure(error);
    throw new CliError('stopped before its end', {
      exitCode: EXIT_CODES.failed,
      hint: 'run the same command again: it goes on where it was',
      cause: error,
    });
  } finally {
    bar.close();
  }
  const { faults, faultCount, wrongState = [] } = result;
  if (options.json === true) printJson(stdout, result);
  else {
    for (const { outcome, path: place } of faults.slice(0, NAMED))
      stdout.write(`${paint('red', '✖')} ${outcome}: ${printable(place)}\n`);
    for (const name of wrongState)
      stdout.write(`${paint('red', '✖')} missing or damaged: ${printable(name)}\n`);
    const { studies, instances, copied, copiedBytes, alreadyThere } = result;
    stdout.write(
      `${faultCount === 0 ? paint('green', '✔') : paint('yellow', '!')} ${done}: ${formatCount(instances)} instances of ${formatCount(studies)} studies; ${formatCount(copied)} objects copied (${formatBytes(copiedBytes)}), ${formatCount(alreadyThere)} were there (${formatDuration(Date.now() - startedAt)})\n`,
    );
    if (faultCount > 0)
      stdout.write(
        `  ${formatCount(faultCount)} objects could not be copied; "avara-ingest verify" says more\n`,
      );
  }
  return faultCount === 0 && wrongState.length === 0 ? EXIT_CODES.ok : EXIT_CODES.failed;
}
