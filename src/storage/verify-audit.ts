import { createReadStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { auditFiles } from './audit-file.ts';
import {
  CHAIN_START,
  FILES_REMOVED,
  hashOfLine,
  parseAuditLine,
  parseRemovalDetail,
  type AuditRecord,
  type ChainHead,
} from './audit-line.ts';

/** A line of the trail; `record` is missing where a crash cut it short. */
export interface AuditLine {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
  readonly record?: AuditRecord;
}

/** Where a trail does not hold together. */
export interface AuditBreak {
  readonly file: string;
  readonly line: number;
  readonly seq?: number;
  /** For people. */
  readonly reason: string;
}

export interface AuditVerdict {
  /** The first place where records were changed, taken out or put in; absent: none. */
  readonly firstBreak?: AuditBreak;
  readonly files: number;
  readonly records: number;
  readonly firstSeq?: number;
  /** Where the chain ends: note it elsewhere to be able to tell that its end was not cut off. */
  readonly head?: ChainHead;
  /**
   * `beginning`: from the first record on; `removed-files`: from where older files were removed, as a later record says;
   * `unknown`: the records before the first are missing and nothing says that they were removed.
   */
  readonly startsAt: 'beginning' | 'removed-files' | 'unknown';
  /** Whether a record has the hash asked for, where one was. */
  readonly hasKnownHead?: boolean;
  /** Lines that a crash cut short; no record is missing for it. */
  readonly tornLines: number;
  /** Records of versions before the chain. */
  readonly unchained: number;
}

/** Every line of a trail, the oldest first. @throws where the folder or a file cannot be read. */
export async function* readAuditTrail(folder: string): AsyncGenerator<AuditLine> {
  for (const { name } of await auditFiles(folder)) {
    const lines = createInterface({ input: createReadStream(path.join(folder, name)), crlfDelay: Infinity });
    let line = 0;
    for await (const text of lines) {
      line += 1;
      const record = parseAuditLine(text);
      yield { file: name, line, text, ...(record && { record }) };
    }
  }
}

/**
 * Proves that no record of a trail was changed, taken out or put in since it was written: each must have the hash of the
 * one before. What was cut off at the end shows only against a head noted elsewhere.
 * @param knownHash of a record, as an earlier verdict told it: it must be there still.
 * @throws where the folder or a file cannot be read.
 */
export async function verifyAuditTrail(folder: string, knownHash?: string): Promise<AuditVerdict> {
  const files = new Set<string>();
  const anchors: ChainHead[] = [];
  let records = 0;
  let tornLines = 0;
  let unchained = 0;
  let first: AuditRecord | undefined;
  let head: ChainHead | undefined;
  let isChained = false;
  let hasKnownHead = false;
  let firstBreak: AuditBreak | undefined;
  for await (const { file, line, text, record } of readAuditTrail(folder)) {
    files.add(file);
    if (record === undefined) {
      tornLines += 1;
      continue;
    }
    records += 1;
    first ??= record;
    const { seq, prev } = record;
    const reason = firstBreak === undefined ? objectionTo(record, head, isChained) : undefined;
    if (reason !== undefined) firstBreak = { file, line, seq, reason };
    if (prev === undefined) unchained += 1;
    isChained ||= prev !== undefined;
    const anchor = record.event === FILES_REMOVED ? parseRemovalDetail(record.detail ?? '') : undefined;
    if (anchor !== undefined) anchors.push(anchor);
    head = { seq, hash: hashOfLine(text) };
    hasKnownHead ||= head.hash === knownHash;
  }
  const startsAt = startOf(first, anchors);
  if (startsAt === 'unknown' && firstBreak === undefined) {
    const reason = 'the records before it are missing, and no record says that they were removed';
    firstBreak = { file: [...files][0] ?? '', line: 1, reason, ...(first && { seq: first.seq }) };
  }
  return {
    ...(firstBreak && { firstBreak }),
    files: files.size,
    records,
    ...(first && { firstSeq: first.seq }),
    ...(head && { head }),
    startsAt,
    ...(knownHash !== undefined && { hasKnownHead }),
    tornLines,
    unchained,
  };
}

function objectionTo(
  { seq, prev, event }: AuditRecord,
  before: ChainHead | undefined,
  isChained: boolean,
): string | undefined {
  if (prev === undefined && isChained) return 'it does not say what stood before it';
  if (before === undefined) return undefined;
  if (prev !== undefined && prev !== before.hash)
    return `the record before it (seq ${before.seq}) is not the one that it was written after`;
  // Entries that could not be written use up their numbers, and the next record says so.
  if (seq !== before.seq + 1 && event !== 'audit.entries_lost')
    return `its number should be ${before.seq + 1}: records are missing or out of order`;
  return undefined;
}

function startOf(first: AuditRecord | undefined, anchors: readonly ChainHead[]): AuditVerdict['startsAt'] {
  if (first === undefined) return 'beginning';
  if (first.seq === 1) return (first.prev ?? CHAIN_START) === CHAIN_START ? 'beginning' : 'unknown';
  const isAnchored = anchors.some(({ seq, hash }) => seq === first.seq - 1 && (first.prev ?? hash) === hash);
  return isAnchored ? 'removed-files' : 'unknown';
}
