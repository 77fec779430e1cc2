import { performance } from 'node:perf_hooks';
import { WriteStream } from 'node:tty';

import { Presets, SingleBar } from 'cli-progress';

import type { CliCommand } from '../command.ts';
import { describeCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter, formatBytes, formatCount, formatDuration, printJson } from '../output.ts';
import type { DimsePeer, PeerArgument, PeerOptions } from '../dimse-peer.ts';
import { parsePeerArgument, resolvePeer, withPeerOptions } from '../dimse-peer.ts';
import { parseAssociationsArgument, parseSecondsArgument } from '../parse.ts';
import { TLS_HINTS } from '../tls-hints.ts';
import { findFiles, type SendableFile } from '../send/find-files.ts';
import { isAllSent, reportText, type SendReport, SendTally } from '../send/send-report.ts';

interface SendCommandOptions extends PeerOptions {
  readonly to: PeerArgument;
  readonly associations: number;
  readonly timeout: number;
  readonly json?: true;
}

/** `send`: C-STORE of files to any DICOM peer. */
export const sendCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'send',
      group: 'Tools',
      summary: 'send DICOM files to a DICOM peer',
      description:
        'Sends Part 10 files, and folders with all below them, to a peer by C-STORE: this daemon, a PACS.\nEach object is proposed in the Transfer Syntax that it is in and goes out byte for byte; nothing is converted.\nFiles of other kinds are left out. Objects of more than 2 GiB cannot be sent by this command.',
      examples: [
        ['send scans/ --to 127.0.0.1:11112 --called CITYMED --calling CT1', 'a folder, to this daemon'],
        ['send image.dcm --to pacs.example.org:104 --called PACS', 'one file, to a PACS'],
        ['send /archive --to [fd00::5]:104 --called PACS --associations 4', 'many, over four Associations'],
        ['send image.dcm --to pacs.example.org:2762 --called PACS --tls', 'over TLS'],
        ['send image.dcm --to PACS', 'to a peer of the configuration'],
      ],
      exitCodes: {
        0: 'all were accepted',
        1: 'some were refused or could not be read, there were none, or TLS with the peer is not to be had',
        3: 'no answer from the peer',
      },
    });
    return withPeerOptions(
      command
        .argument('<path...>', 'files and folders')
        .requiredOption(
          '--to <peer>',
          'HOST:PORT, or AE title of a peer in the configuration',
          parsePeerArgument,
        ),
    )
      .option('--associations <count>', 'Associations at the same time', parseAssociationsArgument, 1)
      .option('--timeout <seconds>', 'how long to wait for each answer', parseSecondsArgument, 60)
      .option('--json', 'print JSON')
      .action(async (paths: readonly string[], options: SendCommandOptions) => {
        const peer = await resolvePeer(options.to, options, context.env);
        const report = await send(paths, peer, options, context);
        if (options.json) printJson(context.stdout, report);
        else context.stdout.write(reportText(report, createPainter(context.stdout, context.env)));
        finish(exitCodeOf(report));
        if (!options.json) explainFailure(report, peer);
      });
  },
};

function exitCodeOf(report: SendReport): number {
  if (report.sent === 0 && report.failure?.reason === 'unreachable') return EXIT_CODES.unreachable;
  return isAllSent(report) ? EXIT_CODES.ok : EXIT_CODES.failed;
}

/** @throws CliError where the peer, rather than single files, is what went wrong. */
function explainFailure(report: SendReport, { calledAeTitle, callingAeTitle, host, port }: DimsePeer): void {
  const { failure } = report;
  if (failure === null) return;
  const subject = `${callingAeTitle} → ${calledAeTitle} at ${host}:${port}`;
  throw new CliError(`${subject}: ${failure.message}`, {
    exitCode: exitCodeOf(report),
    hint: hintFor(failure),
  });
}

function hintFor(failure: NonNullable<SendReport['failure']>): string {
  switch (failure.reason) {
    case 'tls':
      return TLS_HINTS[failure.problem];
    case 'rejected':
      return 'compare both AE titles, letter by letter, and the address with the peer’s configuration; for this daemon see "avara-ingest route"';
    case 'unreachable':
      return 'check host, port and firewalls between the two';
  }
}

async function send(
  paths: readonly string[],
  peer: DimsePeer,
  options: SendCommandOptions,
  context: CliContext,
): Promise<SendReport> {
  // Loaded on use: the daemon, in the same program, has no need of this library's memory.
  const { sendFiles } = await import('../send/send-files.ts');
  const startedAt = performance.now();
  const tally = new SendTally();
  const files: SendableFile[] = [];
  for await (const found of findFiles(paths)) {
    if (found.kind === 'sendable') files.push(found);
    else tally.addUnsendable(found);
  }
  const bar = options.json === true ? undefined : createBar(context, files);
  try {
    const failure = await sendFiles({
      ...peer,
      timeoutMs: options.timeout * 1000,
      associations: options.associations,
      files,
      onDone(outcome) {
        tally.add(outcome);
        bar?.done(outcome.file.bytes);
      },
    });
    return tally.report(Math.round(performance.now() - startedAt), failure);
  } finally {
    bar?.close();
  }
}

/** The progress bar, by bytes; undefined where standard error is no terminal. */
function createBar({ stderr }: CliContext, files: readonly SendableFile[]) {
  if (!(stderr instanceof WriteStream) || files.length === 0) return undefined;
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const bar = new SingleBar(
    {
      stream: stderr,
      format: '{bar} {percentage}% {text}',
      hideCursor: true,
      clearOnComplete: true,
      barsize: 24,
    },
    Presets.shades_classic,
  );
  const startedAt = performance.now();
  let done = 0;
  let doneBytes = 0;
  bar.start(total, 0, { text: `0 of ${formatCount(files.length)}` });
  return {
    done(bytes: number): void {
      done += 1;
      doneBytes += bytes;
      bar.update(doneBytes, { text: progressText(performance.now() - startedAt) });
    },
    close(): void {
      bar.stop();
    },
  };

  function progressText(elapsedMs: number): string {
    const bytesPerMs = doneBytes / Math.max(1, elapsedMs);
    return [
      `${formatCount(done)} of ${formatCount(files.length)}`,
      `${formatBytes(bytesPerMs * 1000)}/s`,
      `${formatDuration((total - doneBytes) / Math.max(bytesPerMs, 1e-6))} left`,
    ].join(' · ');
  }
}
