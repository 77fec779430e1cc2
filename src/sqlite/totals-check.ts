import type Database from 'better-sqlite3';

const COUNTED_CUSTOMERS = `
  SELECT customer, count(*), sum(state = 'receiving'), sum(instances), sum(bytes), sum(instances * is_announced)
  FROM study GROUP BY customer`;
const COUNTED_DELIVERIES = `
  SELECT column1 AS state, (SELECT count(*) FROM outbox WHERE column1 =
    CASE WHEN outbox.state = 'pending' AND outbox.avara_study_id IS NOT NULL THEN 'created' ELSE outbox.state END) AS total
  FROM (VALUES ('pending'), ('created'), ('attention'))`;
const COUNTED_ANNOUNCED = `
  coalesce((SELECT min(outbox.state = 'created') FROM outbox WHERE outbox.study_id = study.id), 0)`;
const COUNTED_REMOVED = '(SELECT coalesce(sum(last_id - first_id + 1), 0) FROM removal_ledger)';

/**
 * Holds the totals that triggers keep (see migrations.ts) against the rows they count. Each statement reads the studies
 * or the outbox once, not the instances: seconds at most, at any size.
 */
export function createTotalsCheck(db: Database.Database): { wrong(): readonly string[]; recount(): void } {
  const checks = {
    customers: db.prepare<[], { wrong: number }>(`
      SELECT count(*) AS wrong FROM (
        SELECT * FROM (SELECT customer, studies, receiving, instances, bytes, announced FROM customer_total
          WHERE studies > 0 EXCEPT ${COUNTED_CUSTOMERS})
        UNION ALL SELECT * FROM (${COUNTED_CUSTOMERS} EXCEPT SELECT customer, studies, receiving, instances, bytes,
          announced FROM customer_total))`),
    announced: db.prepare<[], { wrong: number }>(
      `SELECT count(*) AS wrong FROM study WHERE is_announced <> ${COUNTED_ANNOUNCED}`,
    ),
    deliveries: db.prepare<[], { wrong: number }>(
      `SELECT count(*) AS wrong FROM (SELECT state, total FROM (${COUNTED_DELIVERIES}) EXCEPT SELECT state, total FROM delivery_total)`,
    ),
    removed: db.prepare<[], { wrong: number }>(
      `SELECT count(*) AS wrong FROM removal_total WHERE instances <> ${COUNTED_REMOVED}`,
    ),
  };
  const repairs = [
    `UPDATE study SET is_announced = NOT is_announced WHERE is_announced <> ${COUNTED_ANNOUNCED}`,
    'DELETE FROM customer_total',
    `INSERT INTO customer_total ${COUNTED_CUSTOMERS}`,
    'DELETE FROM delivery_total',
    `INSERT INTO delivery_total ${COUNTED_DELIVERIES}`,
    `UPDATE removal_total SET instances = ${COUNTED_REMOVED}`,
  ].map((sql) => db.prepare(sql));
  return {
    wrong: () =>
      Object.entries(checks).flatMap(([name, check]) => ((check.get()?.wrong ?? 0) > 0 ? [name] : [])),
    recount() {
      for (const repair of repairs) repair.run();
    },
  };
}
