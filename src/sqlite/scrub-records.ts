import type Database from 'better-sqlite3';

import type { DamageRecords, DamagedObject, ScrubRecords, ScrubRound } from '../core/ports/scrub-records.ts';
import type { WriteQueue } from './write-queue.ts';

const HOUR_MS = 3_600_000;

interface RoundRow {
  readonly started_at: number;
  readonly finished_at: number | null;
  readonly area: ScrubRound['area'];
  readonly after_id: number;
  readonly objects: number;
  readonly bytes: number;
}

interface MarkRow {
  readonly last_id: number;
  readonly checked_at: number;
}

/** Where the background check stands, in the index database. */
export function createScrubRecords(db: Database.Database, queue: WriteQueue): ScrubRecords {
  const round = db.prepare<[], RoundRow>('SELECT * FROM scrub_round');
  const put = db.prepare<[RoundRow]>(`
    INSERT OR REPLACE INTO scrub_round VALUES (1, @started_at, @finished_at, @area, @after_id, @objects, @bytes)`);
  const latest = db.prepare<[number], MarkRow>('SELECT * FROM scrub_mark WHERE last_id = ?');
  const pass = db.prepare<[number, number]>('DELETE FROM scrub_mark WHERE last_id >= ? AND last_id <= ?');
  const mark = db.prepare<[number, number]>('INSERT OR REPLACE INTO scrub_mark VALUES (?, ?)');
  const drop = db.prepare<[number]>('DELETE FROM scrub_mark WHERE last_id > ?');
  const oldest = db.prepare<[], { at: number | null }>('SELECT min(checked_at) AS at FROM scrub_mark');
  const unchecked = db.prepare<[], { at: number }>(`
    SELECT received_at AS at FROM instance
    WHERE id > coalesce((SELECT max(last_id) FROM scrub_mark), 0) ORDER BY id LIMIT 1`);

  /** Objects up to `afterId` were looked at; what was marked of them before is void. */
  function moveMark(afterId: number, now: number): void {
    const before = round.get();
    const from = before?.area === 'objects' && before.finished_at === null ? before.after_id : 0;
    if (afterId <= from) return;
    const running = from > 0 ? latest.get(from) : undefined;
    const isSameHour = running !== undefined && now - running.checked_at < HOUR_MS;
    pass.run(isSameHour ? from : from + 1, afterId);
    mark.run(afterId, isSameHour ? running.checked_at : now);
  }

  return {
    round() {
      const row = round.get();
      return (
        row && {
          startedAt: row.started_at,
          ...(row.finished_at !== null && { finishedAt: row.finished_at }),
          area: row.area,
          afterId: row.after_id,
          objects: row.objects,
          bytes: row.bytes,
        }
      );
    },
    save: (next, now) =>
      queue.write(() => {
        if (next.area === 'objects') moveMark(next.afterId, now);
        else {
          // Every object was looked at: marks beyond the last of them stand for what has been removed.
          const before = round.get();
          if (before?.area === 'objects') drop.run(before.after_id);
        }
        const { startedAt, finishedAt = null, area, afterId, objects, bytes } = next;
        put.run({
          started_at: startedAt,
          finished_at: finishedAt,
          area,
          after_id: afterId,
          objects,
          bytes,
        });
      }),
    oldestCheckAt() {
      const times = [oldest.get()?.at, unchecked.get()?.at].filter((at) => typeof at === 'number');
      return times.length === 0 ? undefined : Math.min(...times);
    },
  };
}

interface DamagedRow {
  readonly path: string;
  readonly kind: string;
  readonly customer: string;
  readonly study_uid: string;
  readonly series_uid: string;
  readonly sop_uid: string;
  readonly detail: string;
  readonly remedy: string | null;
  readonly found_at: number;
  readonly seen_at: number;
}

/** Damaged objects that are known of, in the index database. */
export function createDamageRecords(db: Database.Database, queue: WriteQueue): DamageRecords {
  const count = db.prepare<[], { total: number }>('SELECT count(*) AS total FROM damaged_object');
  const has = db.prepare<[string]>('SELECT 1 FROM damaged_object WHERE path = ?');
  const list = db.prepare<[string, number], DamagedRow>(
    'SELECT * FROM damaged_object WHERE path > ? ORDER BY path LIMIT ?',
  );
  const put = db.prepare<[Omit<DamagedRow, 'found_at'>]>(`
    INSERT INTO damaged_object VALUES
      (@path, @kind, @customer, @study_uid, @series_uid, @sop_uid, @detail, @remedy, @seen_at, @seen_at)
    ON CONFLICT (path) DO UPDATE SET kind = @kind, detail = @detail, remedy = @remedy, seen_at = @seen_at`);
  const forget = db.prepare<[string]>('DELETE FROM damaged_object WHERE path = ?');
  return {
    count: () => count.get()?.total ?? 0,
    has: (path) => has.get(path) !== undefined,
    list: (limit, afterPath = '') => list.all(afterPath, limit).map(toDamaged),
    put: ({ key, kind, path, detail, remedy = null, seenAt }) =>
      queue.write(
        () =>
          void put.run({
            path,
            kind,
            customer: key.customer,
            study_uid: key.studyInstanceUid,
            series_uid: key.seriesInstanceUid,
            sop_uid: key.sopInstanceUid,
            detail,
            remedy,
            seen_at: seenAt,
          }),
      ),
    forget: (path) => queue.write(() => void forget.run(path)),
  };
}

function toDamaged(row: DamagedRow): DamagedObject {
  return {
    key: {
      customer: row.customer,
      studyInstanceUid: row.study_uid,
      seriesInstanceUid: row.series_uid,
      sopInstanceUid: row.sop_uid,
    } as DamagedObject['key'],
    kind: row.kind as DamagedObject['kind'],
    path: row.path,
    detail: row.detail,
    ...(row.remedy !== null && { remedy: row.remedy }),
    foundAt: row.found_at,
    seenAt: row.seen_at,
  };
}
