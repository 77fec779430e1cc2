import type { Context } from 'hono';
import type { AuditEntry, AuditTrail } from '../../core/ports/audit-trail.ts';
import type { CustomerKey } from '../../core/study/instance.ts';
import type { DicomWebEnv } from './env.ts';

/** What a DICOMweb request was given, or what it stored. */
export interface HandOut {
  /** Past tense, dotted: `dicomweb.searched`, `dicomweb.retrieved`, `dicomweb.rendered`, `dicomweb.stored`. */
  readonly event: `dicomweb.${string}`;
  readonly customer?: CustomerKey;
  readonly studyInstanceUid?: string;
  readonly sopInstanceUid?: string;
  /** How much, by unit: `{ instances: 500 }` becomes `500 instances`. */
  readonly counts?: Readonly<Record<string, number>>;
  /** What of it, such as the name of a resource. No patient data. */
  readonly what?: string;
}

/** Records a hand-out: once per request, however many images it is of. */
export function recordHandOut(audit: AuditTrail, c: Context<DicomWebEnv>, handOut: HandOut): void {
  const { counts = {}, what, ...named } = handOut;
  const parts = [
    ...(what === undefined ? [] : [what]),
    ...Object.entries(counts).map(([unit, n]) => `${n} ${unit}`),
  ];
  const entry: AuditEntry = {
    ...named,
    actor: c.var.scope.actor,
    ...(c.env.peerAddress !== undefined && { peerAddress: c.env.peerAddress }),
    ...(parts.length > 0 && { detail: parts.join(', ') }),
  };
  audit.record(entry);
}
