import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { SignatureRefusal } from './signature.ts';

/** Anybody can send a wrong signature; a line each would let them fill the disk. */
const INTERVAL_MS = 60_000;

/** Logs refused signatures: the first of a kind at once, later ones counted into one line a minute. */
export interface RefusalLog {
  note(reason: SignatureRefusal, skewMs: number | undefined): void;
}

export function createRefusalLog(options: { clock: Clock; logger: Logger }): RefusalLog {
  const { clock, logger } = options;
  const kinds = new Map<SignatureRefusal, { loggedAt: number; unlogged: number }>();

  return {
    note(reason, skewMs) {
      const now = clock.now();
      const kind = kinds.get(reason);
      if (kind !== undefined && now - kind.loggedAt < INTERVAL_MS) {
        kind.unlogged += 1;
        return;
      }
      kinds.set(reason, { loggedAt: now, unlogged: 0 });
      const fields = {
        reason,
        alsoSinceLastLine: kind?.unlogged ?? 0,
        ...(skewMs === undefined ? {} : { skewSeconds: Math.round(skewMs / 1000) }),
      };
      logger.warn(
        fields,
        reason === 'timestamp-outside-tolerance'
          ? 'a webhook was refused for its time: check this machine’s clock'
          : 'a webhook was refused: its signature is missing or wrong',
      );
    },
  };
}
