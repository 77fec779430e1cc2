import { Database } from '../../src/sqlite/driver.mjs';
import { MIGRATIONS } from '../../src/sqlite/migrations.ts';

/**
 * Puts the rows of an index under the schema of an earlier version, as that version would have left them: what it did not
 * know is left out, and its triggers do not run.
 * @param version schema version, from 1. @param to must not exist.
 */
export function asOfVersion(version: number, from: string, to: string): void {
  const old = new Database(to);
  for (const sql of MIGRATIONS.slice(0, version)) old.exec(sql);
  old.pragma('foreign_keys = OFF');
  old.prepare('ATTACH ? AS now').run(from);
  const triggers = old
    .prepare<[], { name: string; sql: string }>(
      "SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger'",
    )
    .all();
  for (const { name } of triggers) old.exec(`DROP TRIGGER main.${name}`);
  const tables = old
    .prepare<[], string>(
      "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name IN (SELECT name FROM now.sqlite_schema)",
    )
    .pluck()
    .all();
  for (const table of tables) {
    const columns =
      old
        .prepare<[], string>(
          `SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info('${table}', 'main')
          INTERSECT SELECT name FROM pragma_table_info('${table}', 'now'))`,
        )
        .pluck()
        .get() ?? '';
    old.exec(`
      DELETE FROM main.${table};
      INSERT INTO main.${table} (${columns}) SELECT ${columns} FROM now.${table}`);
  }
  for (const { sql } of triggers) old.exec(sql);
  old.pragma(`user_version = ${version}`);
  old.close();
}
