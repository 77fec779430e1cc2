import type Database from 'better-sqlite3';

import type { AssociationProposal, RefusedSender, RefusedSenders } from '../core/ports/refused-senders.ts';
import type { WriteQueue } from './write-queue.ts';

/** Anybody who reaches the port can make a line. */
const DEFAULT_MAX_LINES = 500;

interface RefusedRow {
  readonly id: number;
  readonly calling_ae: string;
  readonly called_ae: string;
  readonly peer_address: string;
  readonly reason: string;
  readonly explanation: string;
  readonly proposal: string;
  readonly first_at: number;
  readonly last_at: number;
  readonly attempts: number;
}

/** Senders that were not let in, in the index database. */
export function createRefusedSenders(
  db: Database.Database,
  queue: WriteQueue,
  maxLines = DEFAULT_MAX_LINES,
): RefusedSenders {
  const put = db.prepare(`
    INSERT INTO refused_sender (calling_ae, called_ae, peer_address, reason, explanation, proposal, first_at, last_at,
      attempts)
    VALUES (@callingAeTitle, @calledAeTitle, @peerAddress, @reason, @explanation, @proposal, @firstAt, @lastAt, @attempts)
    ON CONFLICT DO UPDATE SET explanation = excluded.explanation, proposal = excluded.proposal,
      last_at = max(last_at, excluded.last_at), attempts = attempts + excluded.attempts`);
  const dropOldest = db.prepare<[number]>(
    'DELETE FROM refused_sender WHERE id IN (SELECT id FROM refused_sender ORDER BY last_at DESC LIMIT -1 OFFSET ?)',
  );
  const list = db.prepare<[number], RefusedRow>('SELECT * FROM refused_sender ORDER BY last_at DESC LIMIT ?');
  const forget = db.prepare<[number]>('DELETE FROM refused_sender WHERE id = ?');
  const prune = db.prepare<[number]>('DELETE FROM refused_sender WHERE last_at < ?');

  return {
    add: (refusals) =>
      queue.write(() => {
        for (const { proposal, ...refusal } of refusals)
          put.run({ ...refusal, proposal: JSON.stringify(proposal) });
        dropOldest.run(maxLines);
      }),
    list: (limit) => list.all(limit).map(senderOf),
    forget: (id) => queue.write(() => forget.run(id).changes > 0),
    prune: (before) => queue.write(() => void prune.run(before)),
  };
}

function senderOf(row: RefusedRow): RefusedSender {
  return {
    id: row.id,
    callingAeTitle: row.calling_ae,
    calledAeTitle: row.called_ae,
    peerAddress: row.peer_address,
    reason: row.reason,
    explanation: row.explanation,
    proposal: JSON.parse(row.proposal) as AssociationProposal,
    firstAt: row.first_at,
    lastAt: row.last_at,
    attempts: row.attempts,
  };
}
