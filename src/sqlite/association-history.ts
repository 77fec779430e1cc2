import type Database from 'better-sqlite3';
import { LRUCache } from 'lru-cache';

import type {
  AssociationContextRecord,
  AssociationHistory,
  AssociationOutcome,
  AssociationQuery,
  AssociationRecord,
  EndedAssociation,
} from '../core/ports/association-history.ts';
import { CursorError } from '../core/ports/study-index.ts';
import type { CustomerKey } from '../core/study/instance.ts';
import type { WriteQueue } from './write-queue.ts';

/** Lines kept at most, whatever their age: at one Association per object an archive writes thousands per hour. */
const MAX_LINES = 1_000_000;
/** Lines removed in one transaction, which takes a few milliseconds. */
const PRUNE_STEP = 500;
/** For so long one line takes up further attempts in vain. */
const MERGE_MS = 3_600_000;
/** Peers whose attempts in vain are merged at the same time. */
const MAX_MERGING = 256;
const MAX_ERROR_LENGTH = 300;
/** A sender may propose 128; more than a handful of lines tell nobody more. */
const MAX_CONTEXTS_KEPT = 32;

export interface SqliteAssociationHistoryOptions {
  readonly db: Database.Database;
  readonly queue: WriteQueue;
  /** Default 1,000,000. */
  readonly maxLines?: number;
}

interface AssociationRow {
  readonly id: number;
  readonly association_id: string;
  readonly peer_address: string;
  readonly calling_ae: string | null;
  readonly called_ae: string | null;
  readonly customer: CustomerKey | null;
  readonly contexts: string;
  readonly objects: number;
  readonly refused_objects: number;
  readonly bytes: number;
  readonly started_at: number;
  readonly ended_at: number;
  readonly outcome: AssociationOutcome;
  readonly last_error: string | null;
  readonly attempts: number;
}

/** The history of Associations, in the database of the index. */
export function createAssociationHistory(options: SqliteAssociationHistoryOptions): AssociationHistory {
  const { db, queue, maxLines = MAX_LINES } = options;
  const insert = db.prepare(`
    INSERT INTO association (association_id, peer_address, calling_ae, called_ae, customer, contexts, objects,
      refused_objects, bytes, started_at, ended_at, outcome, last_error, attempts)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`);
  // The number alone will not do: a line that was rolled back, or pruned, leaves it to another one.
  const merge = db.prepare<[number, string, number, number, string]>(`
    UPDATE association SET attempts = attempts + 1, ended_at = ?, association_id = ?
    WHERE id = ? AND started_at = ? AND peer_address = ?`);
  // By place, not by time: with the oldest first in the table, each step looks at one step's worth of lines.
  const prune = db.prepare<[number, number]>(`
    DELETE FROM association WHERE id IN (SELECT id FROM association ORDER BY id LIMIT ${PRUNE_STEP})
      AND (ended_at < ? OR id <= (SELECT max(id) FROM association) - ?)`);
  const lists = new Map<string, Database.Statement<unknown[], AssociationRow>>();
  /** The line that takes up the next attempt in vain of the same kind. */
  const merging = new LRUCache<string, { readonly id: number; readonly startedAt: number }>({
    max: MAX_MERGING,
  });

  function write(ended: EndedAssociation): void {
    const kind = isInVain(ended) ? kindOf(ended) : undefined;
    const line = kind === undefined ? undefined : merging.get(kind);
    if (line !== undefined && ended.endedAt - line.startedAt < MERGE_MS) {
      const { id, startedAt } = line;
      if (merge.run(ended.endedAt, ended.id, id, startedAt, ended.peerAddress).changes > 0) return;
    }
    const { lastInsertRowid } = insert.run(
      ended.id,
      ended.peerAddress,
      ended.callingAeTitle ?? null,
      ended.calledAeTitle ?? null,
      ended.customer ?? null,
      contextText(ended.contexts),
      ended.objects,
      ended.refusedObjects,
      ended.bytes,
      ended.startedAt,
      ended.endedAt,
      ended.outcome,
      ended.lastError?.slice(0, MAX_ERROR_LENGTH) ?? null,
    );
    if (kind !== undefined) {
      merging.set(kind, { id: Number(lastInsertRowid), startedAt: ended.startedAt });
    }
  }

  return {
    add: (ended) => queue.write(() => write(ended)),
    list(query) {
      const { sql, values } = listQuery(query);
      let statement = lists.get(sql);
      if (statement === undefined) {
        statement = db.prepare(sql);
        lists.set(sql, statement);
      }
      const rows = statement.all(...values, query.limit + 1);
      const page = rows.slice(0, query.limit);
      const last = page.at(-1);
      return {
        associations: page.map(recordOf),
        ...(rows.length > query.limit && last && { cursor: encodeCursor(last.id) }),
      };
    },
    pruneSome: (before) => queue.write(() => prune.run(before, maxLines).changes === PRUNE_STEP),
  };
}

/** Nothing came of it: worth one line, not one per try. */
function isInVain({ outcome, objects, refusedObjects }: EndedAssociation): boolean {
  return outcome !== 'released' && objects === 0 && refusedObjects === 0;
}

function kindOf(ended: EndedAssociation): string {
  const { peerAddress, callingAeTitle, calledAeTitle, outcome, lastError } = ended;
  return JSON.stringify([peerAddress, callingAeTitle, calledAeTitle, outcome, lastError]);
}

/** JSON: `[[Abstract Syntax, Transfer Syntax], ...]`, each pair once. */
function contextText(contexts: readonly AssociationContextRecord[]): string {
  const pairs = new Map(
    contexts.map((context) => {
      const pair = [context.abstractSyntaxUid, context.transferSyntaxUid];
      return [pair.join(' '), pair];
    }),
  );
  return JSON.stringify([...pairs.values()].slice(0, MAX_CONTEXTS_KEPT));
}

/** The SQL of a list, one text per combination of filters so that each is prepared once. */
function listQuery(query: AssociationQuery): { sql: string; values: unknown[] } {
  const { outcome, callingAeTitle, calledAeTitle, cursor } = query;
  const where: string[] = [];
  const values: unknown[] = [];
  // The filter that lets through least goes by its index, the others (with a +) look at what that finds. The partial
  // index is used only where its own condition is repeated.
  const isOfFailures = outcome !== undefined && outcome !== 'released';
  if (outcome !== undefined) {
    where.push(isOfFailures ? "outcome <> 'released' AND outcome = ?" : '+outcome = ?');
    values.push(outcome);
  }
  if (callingAeTitle !== undefined) {
    where.push(isOfFailures ? '+calling_ae = ?' : 'calling_ae = ?');
    values.push(callingAeTitle);
  }
  if (calledAeTitle !== undefined) {
    where.push(isOfFailures || callingAeTitle !== undefined ? '+called_ae = ?' : 'called_ae = ?');
    values.push(calledAeTitle);
  }
  if (cursor !== undefined) {
    where.push('id < ?');
    values.push(decodeCursor(cursor));
  }
  const filter = where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`;
  const table = isOfFailures ? 'association INDEXED BY association_failed' : 'association';
  return { sql: `SELECT * FROM ${table} ${filter} ORDER BY id DESC LIMIT ?`, values };
}

function encodeCursor(id: number): string {
  return Buffer.from(String(id)).toString('base64url');
}

function decodeCursor(cursor: string): number {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  if (!/^\d{1,15}$/.test(text)) throw new CursorError('cursor is not one that an earlier answer gave');
  return Number(text);
}

function recordOf(row: AssociationRow): AssociationRecord {
  return {
    id: row.association_id,
    peerAddress: row.peer_address,
    ...(row.calling_ae !== null && { callingAeTitle: row.calling_ae }),
    ...(row.called_ae !== null && { calledAeTitle: row.called_ae }),
    ...(row.customer !== null && { customer: row.customer }),
    contexts: (JSON.parse(row.contexts) as [string, string][]).map(
      ([abstractSyntaxUid, transferSyntaxUid]) => ({
        abstractSyntaxUid,
        transferSyntaxUid,
      }),
    ),
    objects: row.objects,
    refusedObjects: row.refused_objects,
    bytes: row.bytes,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    outcome: row.outcome,
    ...(row.last_error !== null && { lastError: row.last_error }),
    attempts: row.attempts,
  };
}
