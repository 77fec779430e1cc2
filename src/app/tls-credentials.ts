import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';

import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import { checkTlsMaterial } from '../dimse/tls.ts';
import type { TlsMaterial } from '../dimse/tls.ts';
import { StartError } from './daemon.ts';

const CHECK_INTERVAL_MS = 60_000;
const DAY_MS = 86_400_000;
/** From then on the log says once a day that the certificate wants renewing. */
const WARN_DAYS = 14;

export interface TlsCredentialsOptions {
  /** Section of the configuration that the files are named in. */
  readonly listener: 'dimse' | 'http';
  /** PEM files. */
  readonly files: { readonly cert: string; readonly key: string; readonly ca?: string | undefined };
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
  stop(): void;
}

/** Reads and checks the files. @throws StartError where they cannot be used. */
export async function openTlsCredentials(options: TlsCredentialsOptions): Promise<TlsCredentials> {
  const { listener, files, clock } = options;
  const logger = options.logger.child({ listener });
  let seen = await stampOf(files);
  let current: Credentials;
  try {
    current = await read(files);
  } catch (error) {
    throw new StartError(
      `the TLS certificate cannot be used: ${messageOf(error)}`,
      `Check the PEM files under "${listener}.tls": the certificate chain, its private key, and "ca"; the daemon’s user must be able to read them.`,
      { cause: error },
    );
  }
  let renew: ((material: TlsMaterial) => void) | undefined;
  let cancel: (() => void) | undefined;
  let isStopped = false;
  let warnedAt = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;

  async function look(): Promise<void> {
    const stamp = await stampOf(files);
    if (stamp === seen) return;
    // Also where these files turn out bad: they are said once, and looked at again when they change again.
    seen = stamp;
    try {
      const next = await read(files);
      if (next.expiresAt <= clock.now()) throw new Error('the certificate has expired');
      renew?.(next.material);
      current = next;
      warnedAt = Number.NEGATIVE_INFINITY;
      logger.info({ notAfter: new Date(next.expiresAt).toISOString() }, 'TLS certificate renewed');
    } catch (error) {
      logger.error(
        { reason: messageOf(error), cert: files.cert, key: files.key },
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
      schedule();
    },
    check,
    stop() {
      isStopped = true;
      cancel?.();
    },
  };
}

interface Credentials {
  readonly material: TlsMaterial;
  readonly expiresAt: number;
}

async function read(files: TlsCredentialsOptions['files']): Promise<Credentials> {
  const [cert, key, ca] = await Promise.all([
    readFile(files.cert),
    readFile(files.key),
    files.ca === undefined ? undefined : readFile(files.ca),
  ]);
  const material = { cert, key, ...(ca !== undefined && { ca }) };
  checkTlsMaterial(material);
  return { material, expiresAt: Date.parse(new X509Certificate(cert).validTo) };
}

/** Changes with each replacement, also of what a symbolic link leads to. */
async function stampOf(files: TlsCredentialsOptions['files']): Promise<string> {
  const names = [files.cert, files.key, ...(files.ca === undefined ? [] : [files.ca])];
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
