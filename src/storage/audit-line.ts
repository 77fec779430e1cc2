import { hash } from 'node:crypto';

import type { AuditEntry } from '../core/ports/audit-trail.ts';

/** `prev` of the first record of a trail. */
export const CHAIN_START = '0'.repeat(64);

/** A record as it stands on a line. `prev` is missing in those of versions before the chain. */
export interface AuditRecord extends AuditEntry {
  /** Rises by one, across files and restarts. */
  readonly seq: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** SHA-256 of the record before, as its line without the line break; lower-case hex. */
  readonly prev?: string;
}

/** Where a chain ends. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

/** @param line without its line break. */
export function hashOfLine(line: string): string {
  return hash('sha256', line, 'hex');
}

/** Reads a line; undefined for one that a crash cut short. */
export function parseAuditLine(line: string): AuditRecord | undefined {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record !== 'object' || record === null || !('seq' in record)) return undefined;
    return Number.isSafeInteger(record.seq) ? (record as AuditRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** The event that says that older files were removed, and where the chain was then; see {@link removalDetail}. */
export const FILES_REMOVED = 'audit.files_removed';

/** What the record of removed files says: where the chain that is left begins. */
export function removalDetail({ seq, hash }: ChainHead, files: number): string {
  return `${files} files, up to seq ${seq}, which has the hash ${hash}`;
}

export function parseRemovalDetail(detail: string): ChainHead | undefined {
  const [, seq, hash] = /up to seq (\d{1,16}), which has the hash ([0-9a-f]{64})$/.exec(detail) ?? [];
  return seq === undefined || hash === undefined ? undefined : { seq: Number(seq), hash };
}
