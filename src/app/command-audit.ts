import { stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import type { AuditEntry } from '../core/ports/audit-trail.ts';
import type { Logger } from '../core/ports/logger.ts';
import { createSystemClock } from '../platform/clock.ts';
import { StartError } from './daemon.ts';
import { openAuditLog } from '../storage/audit-log.ts';

export interface CommandAuditOptions {
  readonly dataDir: string;
  readonly logger: Logger;
  /** The command with the options that say what it may change; no paths, which may hold names. */
  readonly command: string;
  readonly customer?: AuditEntry['customer'];
}

/** Takes down in the audit trail what a command changes in a data folder that no daemon is using. */
export interface CommandAudit {
  started(): void;
  /** @param detail what became of it, in numbers. */
  ended(detail: string): void;
  /** Resolves once the entries are on disk. */
  close(): Promise<void>;
}

/**
 * The caller holds the lock of the data folder: only one may write the trail.
 * @throws where the trail cannot be opened; then nothing is to be changed.
 */
export async function openCommandAudit(options: CommandAuditOptions): Promise<CommandAudit> {
  const { dataDir, logger, command, customer } = options;
  await requireOwner(dataDir);
  const log = await openAuditLog({ folder: path.join(dataDir, 'audit'), clock: createSystemClock(), logger });
  const record = (event: string, detail: string): void => {
    log.record({ event, actor: whoRunsThis(), ...(customer !== undefined && { customer }), detail });
  };
  return {
    started: () => record('command.started', command),
    ended: (detail) => record('command.ended', `${command.split(' ', 1)[0] ?? ''}: ${detail}`),
    close: () => log.close(),
  };
}

/**
 * Root could write into anybody's data folder, and the daemon could not use what it made.
 * @throws StartError
 */
export async function requireOwner(dataDir: string): Promise<void> {
  const uid = await ownerOf(dataDir);
  if (process.getuid?.() !== 0 || uid === undefined || uid === 0) return;
  throw new StartError(
    `the data folder belongs to another user (uid ${uid}), and this is root: the daemon could not use the files made now`,
    'Run it as that user, such as with the line that "avara-ingest service --install --dry-run" prints for check.',
  );
}

/** @returns undefined where there is no folder yet. */
async function ownerOf(folder: string): Promise<number | undefined> {
  try {
    return (await stat(folder)).uid;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The user of the operating system, and who became it by `sudo`, as sudo says. */
function whoRunsThis(): string {
  const by = process.env.SUDO_USER;
  return `os:${userName()}${by === undefined || !/^[\w.@-]{1,64}$/.test(by) ? '' : ` (sudo: ${by})`}`;
}

function userName(): string {
  try {
    return os.userInfo().username;
  } catch {
    // A user without an entry, as in a container.
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
