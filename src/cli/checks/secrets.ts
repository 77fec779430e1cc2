import { access, constants, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { inspectSecrets } from '../../config/load.ts';
import { peerTlsSettings } from '../../config/peer-tls-settings.ts';
import type { CheckContext, CheckResult, CheckStatus } from './check.ts';
import { failureText } from './check.ts';

/** Name of the file of URL signing keys in the data folder. */
const KEY_FILE_NAME = 'object-url-keys.json';

/** Shortest token that cannot be guessed, characters. */
const GOOD_TOKEN_LENGTH = 16;

/** Files that hold secrets are closed to other users, and tokens are long. */
export async function checkSecrets({ config, env }: CheckContext): Promise<readonly CheckResult[]> {
  const { literal, files } = inspectSecrets({ file: config.file, env });
  const required = [
    ...(literal.length === 0 ? [] : [config.file]),
    ...files,
    ...[config.dimse.tls, config.http.tls].flatMap((tls) => (tls === null ? [] : [tls.key])),
    ...peerTlsSettings(config).flatMap(({ tls }) => tls.key ?? []),
    ...[config.audit.syslog?.key ?? []].flat(),
  ];
  const keyFile = join(config.dataDir, KEY_FILE_NAME);
  const isKeyFileThere = await stat(keyFile).then(
    () => true,
    () => false,
  );
  const secretFiles = [...new Set(isKeyFileThere ? [...required, keyFile] : required)].filter(
    (file) => !isHandedOver(file, env),
  );
  // The daemon refuses to start with signing keys that others may know; the rest it takes as it is.
  const results = await Promise.all(
    secretFiles.map((file) => checkSecretFile(file, file === keyFile ? 'failed' : 'warning')),
  );
  const problems = [...results.flatMap((result) => result ?? []), ...(await checkTlsFiles(config))];
  const ok: CheckResult = {
    id: 'secret-files',
    title: 'Secrets',
    status: 'ok',
    detail:
      secretFiles.length === 0 ? 'none stand in files' : `closed to other users: ${secretFiles.join(', ')}`,
  };
  return [...(problems.length === 0 ? [ok] : problems), ...checkTokens(config)];
}

/**
 * Whether systemd made the file for this service alone (systemd.exec(5), LoadCredential=). Its access control list lets
 * the service’s user read it, which shows as permission of the group.
 */
function isHandedOver(file: string, env: CheckContext['env']): boolean {
  return dirname(file) === env.CREDENTIALS_DIRECTORY;
}

async function checkSecretFile(file: string, ifOpen: CheckStatus): Promise<CheckResult | undefined> {
  const base = { id: 'secret-files', title: 'Secrets' };
  try {
    const { mode } = await stat(file);
    // Windows has no such mode bits.
    if (process.platform === 'win32' || (mode & 0o077) === 0) return undefined;
    const isForOthers = (mode & 0o007) !== 0;
    return {
      ...base,
      status: ifOpen,
      detail: `${file} holds secrets and is open to ${isForOthers ? 'every user' : 'its group'} of this machine`,
      advice: `chmod 600 ${file}`,
    };
  } catch (error) {
    return {
      ...base,
      status: 'failed',
      detail: `${file} cannot be read (${failureText(error)})`,
      advice: 'Check the path and its owner.',
    };
  }
}

async function checkTlsFiles(config: Config): Promise<CheckResult[]> {
  const { dimse, http } = config;
  const files = [dimse.tls?.cert, dimse.tls?.ca, http.tls?.cert].filter((file) => file !== undefined);
  const results = await Promise.all(
    files.map(async (file): Promise<CheckResult[]> => {
      try {
        await access(file, constants.R_OK);
        return [];
      } catch (error) {
        return [
          {
            id: 'tls-files',
            title: 'TLS files',
            status: 'failed',
            detail: `${file} cannot be read (${failureText(error)})`,
            advice: 'Check the path in the configuration and the owner of the file.',
          },
        ];
      }
    }),
  );
  return results.flat();
}

function checkTokens(config: Config): CheckResult[] {
  const short = [
    ...(config.admin.token !== undefined && config.admin.token.reveal().length < GOOD_TOKEN_LENGTH
      ? ['admin.token']
      : []),
    ...config.access.tokens.flatMap(({ token }, index) =>
      token.reveal().length < GOOD_TOKEN_LENGTH ? [`access.tokens[${index}].token`] : [],
    ),
  ];
  if (short.length === 0) return [];
  return [
    {
      id: 'token-length',
      title: 'Tokens',
      status: 'warning',
      detail: `easy to guess: ${short.join(', ')} (fewer than ${GOOD_TOKEN_LENGTH} characters)`,
      advice: 'Make long ones with: openssl rand -hex 32',
    },
  ];
}
