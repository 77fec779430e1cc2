/** What somebody may be told about. Names are part of the outer contract: never given another meaning. */
export const ALERT_RULES = [
  'deliveries-attention',
  'reports-attention',
  'api-key-refused',
  'avara-unreachable',
  'customer-missing',
  'disk-low',
  'disk-forecast',
  'sender-silent',
  'certificate-expiring',
  'crash-loop',
  'quarantine-growing',
  'object-damaged',
  'scrub-behind',
  'ledger-exception',
  'audit-lost',
] as const;
export type AlertRule = (typeof ALERT_RULES)[number];

export type AlertSeverity = 'warning' | 'critical';

/** Something that is wrong now. No patient data: customers, AE titles, listeners and counts only. */
export interface AlertCondition {
  readonly rule: AlertRule;
  /** What it is about, where a rule can hold for several: a key's fingerprint, a listener, a sender. */
  readonly subject: string;
  readonly severity: AlertSeverity;
  /** One sentence. */
  readonly summary: string;
  /** What to do about it, one sentence. */
  readonly advice: string;
}

/** What a channel was last told of an alert. */
export interface Told {
  readonly state: 'raised' | 'recovered';
  readonly severity: AlertSeverity;
  readonly at: number;
}

/**
 * A condition over time. `forming`: seen, not yet for long enough; `active`: people are to know; `recovered`: gone for
 * long enough, kept until every channel that was told of it has been told so. Times are milliseconds since 1970.
 */
export interface AlertEntry extends AlertCondition {
  /** Rule and subject: what makes two conditions the same. */
  readonly key: string;
  readonly state: 'forming' | 'active' | 'recovered';
  readonly since: number;
  /** Since when the condition has been away, while active or recovered. */
  readonly goneSince?: number;
  /** By name of the channel. */
  readonly told: Readonly<Record<string, Told>>;
}

/** Something to tell a channel. */
export interface AlertNotice {
  readonly kind: 'raised' | 'still' | 'recovered';
  readonly entry: AlertEntry;
}

export function alertKey({ rule, subject }: Pick<AlertCondition, 'rule' | 'subject'>): string {
  return subject === '' ? rule : `${rule}:${subject}`;
}
