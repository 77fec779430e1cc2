import { hostname } from 'node:os';

import type { SyslogConfig } from '../config/config.ts';
import type { AuditEntry } from '../core/ports/audit-trail.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import { dicomAuditMessage } from '../storage/dicom-audit-message.ts';
import { createSyslogSender } from '../storage/syslog-sender.ts';

/** Longest wait at the stop for what is queued, milliseconds. */
const CLOSE_DEADLINE_MS = 2000;

export interface AuditMessagesOptions {
  readonly syslog: SyslogConfig | null;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface AuditMessages {
  /** Tells the repository of a record of the trail, where it is one that is told. Never fails, never waits. */
  tell(record: AuditEntry & { readonly at: string }): void;
  close(): Promise<void>;
}

/** DICOM audit messages by syslog; undefined where none are configured. */
export function createAuditMessages({
  syslog,
  metrics,
  clock,
  logger,
}: AuditMessagesOptions): AuditMessages | undefined {
  if (syslog === null) return undefined;
  const { enterpriseSiteId, ...target } = syslog;
  const hostName = hostname();
  const sender = createSyslogSender({
    target,
    hostName,
    clock,
    logger,
    onLost: () => metrics.auditMessagesLost.inc(),
  });
  metrics.beforeScrape(() => metrics.auditMessagesQueued.set(sender.queued));
  return {
    tell(record) {
      const message = dicomAuditMessage(record, { sourceId: hostName, enterpriseSiteId });
      if (message !== undefined) sender.send(record.at, message);
    },
    close: () => sender.close(CLOSE_DEADLINE_MS),
  };
}
