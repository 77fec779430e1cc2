import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import { revocationListState } from '../platform/revocation-list.ts';
import type { RevocationList } from '../platform/revocation-list.ts';

const DAY_MS = 86_400_000;

/** A revocation list with the file that it came from. */
export interface WatchedRevocationList extends RevocationList {
  readonly file: string;
}

export interface RevocationListWatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Says in the log that a revocation list is to be replaced. */
export interface RevocationListWatch {
  /** Looks at the lists in use; says the same of one no more often than once a day. */
  look(lists: readonly WatchedRevocationList[]): void;
}

/** Remembers what was said of which list. */
export function createRevocationListWatch({
  clock,
  logger,
}: RevocationListWatchOptions): RevocationListWatch {
  /** By what was said; holds no more than the lists in use. */
  let said = new Map<string, number>();
  return {
    look(lists) {
      const now = clock.now();
      const stillSaid = new Map<string, number>();
      for (const { file, issuer, ...list } of lists) {
        const state = revocationListState(list, now);
        const name = `${state} ${file} ${issuer} ${list.nextUpdateAt}`;
        // Peers may share a file.
        if (state === 'good' || stillSaid.has(name)) continue;
        const before = said.get(name);
        const isDue = before === undefined || now - before >= DAY_MS;
        stillSaid.set(name, isDue ? now : before);
        if (isDue) say(state, file, list.nextUpdateAt);
      }
      said = stillSaid;
    },
  };

  function say(state: 'ending' | 'over', crl: string, nextUpdateAt: number | undefined): void {
    const fields = {
      crl,
      ...(nextUpdateAt !== undefined && { nextUpdate: new Date(nextUpdateAt).toISOString() }),
      hint: 'put the current list of the authority into the file; no restart is needed',
    };
    if (state === 'over') {
      logger.error(
        fields,
        'a certificate revocation list is out of date: every certificate of its authority is refused',
      );
    } else logger.warn(fields, 'a certificate revocation list is soon out of date');
  }
}
