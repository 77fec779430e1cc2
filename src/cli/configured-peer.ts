import { dirname, resolve } from 'node:path';

import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/errors.ts';
import { expandReferences } from '../config/expand.ts';
import { loadConfig } from '../config/load.ts';
import type { PeerTls } from '../dimse/scu/peer-tls.ts';
import { CliError, type CliContext } from './context.ts';
import { EXIT_CODES } from './exit-codes.ts';

/** A peer that the daemon connects to. */
export interface ConfiguredPeer {
  readonly aeTitle: string;
  readonly host: string;
  readonly port: number;
  /** With {@link PeerTls.keyPassphrase} as it is written, a reference perhaps; see {@link withPassphrase}. */
  readonly tls?: PeerTls | undefined;
  /** Where the configuration says what to call it with. */
  readonly callingAeTitle?: string | undefined;
}

/**
 * Looks an AE title up among the peers of the configuration: `dimse.peers`, and the PACS that reports go to.
 * @throws CliError where it stands for none, or for more than one.
 */
export function findConfiguredPeer(aeTitle: string, file: string, env: CliContext['env']): ConfiguredPeer {
  const all = configuredPeers(load(aeTitle, file, env));
  const [found, ...others] = all.filter((peer) => peer.aeTitle === aeTitle);
  if (found === undefined) {
    const names = [...new Set(all.map((peer) => peer.aeTitle))].join(', ');
    const known = names === '' ? 'which has none' : `which has ${names}`;
    throw usageError(
      `${aeTitle} is no peer of ${file}`,
      `give HOST:PORT with --called, or a peer of the configuration (dimse.peers, reports.pacs), ${known}`,
    );
  }
  const other = others.find(({ host, port }) => host !== found.host || port !== found.port);
  if (other !== undefined) {
    throw usageError(
      `${file} has ${aeTitle} at ${found.host}:${found.port} and at ${other.host}:${other.port}`,
      'give the address, as HOST:PORT, with --called',
    );
  }
  if (found.host.startsWith('${')) {
    throw usageError(
      `the host of ${aeTitle} in ${file} is a reference, which is not looked up here`,
      'give the address, as HOST:PORT, with --called',
    );
  }
  return found;
}

/**
 * Looks the passphrase of the key up, if there is one: of all secrets of the configuration, the one that calling needs.
 * @throws CliError where it is not to be had.
 */
export function withPassphrase(tls: PeerTls, file: string, env: CliContext['env']): PeerTls {
  const { keyPassphrase } = tls;
  if (keyPassphrase === undefined) return tls;
  const { value, problems } = expandReferences(keyPassphrase.reveal(), {
    env,
    folder: dirname(resolve(file)),
  });
  const [problem] = problems;
  if (problem !== undefined || typeof value !== 'string') {
    throw usageError(
      `the passphrase of ${tls.key} cannot be looked up: ${problem?.message ?? 'nothing is there'}`,
      'run this as the daemon’s user with its environment, or give --cert, --key and --key-passphrase',
    );
  }
  return { ...tls, keyPassphrase: { reveal: () => value } };
}

function load(aeTitle: string, file: string, env: CliContext['env']): Config {
  try {
    // Secrets are not looked up: they may be the daemon's alone, and nothing here needs them.
    return loadConfig({ file, env, keepsReferences: true });
  } catch (error) {
    if (!(error instanceof ConfigError) || error.problems.some(({ path }) => path !== '')) throw error;
    const [problem] = error.problems;
    throw usageError(
      `${aeTitle} cannot be looked up: ${error.file} ${problem?.message ?? 'cannot be used'}`,
      'give HOST:PORT with --called, or the configuration with --config',
    );
  }
}

function configuredPeers({ dimse, customers }: Config): readonly ConfiguredPeer[] {
  const archives = Object.values(customers).flatMap(({ reports }) => reports?.pacs ?? []);
  return [
    ...dimse.peers.map(({ aeTitle, host, port, tls }) => ({ aeTitle, host, port, tls: tls || undefined })),
    ...archives.map(({ aeTitle, host, port, tls, callingAeTitle }) => ({
      aeTitle,
      host,
      port,
      tls: tls || undefined,
      callingAeTitle,
    })),
  ];
}

function usageError(message: string, hint: string): CliError {
  return new CliError(message, { exitCode: EXIT_CODES.usage, hint });
}
