import { performance } from 'node:perf_hooks';
import type { EchoOutcome } from '../c-echo.ts';
import type { CliCommand } from '../command.ts';
import { describeCommand } from '../command.ts';
import { CliError } from '../context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter, printJson } from '../output.ts';
import { parseAeTitleArgument, parseHostPortArgument, parseSecondsArgument } from '../parse.ts';

interface EchoCommandOptions {
  readonly called: string;
  readonly calling: string;
  readonly timeout: number;
  readonly json?: true;
}

/** `echo`: C-ECHO to any DICOM peer. */
export const echoCommand: CliCommand = {
  build(context, finish) {
    return describeCommand({
      name: 'echo',
      group: 'Tools',
      summary: 'send a C-ECHO to a DICOM peer',
      description:
        'Sends a C-ECHO (DICOM "ping") to a peer: this daemon, a PACS, another modality. Tells whether the network,\nthe port and the AE titles are right.',
      examples: [
        ['echo 127.0.0.1:11112 --called CITYMED --calling CT1', 'does the daemon admit CT1?'],
        ['echo pacs.example.org:104 --called PACS', 'is the PACS there?'],
      ],
      exitCodes: { 1: 'the peer answered, but refused', 3: 'no answer from the peer' },
    })
      .argument('<host:port>', 'address of the peer', parseHostPortArgument)
      .requiredOption('--called <ae>', 'AE title of the peer', parseAeTitleArgument)
      .option('--calling <ae>', 'AE title to call with', parseAeTitleArgument, 'AVARA_INGEST')
      .option('--timeout <seconds>', 'how long to wait for each answer', parseSecondsArgument, 10)
      .option('--json', 'print JSON')
      .action(async (peer: { host: string; port: number }, options: EchoCommandOptions) => {
        // Loaded on use: the daemon, in the same program, has no need of this library's memory.
        const { sendEcho } = await import('../c-echo.ts');
        const startedAt = performance.now();
        const outcome = await sendEcho({
          ...peer,
          calledAeTitle: options.called,
          callingAeTitle: options.calling,
          timeoutMs: options.timeout * 1000,
        });
        const durationMs = Math.round(performance.now() - startedAt);
        if (options.json) {
          printJson(context.stdout, { ...outcome, durationMs });
          finish(exitCodeOf(outcome));
          return;
        }
        const where = `${peer.host}:${peer.port}`;
        const error = errorOf(outcome, `${options.calling} → ${options.called} at ${where}`);
        if (error !== undefined) throw error;
        const peerName =
          outcome.kind === 'answered' && outcome.peerImplementation !== ''
            ? ` (${outcome.peerImplementation})`
            : '';
        const paint = createPainter(context.stdout, context.env);
        context.stdout.write(
          `${paint('green', '✔')} ${options.called} at ${where}${peerName} answered in ${durationMs} ms\n`,
        );
        finish(EXIT_CODES.ok);
      });
  },
};

function exitCodeOf(outcome: EchoOutcome): number {
  if (outcome.kind === 'unreachable') return EXIT_CODES.unreachable;
  return outcome.kind === 'answered' && outcome.status === 0 ? EXIT_CODES.ok : EXIT_CODES.failed;
}

function errorOf(outcome: EchoOutcome, subject: string): CliError | undefined {
  const exitCode = exitCodeOf(outcome);
  switch (outcome.kind) {
    case 'answered': {
      if (outcome.status === 0) return undefined;
      const status = outcome.status.toString(16).padStart(4, '0').toUpperCase();
      return new CliError(`${subject}: the peer answered with status 0x${status}`, { exitCode });
    }
    case 'rejected':
      return new CliError(`${subject}: Association rejected, ${outcome.reason}`, {
        exitCode,
        hint: 'compare both AE titles, letter by letter, and the address with the peer’s configuration; for this daemon see "avara-ingest route"',
      });
    case 'aborted':
      return new CliError(`${subject}: the peer aborted the Association`, { exitCode });
    case 'unreachable':
      return new CliError(`${subject}: ${outcome.message}`, {
        exitCode,
        hint: 'check host, port and firewalls between the two',
      });
  }
}
