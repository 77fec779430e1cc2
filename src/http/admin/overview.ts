import type { IntakeRate } from '../../core/activity/intake-rate.ts';
import type { SilenceVerdict } from '../../core/activity/silence.ts';
import type { RefusedSender } from '../../core/ports/refused-senders.ts';
import type { SenderRecord } from '../../core/ports/sender-activity.ts';
import type { CustomerTotals } from '../../core/ports/study-index.ts';
import type { RouteSuggestion } from '../../core/routing/suggest-routes.ts';
import type { RouteRule } from '../../core/routing/route.ts';
import type { DiskForecast } from '../../core/space/forecast.ts';
import type { CustomerKey } from '../../core/study/instance.ts';
import type { Summary } from '../../core/summary/summarize.ts';
import type { IntegrityView } from './integrity.ts';

/** An Association that is up. Times are milliseconds since 1970 UTC, here and below. */
export interface OpenAssociation {
  readonly id: string;
  readonly peerAddress: string;
  readonly callingAeTitle?: string;
  readonly calledAeTitle?: string;
  readonly customer?: CustomerKey;
  readonly startedAt: number;
  readonly objects: number;
  readonly refusedObjects: number;
  readonly bytes: number;
}

/** A sender, and what its habit says of its silence. */
export interface SenderStanding extends SenderRecord {
  readonly verdict: SilenceVerdict;
}

/** A sender that was turned away, and what would admit it. */
export interface RefusedStanding extends RefusedSender {
  /** Who it would send to by the configuration as it is now: it was admitted since. */
  readonly admittedTo?: CustomerKey;
  readonly suggestions: readonly RouteSuggestion[];
}

/** A customer as configured, as Avara has it, and what is held of it. */
export interface CustomerView {
  readonly customer: CustomerKey;
  /** Absent: no longer configured. */
  readonly config?: {
    readonly expressCustomerId: string;
    readonly products: readonly string[];
    readonly facilityName?: string;
  };
  /** Whether Avara has it: `active`, `inactive`, `unknown`, `unchecked`. */
  readonly state?: string;
  readonly reason?: string;
  readonly totals?: CustomerTotals;
  /** Of the configuration, with their places in it. */
  readonly routes: readonly { readonly index: number; readonly rule: RouteRule }[];
  readonly folders: readonly string[];
}

export interface DiskView {
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly reserveBytes: number;
  readonly isBelowReserve: boolean;
  readonly forecast: DiskForecast;
}

/** How things go with one API key. */
export interface ApiKeyView {
  readonly fingerprint: string;
  readonly customers: readonly CustomerKey[];
  readonly state: string;
  readonly reason?: string;
  readonly since?: number;
  readonly nextAttemptAt?: number;
  readonly unreachableSince?: number;
}

/** A line of the audit trail, as it was written. */
export interface AuditLine {
  readonly seq: number;
  /** ISO 8601. */
  readonly at: string;
  readonly event: string;
  readonly customer?: string;
  readonly studyInstanceUid?: string;
  readonly actor?: string;
  readonly peerAddress?: string;
  readonly detail?: string;
}

/** What the status page and its API tell besides studies. Everything is bounded and cheap. */
export interface AdminOverview {
  readonly version: string;
  readonly startedAt: number;
  summary(): Summary;
  rate(): IntakeRate;
  openAssociations(): readonly OpenAssociation[];
  disk(): DiskView;
  /** Latest first. */
  senders(): readonly SenderStanding[];
  /** What a sender sent in the last week, by the hour since 1970 UTC. */
  senderHours(id: number): readonly { readonly hour: number; readonly instances: number }[];
  /** Latest first; those that are admitted by now come along. */
  refused(): readonly RefusedStanding[];
  /** @returns whether there was such a line. */
  forgetRefused(id: number): Promise<boolean>;
  customers(): readonly CustomerView[];
  apiKeys(): readonly ApiKeyView[];
  integrity(): IntegrityView;
  /** Latest first. */
  audit(limit: number): Promise<readonly AuditLine[]>;
}
