import type { RemovalReason, RetentionFacts } from '../ports/removals.ts';
import type { CustomerKey } from '../study/instance.ts';
import { protectionsOf } from './protections.ts';
import type { Protection } from './protections.ts';
import type { CustomerRules, RetentionRules } from './rules.ts';

/** What the studies take, and what is free, in bytes. */
export interface SpaceState {
  readonly usage: ReadonlyMap<CustomerKey, number>;
  readonly freeBytes: number;
}

export type Verdict =
  | { readonly kind: 'remove'; readonly why: Exclude<RemovalReason, 'moved'> }
  /** It would go, were it not for these. */
  | {
      readonly kind: 'protected';
      readonly why: Exclude<RemovalReason, 'moved'>;
      readonly by: readonly Protection[];
    }
  /** Nothing speaks for removing it. */
  | { readonly kind: 'not-due' };

/**
 * Decides study by study, the oldest first, which go: what is too old, and then for want of space as many as it takes.
 * Counts along what those that go free, so it is of use for one walk only.
 */
export class RetentionPlan {
  readonly #rules: RetentionRules;
  readonly #now: number;
  readonly #usage: Map<CustomerKey, number>;
  #totalBytes: number;
  /** Still to be freed, so that enough of the disk is. */
  #wantedBytes: number;

  /** @param now milliseconds since 1970 UTC. */
  constructor(rules: RetentionRules, { usage, freeBytes }: SpaceState, now: number) {
    this.#rules = rules;
    this.#now = now;
    this.#usage = new Map(usage);
    this.#totalBytes = [...usage.values()].reduce((sum, bytes) => sum + bytes, 0);
    const { freeSpace } = rules;
    this.#wantedBytes =
      freeSpace !== undefined && freeBytes < freeSpace.lowBytes ? freeSpace.highBytes - freeBytes : 0;
  }

  judge(facts: RetentionFacts): Verdict {
    const rules = this.#rules.customers.get(facts.key.customer);
    const why = this.#reason(facts, rules);
    if (why === undefined) return { kind: 'not-due' };
    const by = protectionsOf(facts, this.#rules, this.#now);
    if (by.length > 0) return { kind: 'protected', why, by };
    const { customer } = facts.key;
    this.#usage.set(customer, (this.#usage.get(customer) ?? 0) - facts.bytes);
    this.#totalBytes -= facts.bytes;
    this.#wantedBytes -= facts.bytes;
    return { kind: 'remove', why };
  }

  /** Whether no study that received something as late as this, or later, can be due. */
  isThrough(lastReceivedAt: number): boolean {
    const age = this.#now - lastReceivedAt;
    const customers = [...this.#rules.customers];
    const ages = customers.flatMap(([, rules]) => {
      const least = rules.afterReceivedMs ?? rules.afterConfirmedMs;
      return rules.isExempt || least === undefined ? [] : [least];
    });
    // Avara cannot have had it for longer than it is here.
    if (ages.some((least) => age >= least)) return false;
    return age < this.#rules.minimumAgeMs || !this.#isShort(customers);
  }

  #reason(
    facts: RetentionFacts,
    rules: CustomerRules | undefined,
  ): Exclude<RemovalReason, 'moved'> | undefined {
    if (rules !== undefined && isDueByAge(facts, rules, this.#now)) return 'age';
    if (this.#now - facts.lastReceivedAt < this.#rules.minimumAgeMs) return undefined;
    const own = this.#usage.get(facts.key.customer) ?? 0;
    if (own > (rules?.maxBytes ?? Infinity) || this.#totalBytes > (this.#rules.maxBytes ?? Infinity))
      return 'size';
    return this.#wantedBytes > 0 ? 'free-space' : undefined;
  }

  #isShort(customers: readonly (readonly [CustomerKey, CustomerRules])[]): boolean {
    if (this.#wantedBytes > 0 || this.#totalBytes > (this.#rules.maxBytes ?? Infinity)) return true;
    return customers.some(([name, { maxBytes }]) => (this.#usage.get(name) ?? 0) > (maxBytes ?? Infinity));
  }
}

function isDueByAge(facts: RetentionFacts, rules: CustomerRules, now: number): boolean {
  const { afterReceivedMs, afterConfirmedMs } = rules;
  if (afterReceivedMs === undefined && afterConfirmedMs === undefined) return false;
  if (afterReceivedMs !== undefined && now - facts.lastReceivedAt < afterReceivedMs) return false;
  if (afterConfirmedMs === undefined) return true;
  return (
    facts.deliveries.length > 0 &&
    facts.deliveries.every(({ confirmedAt }) => now - confirmedAt >= afterConfirmedMs)
  );
}
