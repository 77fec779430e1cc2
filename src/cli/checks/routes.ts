import { findRouteOverlaps } from '../../core/routing/route-overlaps.ts';
import type { CheckContext, CheckResult } from './check.ts';

/** Most overlaps shown. */
const SHOWN = 5;

/** No sender fits rules of two customers by accident. */
export function checkRoutes({ config: { routes } }: CheckContext): Promise<readonly CheckResult[]> {
  const base = { id: 'routes', title: 'Routes' };
  if (routes.length === 0) return Promise.resolve([]);
  const overlaps = findRouteOverlaps(routes);
  if (overlaps.length === 0)
    return Promise.resolve([{ ...base, status: 'ok', detail: 'no sender fits two customers' }]);
  return Promise.resolve(
    overlaps.slice(0, SHOWN).map(({ routes: [a, b], sender, winner }): CheckResult => {
      const who = [sender.callingAe, sender.from && `at ${sender.from}`].filter(Boolean).join(' ');
      return {
        ...base,
        status: 'warning',
        detail: `${who} fits routes[${a}] and routes[${b}]: its images go to ${routes[winner]?.customer ?? ''}`,
        advice: 'Narrow one of the two, or make one of them a special case of the other.',
      };
    }),
  );
}
