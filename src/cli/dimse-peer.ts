import { isIP } from 'node:net';

import { type Command, InvalidArgumentError } from 'commander';

import { parseAeTitle } from '../dicom/ae-title.ts';
import { prepareTls, type PeerTls, TlsFilesError } from '../dimse/scu/peer-tls.ts';
import { withConfigOption } from './command.ts';
import { findConfiguredPeer, type ConfiguredPeer } from './configured-peer.ts';
import { CliError, type CliContext } from './context.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { parseAeTitleArgument, parseHostPortArgument } from './parse.ts';

/** A peer as it is named on the command line. */
export type PeerArgument = { readonly host: string; readonly port: number } | { readonly aeTitle: string };

/** Options by which commands say how a peer is called. */
export interface PeerOptions {
  readonly called?: string;
  readonly calling?: string;
  readonly tls?: true;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly config: string;
}

/** A peer with everything that is needed to call it. */
export interface DimsePeer {
  readonly host: string;
  readonly port: number;
  readonly tls: PeerTls | undefined;
  readonly calledAeTitle: string;
  readonly callingAeTitle: string;
}

const DEFAULT_CALLING_AE_TITLE = 'AVARA_INGEST';

/** `HOST:PORT`, or the AE title of a peer in the configuration. @throws InvalidArgumentError */
export function parsePeerArgument(text: string): PeerArgument {
  if (/:\d+$/.test(text)) return parseHostPortArgument(text);
  const aeTitle = isIP(text) === 0 ? parseAeTitle(text) : undefined;
  if (aeTitle === undefined) {
    throw new InvalidArgumentError(
      'Give HOST:PORT, as 10.20.1.5:104 or [fd00::5]:104, or the AE title of a peer in the configuration.',
    );
  }
  return { aeTitle };
}

/** Adds the options of {@link PeerOptions}. */
export function withPeerOptions(command: Command): Command {
  return withConfigOption(
    command
      .option(
        '--called <ae>',
        'AE title of the peer; that of the configuration unless given',
        parseAeTitleArgument,
      )
      .option(
        '--calling <ae>',
        `AE title to call with (default: ${DEFAULT_CALLING_AE_TITLE})`,
        parseAeTitleArgument,
      )
      .option('--tls', 'DICOM over TLS; the peer’s certificate is verified (the four options below imply it)')
      .option('--ca <file>', 'what it must descend from, PEM; unless given, what this machine trusts')
      .option('--cert <file>', 'certificate chain to show to a peer that wants one, PEM')
      .option('--key <file>', 'private key of --cert, PEM')
      .option('--server-name <name>', 'name that the peer’s certificate must have, if not the host’s'),
  );
}

/**
 * Finds out where a peer is and how to speak with it: from the command line, for a peer of the configuration from there.
 * @throws CliError where that does not suffice, or certificate files cannot be used.
 */
export async function resolvePeer(
  named: PeerArgument,
  options: PeerOptions,
  env: CliContext['env'],
): Promise<DimsePeer> {
  if ((options.cert === undefined) !== (options.key === undefined)) {
    throw usageError('--cert and --key go together', 'a certificate is of no use without its private key');
  }
  const peer: Omit<ConfiguredPeer, 'aeTitle'> & Pick<Partial<ConfiguredPeer>, 'aeTitle'> =
    'aeTitle' in named ? findConfiguredPeer(named.aeTitle, options.config, env) : named;
  const { host, port } = peer;
  const calledAeTitle = options.called ?? peer.aeTitle;
  if (calledAeTitle === undefined) {
    throw usageError('--called <ae> is needed with an address', 'it is the AE title that the peer goes by');
  }
  const tls = tlsOf(options, peer.tls);
  if (tls !== undefined) await refuseUnusable(host, tls);
  const callingAeTitle = options.calling ?? peer.callingAeTitle ?? DEFAULT_CALLING_AE_TITLE;
  return { host, port, tls, calledAeTitle, callingAeTitle };
}

function tlsOf(
  { tls, ca, cert, key, serverName }: PeerOptions,
  configured: PeerTls | undefined,
): PeerTls | undefined {
  const given = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(serverName !== undefined && { serverName }),
  };
  if (tls !== true && Object.keys(given).length === 0) return configured;
  return { ...configured, ...given };
}

async function refuseUnusable(host: string, tls: PeerTls): Promise<void> {
  try {
    await prepareTls(host, tls);
  } catch (error) {
    if (!(error instanceof TlsFilesError)) throw error;
    throw usageError(error.message, 'certificates, keys and authorities are files in PEM');
  }
}

function usageError(message: string, hint: string): CliError {
  return new CliError(message, { exitCode: EXIT_CODES.usage, hint });
}
