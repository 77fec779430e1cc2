import type { AlertSnapshot } from '../core/alerts/find-conditions.ts';
import type { AdminOverview } from '../http/admin/overview.ts';

const DAY_MS = 86_400_000;

/** What the status page's own rules say of senders and of the disk, as alerts take it. */
export function overviewFindings(
  overview: Pick<AdminOverview, 'senders' | 'disk'>,
  now: number,
): Pick<AlertSnapshot, 'silentSenders' | 'diskDaysLeft'> {
  const { forecast } = overview.disk();
  return {
    silentSenders: overview.senders().filter(({ verdict }) => verdict.kind === 'silent'),
    ...(forecast.kind === 'filling' && { diskDaysLeft: Math.max(0, (forecast.fullAt - now) / DAY_MS) }),
  };
}
