import path from 'node:path';

import { loadConfig } from '../../config/load.ts';
import type { ImportEvent, ImportRequest } from '../../core/ports/file-intake.ts';
import { customerKey } from '../../core/study/instance.ts';
import { createLogger } from '../../observability/logger.ts';
import { type CliCommand, type DaemonOptions, describeCommand, withDaemonOptions } from '../command.ts';
import { CliError, type CliContext } from '../context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createFileClient } from '../file-client.ts';
import { type ImportEnd, progressText, RejectionList, summaryText, workOf } from '../import-report.ts';
import { createPainter, printJson } from '../output.ts';
import { parseCustomerArgument } from '../parse.ts';
import { createProgressBar } from '../progress-bar.ts';
import { explainAloneFailure, runningDaemon } from '../running-daemon.ts';

interface ImportOptions extends DaemonOptions {
  readonly customer: string;
  readonly dryRun?: true;
  readonly json?: true;
}

/** Where imports are carried out: in the running daemon, or here. */
interface Importer {
  readonly where: string;
  import(request: ImportRequest, signal: AbortSignal): AsyncIterable<ImportEvent>;
  close(): Promise<void>;
}

/** `import`: takes files, folders, archives and media in. */
export const importCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'import',
      group: 'Studies',
      summary: 'take files, folders, archives and DICOM media in',
      description:
        'Takes DICOM in from files and folders (with all below them), ZIP and gzip archives, and media with a DICOMDIR.\nThe files stay as they are. What cannot be stored is noted in quarantine with the reason.\n\nRuns in the daemon where one is running, otherwise here. Run it again to go on after an interruption: what was\ntaken and has not changed is not read twice.',
      examples: [
        ['import /media/cdrom --customer city-medical', 'a CD'],
        ['import export.zip scans/ --customer city-medical', 'an archive and a folder'],
        ['import /archive --customer city-medical --dry-run', 'only say what would be done'],
      ],
      exitCodes: {
        0: 'all stored, or held already',
        1: 'something could not be stored, or the import was stopped',
        3: 'a daemon is running and does not answer',
      },
    });
    return withDaemonOptions(command)
      .argument('<path...>', 'files and folders')
      .requiredOption('--customer <key>', 'customer that the images belong to', parseCustomerArgument)
      .option('--dry-run', 'read everything and say what would be done')
      .option('--json', 'print JSON')
      .action(async (paths: readonly string[], options: ImportOptions) => {
        const importer = await openImporter(options, context);
        try {
          finish(await runImport(importer, paths, options, context));
        } finally {
          await importer.close();
        }
      });
  },
};

async function openImporter(options: ImportOptions, context: CliContext): Promise<Importer> {
  const address = await runningDaemon(options, context);
  if (address !== undefined) {
    const client = createFileClient(address);
    return {
      where: `in the daemon at ${address.url}`,
      import: (request, signal) => client.import(request, signal),
      close: () => Promise.resolve(),
    };
  }
  const config = loadConfig({ file: options.config, env: context.env });
  if (!Object.hasOwn(config.customers, options.customer)) {
    throw new CliError(`no customer ${options.customer} in ${config.file}`, {
      exitCode: EXIT_CODES.usage,
      hint: `one of: ${Object.keys(config.customers).join(', ')}`,
    });
  }
  const { openFilesAlone } = await import('../../app/files-alone.ts');
  // What is worth a line is in the summary; the rest goes where diagnostics go.
  const logger = createLogger({
    level: 'error',
    destination: { write: (line) => context.stderr.write(line) },
  });
  try {
    const alone = await openFilesAlone({ config, logger });
    return {
      where: 'here: no daemon is running',
      import: (request, signal) => alone.files.import(request, signal),
      close: () => alone.close(),
    };
  } catch (error) {
    throw explainAloneFailure(error);
  }
}

async function runImport(
  importer: Importer,
  paths: readonly string[],
  options: ImportOptions,
  context: CliContext,
): Promise<number> {
  const { stdout, stderr, env } = context;
  const dryRun = options.dryRun === true;
  const request = {
    customer: customerKey(options.customer),
    paths: paths.map((given) => path.resolve(given)),
    dryRun,
  };
  const paint = createPainter(stdout, env);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    context.process.onSignal(signal, () => {
      stop.abort();
    });
  }
  const rejections = new RejectionList();
  const startedAt = Date.now();
  const bar = createProgressBar(stderr, options.json !== true);
  let end: ImportEnd | undefined;
  try {
    for await (const event of importer.import(request, stop.signal)) {
      if (event.event === 'rejected') rejections.add(event);
      else if (event.event === 'progress') {
        const { counts } = event;
        const total = workOf({ files: counts.totalFiles, bytes: counts.totalBytes });
        bar.show(workOf(counts), total, progressText(counts, Date.now() - startedAt));
      } else if (event.event === 'waiting') stderr.write(`${paint('yellow', 'waiting:')} ${event.reason}\n`);
      else end = event;
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    bar.close();
  }
  if (end === undefined) {
    throw new CliError('the import ended before its end', {
      exitCode: EXIT_CODES.failed,
      hint: 'run the same command again: it goes on where it was',
    });
  }
  if (options.json === true) {
    printJson(stdout, {
      dryRun,
      result: end.result,
      reason: end.reason,
      counts: end.counts,
      rejected: rejections.kept,
    });
  } else {
    stdout.write(`${paint('dim', `Imported ${importer.where}`)}\n`);
    stdout.write(summaryText(end, rejections, { dryRun, elapsedMs: Date.now() - startedAt, paint }));
  }
  if (end.result === 'stopped') {
    throw new CliError(`stopped: ${end.reason ?? 'before its end'}`, {
      exitCode: EXIT_CODES.failed,
      hint: 'run the same command again: it goes on where it was',
    });
  }
  return end.counts.quarantined > 0 ? EXIT_CODES.failed : EXIT_CODES.ok;
}
