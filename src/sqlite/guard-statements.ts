import type Database from 'better-sqlite3';

/**
 * Has `before` called ahead of every use of statements that are prepared from here on. Nothing of a transaction that may
 * still be taken back can then be seen or built upon: `before` is where it is taken back.
 */
export function guardStatements(db: Database.Database, before: () => void): void {
  const prepare = db.prepare.bind(db) as (source: string) => Database.Statement;
  const guarded = (source: string): Database.Statement => {
    const statement = prepare(source);
    const run = statement.run.bind(statement);
    statement.run = (...values) => {
      before();
      return run(...values);
    };
    if (!statement.reader) return statement;
    const get = statement.get.bind(statement);
    const all = statement.all.bind(statement);
    const iterate = statement.iterate.bind(statement);
    statement.get = (...values) => {
      before();
      return get(...values);
    };
    statement.all = (...values) => {
      before();
      return all(...values);
    };
    statement.iterate = (...values) => {
      before();
      return iterate(...values);
    };
    return statement;
  };
  db.prepare = guarded as typeof db.prepare;
}
