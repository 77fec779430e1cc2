import type Database from 'better-sqlite3';

import type { HourNumber, SenderActivity, SenderRecord } from '../core/ports/sender-activity.ts';
import type { CustomerKey, Source } from '../core/study/instance.ts';
import type { WriteQueue } from './write-queue.ts';

const HOUR_MS = 3_600_000;
/** A route may admit any calling AE title, so a peer may call itself something else each time. */
const DEFAULT_MAX_SENDERS = 2000;

interface SenderRow {
  readonly id: number;
  readonly customer: CustomerKey;
  readonly source: Source;
  readonly calling_ae: string;
  readonly called_ae: string;
  readonly peer_address: string;
  readonly first_at: number;
  readonly last_at: number;
  readonly instances: number;
  readonly bytes: number;
}

/** What each sender sent, by the hour, in the index database. */
export function createSenderActivity(
  db: Database.Database,
  queue: WriteQueue,
  maxSenders = DEFAULT_MAX_SENDERS,
): SenderActivity {
  const touch = db.prepare<object, { id: number; was_new: number }>(`
    INSERT INTO sender (customer, source, calling_ae, called_ae, peer_address, first_at, last_at, instances, bytes)
    VALUES (@customer, @source, @callingAeTitle, @calledAeTitle, @peerAddress, @firstAt, @lastAt, @instances, @bytes)
    ON CONFLICT DO UPDATE SET peer_address = excluded.peer_address, last_at = max(last_at, excluded.last_at),
      instances = instances + excluded.instances, bytes = bytes + excluded.bytes
    RETURNING id, first_at = @firstAt AS was_new`);
  const addHour = db.prepare<[number, number, number, number]>(`
    INSERT INTO sender_hour (sender_id, hour, instances, bytes) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET instances = instances + excluded.instances, bytes = bytes + excluded.bytes`);
  const dropOldest = db.prepare<[number]>(
    'DELETE FROM sender WHERE id IN (SELECT id FROM sender ORDER BY last_at DESC LIMIT -1 OFFSET ?)',
  );
  const list = db.prepare<[number], SenderRow>('SELECT * FROM sender ORDER BY last_at DESC LIMIT ?');
  const active = db
    .prepare<[number, number], HourNumber>(
      'SELECT hour FROM sender_hour WHERE sender_id = ? AND hour >= ? ORDER BY hour',
    )
    .pluck();
  const hours = db.prepare<[number, number], { hour: number; instances: number; bytes: number }>(
    'SELECT hour, instances, bytes FROM sender_hour WHERE sender_id = ? AND hour >= ? ORDER BY hour',
  );
  const dropHours = db.prepare<[number]>('DELETE FROM sender_hour WHERE hour < ?');
  const dropSenders = db.prepare<[number]>('DELETE FROM sender WHERE last_at < ?');

  return {
    add: (deliveries) =>
      queue.write(() => {
        let isNew = false;
        for (const delivery of deliveries) {
          const sender = touch.get(delivery);
          if (sender === undefined) continue;
          isNew ||= sender.was_new === 1;
          addHour.run(sender.id, Math.floor(delivery.lastAt / HOUR_MS), delivery.instances, delivery.bytes);
        }
        if (isNew) dropOldest.run(maxSenders);
      }),
    senders: (limit) => list.all(limit).map(recordOf),
    activeHours: (senderId, since) => active.all(senderId, since),
    hours: (senderId, since) => hours.all(senderId, since),
    prune: (hour, senderBefore) =>
      queue.write(() => {
        dropHours.run(hour);
        dropSenders.run(senderBefore);
      }),
  };
}

function recordOf(row: SenderRow): SenderRecord {
  return {
    id: row.id,
    customer: row.customer,
    source: row.source,
    callingAeTitle: row.calling_ae,
    calledAeTitle: row.called_ae,
    peerAddress: row.peer_address,
    firstAt: row.first_at,
    lastAt: row.last_at,
    instances: row.instances,
    bytes: row.bytes,
  };
}
