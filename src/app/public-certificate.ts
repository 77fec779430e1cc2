import type { Clock } from '../core/ports/clock.ts';
import { certificateExpiryAt } from '../platform/certificate-expiry.ts';

const DAY_MS = 86_400_000;
const INTERVAL_MS = 6 * 3_600_000;
const AFTER_FAILURE_MS = 30 * 60_000;
const TIMEOUT_MS = 20_000;

export interface PublicCertificateOptions {
  /** As configured; nothing is watched where it is not `https:`. */
  readonly publicUrl: string | undefined;
  readonly clock: Clock;
}

/** The certificate that the public URL shows to the world, which a proxy or tunnel may hold. */
export interface PublicCertificate {
  /** Whole days until it expires, as last seen; undefined: it never was. */
  daysLeft(): number | undefined;
  start(): void;
  /** Looks now: somebody may have renewed it. */
  check(): Promise<void>;
  stop(): void;
}

/**
 * Looks at the certificate four times a day. Where nothing answers, what was seen last holds: whether the public URL can be
 * reached is not its business, and many networks do not let a machine reach its own public address.
 */
export function watchPublicCertificate({ publicUrl, clock }: PublicCertificateOptions): PublicCertificate {
  const url = publicUrl?.startsWith('https:') === true ? new URL(publicUrl) : undefined;
  let expiresAt: number | undefined;
  let cancel: (() => void) | undefined;
  let running: Promise<void> | undefined;
  let isStopped = false;

  async function look(): Promise<void> {
    if (url === undefined) return;
    cancel?.();
    const seen = await certificateExpiryAt(url, TIMEOUT_MS);
    expiresAt = seen ?? expiresAt;
    if (!isStopped)
      cancel = clock.after(seen === undefined ? AFTER_FAILURE_MS : INTERVAL_MS, () => void check());
  }
  function check(): Promise<void> {
    running ??= look().finally(() => (running = undefined));
    return running;
  }

  return {
    daysLeft: () => (expiresAt === undefined ? undefined : Math.floor((expiresAt - clock.now()) / DAY_MS)),
    start: () => void check(),
    check,
    stop() {
      isStopped = true;
      cancel?.();
    },
  };
}
