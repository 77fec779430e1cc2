import type { CustomerKey } from '../core/study/instance.ts';
import type { KeyEvidence, KeyGates, KeyHold } from './key-gates.ts';

/** What may hold back the attempts of one customer: its API key, or the customer itself. */
export interface EntryGate {
  hold(): KeyHold | undefined;
  /** @param scope whether a refusal may concern this customer's studies only. */
  report(evidence: KeyEvidence | undefined, isProbe: boolean, scope?: 'key' | 'customer'): void;
}

/** Name of the gate of one customer of a key that serves several. */
export function customerGate(fingerprint: string, customer: CustomerKey): string {
  return `${fingerprint}/${customer}`;
}

/**
 * The gates that an attempt for one customer passes. A 403 may be about the customer alone, so it holds only that one;
 * once a second customer of the key is refused too, it is the key that is held, with one alarm for all.
 * @param members all customers of the API key.
 */
export function entryGate(
  gates: KeyGates,
  fingerprint: string,
  customer: CustomerKey,
  members: readonly CustomerKey[],
): EntryGate {
  const own = customerGate(fingerprint, customer);

  function isOnlyThisOne(): boolean {
    if (members.length < 2 || gates.holdOf(fingerprint)?.cause === 'refused') return false;
    return !members.some(
      (other) => other !== customer && gates.holdOf(customerGate(fingerprint, other)) !== undefined,
    );
  }

  return {
    hold: () => gates.holdOf(fingerprint) ?? gates.holdOf(own),
    report(evidence, isProbe, scope = 'key') {
      if (evidence === undefined) return;
      if (evidence.kind === 'refused' && scope === 'customer' && isOnlyThisOne()) {
        gates.report(own, [customer], evidence, isProbe);
        return;
      }
      gates.report(fingerprint, members, evidence, isProbe);
      if (evidence.kind === 'refused') {
        // The key is held for all of them now.
        for (const member of members) gates.drop(customerGate(fingerprint, member));
      } else if (gates.holdOf(own) !== undefined) gates.report(own, [customer], evidence, isProbe);
    },
  };
}
