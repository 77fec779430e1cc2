import type { CustomerKey } from '../study/instance.ts';
import type { Product } from '../study/study.ts';

/** What is kept of one customer, and for how long. Times in milliseconds. */
export interface CustomerRules {
  /** Its products as configured now: each must have the study. */
  readonly products: readonly Product[];
  /** Nothing of it is ever removed. */
  readonly isExempt: boolean;
  /** Due once nothing came in for so long. */
  readonly afterReceivedMs?: number | undefined;
  /** Due once Avara has had it for so long; with `afterReceivedMs`, both must have passed. */
  readonly afterConfirmedMs?: number | undefined;
  /** What all its studies may take, bytes. */
  readonly maxBytes?: number | undefined;
}

export interface RetentionRules {
  /** By customer; nothing is removed of one that is not configured. */
  readonly customers: ReadonlyMap<CustomerKey, CustomerRules>;
  /** What all studies may take, bytes. */
  readonly maxBytes?: number | undefined;
  /** Below `lowBytes` of free space studies go until `highBytes` are free. */
  readonly freeSpace?: { readonly lowBytes: number; readonly highBytes: number } | undefined;
  /** No study goes for want of space that received something within so long. */
  readonly minimumAgeMs: number;
  /** For so long after storage commitment was given nothing of a study is removed; undefined: never. */
  readonly committedMs?: number | undefined;
}

/** Whether the rules can ever remove anything. */
export function hasRules({ customers, maxBytes, freeSpace }: RetentionRules): boolean {
  if (maxBytes !== undefined || freeSpace !== undefined) return true;
  return [...customers.values()].some(
    (rules) =>
      !rules.isExempt && (rules.afterReceivedMs ?? rules.afterConfirmedMs ?? rules.maxBytes) !== undefined,
  );
}
