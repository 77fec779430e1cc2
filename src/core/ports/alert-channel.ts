import type { AlertRule, AlertSeverity } from '../alerts/alert.ts';

/** One alert as people and programs are told of it. No patient data. */
export interface AlertReport {
  readonly id: string;
  readonly rule: AlertRule | 'test';
  readonly subject: string;
  /** `still`: a reminder. */
  readonly state: 'raised' | 'still' | 'recovered' | 'test';
  readonly severity: AlertSeverity | 'info';
  readonly summary: string;
  readonly advice: string;
  /** ISO 8601. */
  readonly since: string;
}

/** Everything that is due at one time. */
export interface AlertMessage {
  /** ISO 8601. */
  readonly sentAt: string;
  readonly alerts: readonly AlertReport[];
}

/** A way to somebody who looks after the daemon. */
export interface AlertChannel {
  /** Stable: what it was told is remembered under this name. */
  readonly name: string;
  /** Resolves once the message has been taken. @throws Error with a reason for the log. */
  send(message: AlertMessage): Promise<void>;
}
