import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { Config } from '../config/config.ts';
import { peerTlsSettings } from '../config/peer-tls-settings.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';

const CHECK_INTERVAL_MS = 60_000;
const DAY_MS = 86_400_000;

export interface ClientCertificatesOptions {
  /** A reload replaces it. */
  readonly configNow: () => Config;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The certificates that the daemon shows to peers which it connects to. */
export interface ClientCertificates {
  /** Whole days until the first of them expires; undefined where there is none. */
  daysLeft(): number | undefined;
  /** Looks at the files, and again every minute. Resolves when it has looked. */
  start(): Promise<void>;
  /** Looks now. */
  check(): Promise<void>;
  stop(): void;
}

/** Watches when they expire. They are read anew for each connection, so there is nothing to renew here. */
export function watchClientCertificates({
  configNow,
  clock,
  logger,
}: ClientCertificatesOptions): ClientCertificates {
  let expiresAt: number | undefined;
  let unusable: readonly string[] = [];
  let cancel: (() => void) | undefined;
  let running: Promise<void> | undefined;
  let isStopped = false;

  async function look(): Promise<void> {
    const files = peerTlsSettings(configNow()).flatMap(({ tls }) => tls.cert ?? []);
    const bad: string[] = [];
    const ends = await Promise.all(
      [...new Set(files)].map(async (cert) => {
        try {
          return Date.parse(new X509Certificate(await readFile(cert)).validTo);
        } catch (error) {
          bad.push(cert);
          if (!unusable.includes(cert)) {
            const reason = error instanceof Error ? error.message : String(error);
            logger.error({ cert, reason }, 'the TLS certificate for DICOM peers cannot be used');
          }
          return undefined;
        }
      }),
    );
    unusable = bad;
    const known = ends.filter((end) => end !== undefined);
    expiresAt = known.length === 0 ? undefined : Math.min(...known);
  }
  function check(): Promise<void> {
    running ??= look().finally(() => (running = undefined));
    return running;
  }
  function schedule(): void {
    if (!isStopped) cancel = clock.after(CHECK_INTERVAL_MS, () => void check().then(schedule));
  }

  return {
    daysLeft: () => (expiresAt === undefined ? undefined : Math.floor((expiresAt - clock.now()) / DAY_MS)),
    start: () => check().then(schedule),
    check,
    stop() {
      isStopped = true;
      cancel?.();
    },
  };
}
