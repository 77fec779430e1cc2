import { hostname } from 'node:os';

import type { SyslogConfig } from '../config/config.ts';
import type { AuditEntry } from '../core/ports/audit-trail.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import { readAuditTail } from '../storage/audit-tail.ts';
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

/** A record of the trail, as it is told. */
export type ToldRecord = AuditEntry & { readonly at: string };

export interface AuditMessages {
  /** Tells the repository of a record of the trail, where it is one that is told. Never fails, never waits. */
  tell(record: ToldRecord): void;
  close(): Promise<void>;
}

/** Commands without a daemon between two runs of it; a site has a few. */
const MAX_COMMAND_RECORDS = 1000;

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

/**
 * What commands did since the last daemon ended: the records at the end of the trail, before this daemon adds its own.
 * They reached nobody then, because a command only writes the trail.
 * @param folder of the trail, absolute. @returns the oldest first. @throws where it cannot be read.
 */
export async function commandsSinceLastRun(folder: string): Promise<readonly ToldRecord[]> {
  const latest = await readAuditTail(folder, MAX_COMMAND_RECORDS);
  const end = latest.findIndex(({ event }) => !String(event).startsWith('command.'));
  const commands = (end === -1 ? latest : latest.slice(0, end)).toReversed();
  return commands.map((record) => record as unknown as ToldRecord);
}
