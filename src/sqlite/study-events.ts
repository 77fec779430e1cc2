import type Database from 'better-sqlite3';

import type { StudyEvent, StudyEvents } from '../core/ports/study-events.ts';
import type { WriteQueue } from './write-queue.ts';

const HOUR_MS = 3_600_000;
const MAX_DETAIL_LENGTH = 300;

interface EventRow {
  readonly event: string;
  readonly actor: string;
  readonly first_at: number;
  readonly last_at: number;
  readonly count: number;
  readonly detail: string | null;
  readonly peer_address: string | null;
}

/** What happened to studies, in the index database; changes of state are taken down by its triggers. */
export function createStudyEvents(db: Database.Database, queue: WriteQueue): StudyEvents {
  const add = db.prepare(`
    INSERT INTO study_event (study_id, event, actor, slot, first_at, last_at, count, detail, peer_address)
    SELECT id, @event, @actor, @slot, @firstAt, @lastAt, @count, @detail, @peerAddress FROM study
    WHERE study_uid = @studyUid AND customer = @customer
    ON CONFLICT DO UPDATE SET first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at),
      count = count + excluded.count, detail = coalesce(excluded.detail, detail),
      peer_address = coalesce(excluded.peer_address, peer_address)`);
  const ofStudy = db.prepare<[string, string, number], EventRow>(`
    SELECT event, actor, first_at, last_at, count, detail, peer_address FROM study_event
    WHERE study_id = (SELECT id FROM study WHERE study_uid = ? AND customer = ?)
    ORDER BY last_at DESC, first_at DESC LIMIT ?`);

  return {
    add: (happenings) =>
      queue.write(() => {
        for (const { study, event, actor, firstAt, lastAt, count, detail, peerAddress } of happenings)
          add.run({
            customer: study.customer,
            studyUid: study.studyInstanceUid,
            event,
            actor,
            slot: Math.floor(firstAt / HOUR_MS),
            firstAt,
            lastAt,
            count,
            detail: detail?.slice(0, MAX_DETAIL_LENGTH) ?? null,
            peerAddress: peerAddress ?? null,
          });
      }),
    ofStudy: ({ studyInstanceUid, customer }, limit) =>
      ofStudy.all(studyInstanceUid, customer, limit).map(eventOf),
  };
}

function eventOf(row: EventRow): StudyEvent {
  return {
    event: row.event,
    actor: row.actor,
    firstAt: row.first_at,
    lastAt: row.last_at,
    count: row.count,
    ...(row.detail !== null && { detail: row.detail }),
    ...(row.peer_address !== null && { peerAddress: row.peer_address }),
  };
}
