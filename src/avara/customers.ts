import { createHash } from 'node:crypto';
import type { CustomerKey } from '../core/study/instance.ts';
import type { Product } from '../core/study/study.ts';

/** Avara's urgency of a study. */
export type Severity = 'normal' | 'high' | 'stat';

/** What the Avara side needs to know of a configured customer. */
export interface AvaraCustomer {
  /** `cus_…`; every study of the customer is created under it. */
  readonly expressCustomerId: string;
  readonly products: readonly Product[];
  /** For studies that name no priority themselves. */
  readonly severity: Severity;
  /** For studies that name no institution themselves. */
  readonly facilityName?: string;
  /** Which of the two above win over what the images say. */
  readonly override?: readonly ('severity' | 'facilityName')[];
  /** `usr_…` that new studies are assigned to. */
  readonly assignedTo?: string;
  /** Fixed pairs of each study's metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** What modalities are to be called, such as `MRI` for `MR`. */
  readonly modalityNames?: Readonly<Record<string, string>>;
  /** Send the older field names of Avara's documentation. */
  readonly legacyFieldNames?: boolean;
  readonly avara: { readonly baseUrl: string; readonly apiKey: string };
}

/** Read anew at each use, so the owner may change it in place when the configuration is reloaded. */
export type AvaraCustomers = ReadonlyMap<CustomerKey, AvaraCustomer>;

/**
 * Names an API key at a base URL, in logs and on the status page, without giving it away: the first 8 hexadecimal
 * digits of a SHA-256. Avara's keys are random, so a digest cannot be searched for.
 */
export function fingerprintApiKey(avara: AvaraCustomer['avara']): string {
  const known = fingerprints.get(avara);
  if (known !== undefined) return known;
  const digest = createHash('sha256').update(`${avara.baseUrl}\n${avara.apiKey}`).digest('hex').slice(0, 8);
  fingerprints.set(avara, digest);
  return digest;
}

const fingerprints = new WeakMap<AvaraCustomer['avara'], string>();

/** Customers by the fingerprint of the API key that they are served with. */
export function groupByApiKey(customers: AvaraCustomers): ReadonlyMap<string, readonly CustomerKey[]> {
  const groups = new Map<string, CustomerKey[]>();
  for (const [key, customer] of customers) {
    const fingerprint = fingerprintApiKey(customer.avara);
    const group = groups.get(fingerprint);
    if (group === undefined) groups.set(fingerprint, [key]);
    else group.push(key);
  }
  return groups;
}
