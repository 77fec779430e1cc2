import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { Config } from '../config/config.ts';
import { peerTlsSettings } from '../config/peer-tls-settings.ts';
import type { PeerTlsSetting } from '../config/peer-tls-settings.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import { prepareTls } from '../dimse/scu/peer-tls.ts';
import { readRevocationLists } from '../platform/revocation-list.ts';
import { createRevocationListWatch } from './revocation-list-watch.ts';
import type { WatchedRevocationList } from './revocation-list-watch.ts';

const CHECK_INTERVAL_MS = 60_000;
const DAY_MS = 86_400_000;

export interface ClientCertificatesOptions {
  /** A reload replaces it. */
  readonly configNow: () => Config;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The certificates that the daemon shows to peers which it connects to, and what it verifies theirs with. */
export interface ClientCertificates {
  /** Whole days until the first of them expires; undefined where there is none. */
  daysLeft(): number | undefined;
  /** Looks at the files, and again every minute. Resolves when it has looked. */
  start(): Promise<void>;
  /** Looks now. */
  check(): Promise<void>;
  stop(): void;
}

/** Watches whether they can be used, and when they expire. They are read anew for each connection: nothing is renewed here. */
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
  const revocationLists = createRevocationListWatch({ clock, logger });

  async function look(): Promise<void> {
    const looked = await Promise.all(peerTlsSettings(configNow()).map(lookAt));
    const bad = looked.flatMap(({ setting, reason }) => (reason === undefined ? [] : [{ setting, reason }]));
    for (const { setting, reason } of bad) {
      if (unusable.includes(`${setting} ${reason}`)) continue;
      logger.error(
        { setting, reason, hint: `correct the files, or what stands under ${setting} of the configuration` },
        'files for TLS with a DICOM peer cannot be used',
      );
    }
    unusable = bad.map(({ setting, reason }) => `${setting} ${reason}`);
    const known = looked.flatMap((one) => one.expiresAt ?? []);
    expiresAt = known.length === 0 ? undefined : Math.min(...known);
    revocationLists.look(looked.flatMap(({ lists }) => lists));
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

interface Looked {
  readonly setting: string;
  /** Why the files cannot be used; undefined where they can. */
  readonly reason?: string;
  /** Milliseconds since 1970 UTC. */
  readonly expiresAt?: number;
  readonly lists: readonly WatchedRevocationList[];
}

async function lookAt({ path: setting, tls }: PeerTlsSetting): Promise<Looked> {
  const { ca, cert, crl = [] } = tls;
  if ([ca, cert, ...crl].every((file) => file === undefined)) return { setting, lists: [] };
  const expiresAt = cert === undefined ? undefined : await expiryOf(cert);
  const end = expiresAt === undefined ? {} : { expiresAt };
  try {
    await prepareTls('', tls);
    const lists = crl.map(async (file) =>
      readRevocationLists(await readFile(file, 'utf8')).map((list) => ({ file, ...list })),
    );
    return { setting, ...end, lists: (await Promise.all(lists)).flat() };
  } catch (error) {
    return { setting, ...end, reason: error instanceof Error ? error.message : String(error), lists: [] };
  }
}

/** undefined where it cannot be read, which is told by what cannot be done with it. */
async function expiryOf(cert: string): Promise<number | undefined> {
  try {
    return Date.parse(new X509Certificate(await readFile(cert)).validTo);
  } catch {
    return undefined;
  }
}
