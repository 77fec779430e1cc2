import type { AuditEntry, AuditTrail } from '../core/ports/audit-trail.ts';
import type { Clock } from '../core/ports/clock.ts';

const WINDOW_MS = 60_000;
const DEFAULT_MAX_PER_MINUTE = 600;

export interface RefusalAuditOptions {
  readonly audit: AuditTrail;
  readonly clock: Clock;
  /** Event of the entry that counts the rest. Default `object.refused`. */
  readonly event?: string;
  /** Refusals written out one by one within a minute. Default 600. */
  readonly maxPerMinute?: number;
}

/**
 * Records refusals, which anybody can cause at any rate: beyond a limit per minute they are only counted, in one entry
 * per minute, so that a scan from outside cannot fill the disk.
 */
export function createRefusalAudit({
  audit,
  clock,
  event = 'object.refused',
  maxPerMinute = DEFAULT_MAX_PER_MINUTE,
}: RefusalAuditOptions) {
  let windowEndsAt = -Infinity;
  let recorded = 0;
  let counted = 0;

  const summarize = (): void => {
    audit.record({ event, detail: `${counted} more refusals within a minute, not listed` });
    counted = 0;
  };
  return {
    record(entry: AuditEntry): void {
      const now = clock.now();
      if (now >= windowEndsAt) {
        windowEndsAt = now + WINDOW_MS;
        recorded = 0;
      }
      if (recorded < maxPerMinute) {
        recorded += 1;
        audit.record(entry);
        return;
      }
      counted += 1;
      if (counted === 1) clock.after(windowEndsAt - now, summarize);
    },
  };
}
