import type { CustomerKey } from '../study/instance.ts';

/** Something that was handed out, or refused, to somebody outside (design invariant 6). No patient data, no secrets. */
export interface AuditEntry {
  /** Past tense, dotted: `study.access_granted`, `study.access_refused`, `object.served`, `object.refused`. */
  readonly event: string;
  readonly customer?: CustomerKey;
  readonly studyInstanceUid?: string;
  readonly sopInstanceUid?: string;
  /** Who asked: key id of a URL token, name of a bearer token, `avara` for webhooks. */
  readonly actor?: string;
  readonly peerAddress?: string;
  readonly detail?: string;
}

/** Append-only record of hand-outs. */
export interface AuditTrail {
  /** Queues the entry; it is on disk within a second, and before the daemon has stopped. */
  record(entry: AuditEntry): void;
}
