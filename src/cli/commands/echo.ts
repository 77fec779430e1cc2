import { performance } from 'node:perf_hooks';
import type { EchoOutcome } from '../c-echo.ts';
import type { CliCommand } from '../command.ts';
import { describeCommand } from '../command.ts';
import { CliError } from '../context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter, printJson } from '../output.ts';
import type { PeerArgument, PeerOptions } from '../dimse-peer.ts';
import { parsePeerArgument, resolvePeer, withPeerOptions } from '../dimse-peer.ts';
import { parseSecondsArgument } from '../parse.ts';
import { TLS_HINTS } from '../tls-hints.ts';

interface EchoCommandOptions extends PeerOptions {
  readonly timeout: number;
  readonly json?: true;
}

/** `echo`: C-ECHO to any DICOM peer. */
export const echoCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'echo',
      group: 'Tools',
      summary: 'send a C-ECHO to a DICOM peer',
      description:
        'Sends a C-ECHO (DICOM "ping") to a peer: this daemon, a PACS, another modality. Tells whether the network,\nthe port, the AE titles and TLS are right. A peer of the configuration (dimse.peers, reports.pacs) is called as it stands there.',
      examples: [
        ['echo 127.0.0.1:11112 --called CITYMED --calling CT1', 'does the daemon admit CT1?'],
        ['echo pacs.example.org:104 --called PACS', 'is the PACS there?'],
        ['echo pacs.example.org:2762 --called PACS --tls --ca hospital-ca.pem', 'is it, over TLS?'],
        ['echo CT1 --config /etc/avara-ingest/config.json', 'a peer of the configuration'],
      ],
      exitCodes: {
        1: 'the peer answered, but refused, or TLS with it is not to be had',
        3: 'no answer from the peer',
      },
    });
    return withPeerOptions(
      command.argument('<peer>', 'HOST:PORT, or AE title of a peer in the configuration', parsePeerArgument),
    )
      .option('--timeout <seconds>', 'how long to wait for each answer', parseSecondsArgument, 10)
      .option('--json', 'print JSON')
      .action(async (named: PeerArgument, options: EchoCommandOptions) => {
        const peer = await resolvePeer(named, options, context.env);
        // Loaded on use: the daemon, in the same program, has no need of this library's memory.
        const { sendEcho } = await import('../c-echo.ts');
        const startedAt = performance.now();
        const outcome = await sendEcho({
          ...peer,
          timeoutMs: options.timeout * 1000,
        });
        const durationMs = Math.round(performance.now() - startedAt);
        if (options.json) {
          printJson(context.stdout, { ...outcome, durationMs });
          finish(exitCodeOf(outcome));
          return;
        }
        const where = `${peer.host}:${peer.port}`;
        const error = errorOf(outcome, `${peer.callingAeTitle} → ${peer.calledAeTitle} at ${where}`);
        if (error !== undefined) throw error;
        const peerName =
          outcome.kind === 'answered' && outcome.peerImplementation !== ''
            ? ` (${outcome.peerImplementation})`
            : '';
        const paint = createPainter(context.stdout, context.env);
        context.stdout.write(
          `${paint('green', '✔')} ${peer.calledAeTitle} at ${where}${peerName} answered${peer.tls === undefined ? '' : ' over TLS'} in ${durationMs} ms\n`,
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
    case 'tls-failed':
      return new CliError(`${subject}: ${outcome.message}`, { exitCode, hint: TLS_HINTS[outcome.problem] });
    case 'unreachable':
      return new CliError(`${subject}: ${outcome.message}`, {
        exitCode,
        hint: 'check host, port and firewalls between the two',
      });
  }
}
