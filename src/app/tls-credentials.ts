import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';

import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Secret } from '../config/secret.ts';
import { checkTlsMaterial } from '../dimse/tls.ts';
import type { TlsMaterial } from '../dimse/tls.ts';
import { openPrivateKey, PrivateKeyError } from '../platform/private-key.ts';
import { readRevocationLists, RevocationListError } from '../platform/revocation-list.ts';
import { StartError } from './daemon.ts';
import { createRevocationListWatch } from './revocation-list-watch.ts';
import type { WatchedRevocationList } from './revocation-list-watch.ts';

const CHECK_INTERVAL_MS = 60_000;
const DAY_MS = 86_400_000;
/** From then on the log says once a day that the certificate wants renewing. */
const WARN_DAYS = 14;

/** PEM files of a listener. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Of {@link key}, where that is encrypted. */
  readonly keyPassphrase?: Secret | undefined;
  readonly ca?: string | undefined;
  readonly crl?: readonly string[] | undefined;
}

export interface TlsCredentialsOptions {
  /** Section of the configuration that the files are named in. */
  readonly listener: 'dimse' | 'http';
  /** PEM files. */
  readonly files: TlsFiles;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Certificate and key of a listener, which are renewed by replacing the files. */
export interface TlsCredentials {
  readonly material: TlsMaterial;
  /** When the certificate in use expires, milliseconds since 1970 UTC. */
  expiresAt(): number;
  /** Whole days until then; negative once it has expired. */
  daysLeft(): number;
  /** Looks for replaced files every minute, and hands them to `renew`. */
  start(renew: (material: TlsMaterial) => void): void;
  /** Looks now. */
  check(): Promise<void>;
  /** Takes the passphrase of a configuration that was read again, and looks now. */
  reload(files: Pick<TlsFiles, 'keyPassphrase'> | null): Promise<void>;
  stop(): void;
}

/** Reads and checks the files. @throws StartError where they cannot be used. */
export async function openTlsCredentials(options: TlsCredentialsOptions): Promise<TlsCredentials> {
  const { listener, clock } = options;
  let files = options.files;
  const logger = options.logger.child({ listener });
  let seen = await stampOf(files);
  let current: Credentials;
  try {
    current = await read(files);
  } catch (error) {
    throw new StartError(
      `the TLS certificate cannot be used: ${messageOf(error)}`,
      error instanceof PrivateKeyError
        ? passphraseHint(listener)
        : `Check the PEM files under "${listener}.tls": the certificate chain, its private key, "ca" and "crl"; the daemon’s user must be able to read them.`,
      { cause: error },
    );
  }
  let renew: ((material: TlsMaterial) => void) | undefined;
  let cancel: (() => void) | undefined;
  let isStopped = false;
  let warnedAt = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;
  const lists = createRevocationListWatch({ clock, logger });

  async function look(): Promise<void> {
    const stamp = await stampOf(files);
    if (stamp === seen) return;
    // Also where these files turn out bad: they are said once, and looked at again when they change again.
    seen = stamp;
    try {
      const next = await read(files);
      const isSameCertificate = next.material.cert.toString() === current.material.cert.toString();
      // With the one that is in use anyway, what was revoked meanwhile still counts.
      if (next.expiresAt <= clock.now() && !isSameCertificate) throw new Error('the certificate has expired');
      renew?.(next.material);
      const hasNewLists = next.material.crl?.join() !== current.material.crl?.join();
      current = next;
      if (hasNewLists) logger.info({ crl: files.crl }, 'certificate revocation lists renewed');
      if (isSameCertificate && hasNewLists) return;
      warnedAt = Number.NEGATIVE_INFINITY;
      logger.info({ notAfter: new Date(next.expiresAt).toISOString() }, 'TLS certificate renewed');
    } catch (error) {
      const hint = error instanceof PrivateKeyError ? passphraseHint(listener) : undefined;
      logger.error(
        {
          reason: messageOf(error),
          cert: files.cert,
          key: files.key,
          ...(files.crl && { crl: files.crl }),
          ...(hint !== undefined && { hint }),
        },
        'the new TLS certificate cannot be used, the old one stays in use',
      );
    }
  }

  function daysLeft(): number {
    return Math.floor((current.expiresAt - clock.now()) / DAY_MS);
  }

  function warnOfExpiry(): void {
    const now = clock.now();
    const days = daysLeft();
    if (days >= WARN_DAYS || now - warnedAt < DAY_MS) return;
    warnedAt = now;
    const fields = { daysLeft: days, notAfter: new Date(current.expiresAt).toISOString() };
    if (days < 0) logger.error(fields, 'the TLS certificate has expired: peers will refuse it');
    else logger.warn(fields, 'the TLS certificate expires soon');
  }

  async function check(): Promise<void> {
    running ??= look().finally(() => (running = undefined));
    await running;
    warnOfExpiry();
    lists.look(current.lists);
  }

  function schedule(): void {
    if (!isStopped) cancel = clock.after(CHECK_INTERVAL_MS, () => void check().then(schedule));
  }

  return {
    material: current.material,
    expiresAt: () => current.expiresAt,
    daysLeft,
    start(take) {
      renew = take;
      warnOfExpiry();
      lists.look(current.lists);
      schedule();
    },
    check,
    async reload(next) {
      const keyPassphrase = next?.keyPassphrase;
      if (keyPassphrase?.reveal() !== files.keyPassphrase?.reveal()) {
        files = { ...files, keyPassphrase };
        // One that looks now may have begun with the passphrase before.
        await running;
        seen = '';
      }
      await check();
    },
    stop() {
      isStopped = true;
      cancel?.();
    },
  };
}

interface Credentials {
  readonly material: TlsMaterial;
  readonly expiresAt: number;
  readonly lists: readonly WatchedRevocationList[];
}

async function read(files: TlsFiles): Promise<Credentials> {
  const [cert, encryptedKey, ca, lists] = await Promise.all([
    readFile(files.cert),
    readFile(files.key),
    files.ca === undefined ? undefined : readFile(files.ca),
    Promise.all((files.crl ?? []).map(readLists)),
  ]);
  const key = openPrivateKey(encryptedKey, files.keyPassphrase);
  const crl = lists.flat().map(({ pem }) => pem);
  const material = { cert, key, ...(ca !== undefined && { ca }), ...(crl.length > 0 && { crl }) };
  checkTlsMaterial(material);
  return { material, expiresAt: Date.parse(new X509Certificate(cert).validTo), lists: lists.flat() };
}

async function readLists(file: string): Promise<readonly WatchedRevocationList[]> {
  const text = await readFile(file, 'utf8');
  try {
    return readRevocationLists(text).map((list) => ({ file, ...list }));
  } catch (error) {
    if (!(error instanceof RevocationListError)) throw error;
    throw new Error(`${file} holds ${error.message}`, { cause: error });
  }
}

function passphraseHint(listener: string): string {
  return `Set "${listener}.tls.keyPassphrase" to the passphrase of the private key (openssl pkey -noout -in FILE asks for it), or take the encryption off the key.`;
}

/** Changes with each replacement, also of what a symbolic link leads to. */
async function stampOf(files: TlsFiles): Promise<string> {
  const names = [files.cert, files.key, ...(files.ca === undefined ? [] : [files.ca]), ...(files.crl ?? [])];
  const stamps = names.map(async (name) => {
    try {
      const { ino, size, mtimeMs } = await stat(name);
      return `${ino}:${size}:${mtimeMs}`;
    } catch {
      return 'missing';
    }
  });
  return (await Promise.all(stamps)).join(' ');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
