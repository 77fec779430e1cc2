import { isIP } from 'node:net';

import { type Command, InvalidArgumentError } from 'commander';

import { parseAeTitle } from '../dicom/ae-title.ts';
import type { Passphrase } from '../platform/private-key.ts';
import { prepareTls, type PeerTls, TlsFilesError } from '../dimse/scu/peer-tls.ts';
import { expandReferences } from '../config/expand.ts';
import { withConfigOption } from './command.ts';
import { findConfiguredPeer, withPassphrase, type ConfiguredPeer } from './configured-peer.ts';
import { CliError, type CliContext } from './context.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { parseAeTitleArgument, parseHostPortArgument } from './parse.ts';
import { TLS_HINTS } from './tls-hints.ts';

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
  readonly keyPassphrase?: string;
  readonly crl?: readonly string[];
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
      .option(
        '--tls',
        'DICOM over TLS; the peer’s certificate is verified (the options on TLS below imply it)',
      )
      .option('--ca <file>', 'what it must descend from, PEM; unless given, what this machine trusts')
      .option('--cert <file>', 'certificate chain to show to a peer that wants one, PEM')
      .option('--key <file>', 'private key of --cert, PEM')
      .option('--key-passphrase <source>', 'where the passphrase of --key is: env:NAME or file:PATH')
      .option(
        '--crl <file>',
        'revocation lists of the authorities, PEM; may be given several times',
        (file: string, before: readonly string[] | undefined) => [...(before ?? []), file],
      )
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
  if (options.keyPassphrase !== undefined && options.key === undefined) {
    throw usageError('--key-passphrase is for --key', 'that of the configuration’s key stands there');
  }
  const peer: Omit<ConfiguredPeer, 'aeTitle'> & Pick<Partial<ConfiguredPeer>, 'aeTitle'> =
    'aeTitle' in named ? findConfiguredPeer(named.aeTitle, options.config, env) : named;
  const { host, port } = peer;
  const calledAeTitle = options.called ?? peer.aeTitle;
  if (calledAeTitle === undefined) {
    throw usageError('--called <ae> is needed with an address', 'it is the AE title that the peer goes by');
  }
  // Not looked up where a key of the command line takes the place of the configuration's.
  const configured =
    options.key === undefined && peer.tls !== undefined
      ? withPassphrase(peer.tls, options.config, env)
      : peer.tls;
  const tls = tlsOf(options, configured, env);
  if (tls !== undefined) await refuseUnusable(host, tls);
  const callingAeTitle = options.calling ?? peer.callingAeTitle ?? DEFAULT_CALLING_AE_TITLE;
  return { host, port, tls, calledAeTitle, callingAeTitle };
}

function tlsOf(
  { tls, ca, cert, key, keyPassphrase, crl, serverName }: PeerOptions,
  configured: PeerTls | undefined,
  env: CliContext['env'],
): PeerTls | undefined {
  const given = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    // With a key of its own, the passphrase of the other one is of no use.
    ...(key !== undefined && { key, keyPassphrase: passphraseFrom(keyPassphrase, env) }),
    ...(crl !== undefined && { crl }),
    ...(serverName !== undefined && { serverName }),
  };
  if (tls !== true && Object.keys(given).length === 0) return configured;
  return { ...configured, ...given };
}

/** Looks a passphrase up, which would be seen by every user of the machine if it stood on the command line itself. */
function passphraseFrom(source: string | undefined, env: CliContext['env']): Passphrase | undefined {
  if (source === undefined) return undefined;
  const [, kind, name = ''] = /^(env|file):([^}]+)$/.exec(source) ?? [];
  if (kind === undefined) {
    // What was given is not repeated: it may be the passphrase.
    throw usageError(
      '--key-passphrase takes env:NAME or file:PATH',
      'it says where the passphrase is; on a command line, other users of this machine would see it',
    );
  }
  const { value, problems } = expandReferences(`\${${kind}:${name}}`, { env, folder: '.' });
  const [problem] = problems;
  if (problem !== undefined || typeof value !== 'string') {
    throw usageError(
      `--key-passphrase: ${problem?.message ?? 'nothing is there'}`,
      'name a variable or a file that holds it',
    );
  }
  return { reveal: () => value };
}

async function refuseUnusable(host: string, tls: PeerTls): Promise<void> {
  try {
    await prepareTls(host, tls);
  } catch (error) {
    if (!(error instanceof TlsFilesError)) throw error;
    throw usageError(error.message, TLS_HINTS['own-files']);
  }
}

function usageError(message: string, hint: string): CliError {
  return new CliError(message, { exitCode: EXIT_CODES.usage, hint });
}
