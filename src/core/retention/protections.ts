import type { RetentionFacts } from '../ports/removals.ts';
import type { RetentionRules } from './rules.ts';

/** What forbids removing a study, whatever else speaks for it. */
export const PROTECTIONS = {
  'customer-not-configured': 'its customer is not in the configuration',
  exempt: 'nothing of its customer is removed',
  receiving: 'images of it are still coming in',
  'not-at-avara': 'Avara has not confirmed it in every product',
  attention: 'a delivery to Avara needs attention',
  'change-pending': 'Avara is still to be told something new of it',
  conflict: 'objects of it were kept apart: somebody must look which are right',
  reports: 'reports on it are still to be delivered',
  'open-session': 'a retrieval id that is still good names it',
  'urls-in-use': 'URLs of it that were handed out are still good',
  'commitment-unverified': 'a storage commitment request of its customer is being verified',
  committed: 'storage commitment was given for it',
} as const;
export type Protection = keyof typeof PROTECTIONS;

/** Everything that forbids removing the study now; empty: it may go. */
export function protectionsOf(
  facts: RetentionFacts,
  rules: RetentionRules,
  now: number,
): readonly Protection[] {
  const customer = rules.customers.get(facts.key.customer);
  const { deliveries } = facts;
  const found: Protection[] = [];
  const add = (isSo: boolean, protection: Protection): void => {
    if (isSo) found.push(protection);
  };
  add(customer === undefined, 'customer-not-configured');
  add(customer?.isExempt === true, 'exempt');
  add(facts.state !== 'stable', 'receiving');
  const isConfirmed =
    deliveries.length > 0 &&
    deliveries.every(({ isAtAvara }) => isAtAvara) &&
    (customer?.products ?? []).every((product) =>
      deliveries.some((delivery) => delivery.product === product),
    );
  add(!isConfirmed, 'not-at-avara');
  add(
    deliveries.some(({ state }) => state === 'attention'),
    'attention',
  );
  add(
    deliveries.some(({ state, isAtAvara }) => state === 'pending' && isAtAvara),
    'change-pending',
  );
  add(facts.conflicts > 0, 'conflict');
  add(facts.undeliveredReports > 0, 'reports');
  add(facts.isInOpenSession, 'open-session');
  add((facts.handedOutUntil ?? 0) > now, 'urls-in-use');
  add(facts.hasUnverifiedCommitment, 'commitment-unverified');
  const { committedAt } = facts;
  add(committedAt !== undefined && now - committedAt < (rules.committedMs ?? Infinity), 'committed');
  return found;
}
