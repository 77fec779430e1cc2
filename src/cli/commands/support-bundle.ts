import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

import { ZipFile } from 'yazl';

import type { BundleFile } from '../../app/support-bundle.ts';
import { loadConfig } from '../../config/load.ts';
import { requestOf } from '../admin-stream.ts';
import { type CliCommand, type DaemonOptions, describeCommand, withDaemonOptions } from '../command.ts';
import { CliError, type CliContext } from '../context.ts';
import type { DaemonAddress } from '../daemon-client.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { printJson } from '../output.ts';
import { runningDaemon } from '../running-daemon.ts';

interface BundleCliOptions extends DaemonOptions {
  readonly output?: string;
  readonly log?: string;
  readonly json?: true;
}

const MAX_LOG_BYTES = 5_000_000;
const DAEMON_TIMEOUT_MS = 20_000;
/** Of the admin API; none of them answers with patient data. */
const FROM_DAEMON = [
  ['status.json', '/api/status'],
  ['ready.json', '/readyz'],
  ['metrics.txt', '/metrics'],
] as const;

/** `support-bundle`: what helps to find a fault, without patient data and secrets. */
export const supportBundleCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'support-bundle',
      group: 'Daemon',
      summary: 'gather what helps to find a fault, without patient data and secrets',
      description:
        'Writes a ZIP file: version, configuration without its secrets, status and metrics of the running daemon, counts of the\nindex, failed deliveries with their reasons, past Associations, disk. UIDs, AE titles and addresses are in it; names, IDs\nand dates of patients, names of files, and secrets are not. Look at it before you send it.',
      examples: [
        ['support-bundle', 'writes avara-ingest-support-….zip here'],
        [
          'support-bundle --log today.log',
          'with the log, as from: journalctl -u avara-ingest -o cat --since today > today.log',
        ],
      ],
    });
    return withDaemonOptions(command)
      .option('-o, --output <file>', 'the ZIP file')
      .option('--log <file>', 'lines of the daemon’s log, to be put in')
      .option('--json', 'print JSON')
      .action(async (options: BundleCliOptions) => {
        finish(await runBundle(options, context));
      });
  },
};

async function runBundle(options: BundleCliOptions, context: CliContext): Promise<number> {
  const config = loadConfig({ file: options.config, env: context.env });
  const stamp = new Date().toISOString().slice(0, 19).replace(/:/g, '-');
  const file = path.resolve(options.output ?? `avara-ingest-support-${stamp}.zip`);
  const address = await runningDaemon(options, context);
  const { gatherBundle } = await import('../../app/support-bundle.ts');
  const files = await gatherBundle({
    config,
    fromDaemon: address === undefined ? [] : await answersOf(address),
    log: options.log === undefined ? undefined : await endOf(options.log),
  });
  const zip = new ZipFile();
  for (const { name, text } of files) zip.addBuffer(Buffer.from(text), name);
  zip.end();
  try {
    await pipeline(zip.outputStream, createWriteStream(file, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    throw new CliError(`cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`, {
      exitCode: EXIT_CODES.failed,
      cause: error,
    });
  }
  if (options.json === true) printJson(context.stdout, { file, files: files.map(({ name }) => name) });
  else context.stdout.write(`${file}\n  ${files.map(({ name }) => name).join(', ')}\n`);
  return EXIT_CODES.ok;
}

/** What cannot be had is said in its place: a daemon that hangs is worth knowing of. */
async function answersOf(address: DaemonAddress): Promise<readonly BundleFile[]> {
  return Promise.all(
    FROM_DAEMON.map(async ([name, url]) => {
      try {
        const response = await requestOf(address, url, { signal: AbortSignal.timeout(DAEMON_TIMEOUT_MS) });
        return { name, text: await response.text() };
      } catch (error) {
        return { name, text: `not to be had: ${error instanceof Error ? error.message : String(error)}\n` };
      }
    }),
  );
}

async function endOf(file: string): Promise<string> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    throw new CliError(`cannot read ${file}`, { exitCode: EXIT_CODES.usage, cause: error });
  });
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - MAX_LOG_BYTES);
    const bytes = Buffer.alloc(size - start);
    await handle.read(bytes, 0, bytes.length, start);
    return bytes.toString('utf8');
  } finally {
    await handle.close();
  }
}
