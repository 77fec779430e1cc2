import { closeSync, openSync, statSync } from 'node:fs';

import type Sqlite from 'better-sqlite3';

import { fileFaultOf } from '../platform/file-fault.ts';
import { Database } from './driver.mjs';
import { MIGRATIONS } from './migrations.ts';

/** The index could not be opened; `hint` says what an operator can do. */
export class IndexOpenError extends Error {
  override readonly name = 'IndexOpenError';
  readonly hint: string;
  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.hint = hint;
  }
}

/**
 * Opens the index database and brings its schema up to date.
 *
 * WAL with synchronous=NORMAL: a commit costs no fsync and survives the process; power loss may take the last commits,
 * which start-up recovery brings back from the staging links. `SqliteStudyIndex.sync` syncs the WAL off the event loop.
 * @throws IndexOpenError
 */
export function openDatabase(filePath: string): Sqlite.Database {
  let db: Sqlite.Database | undefined;
  try {
    // Patient data: nobody but the daemon's user. The log and shared-memory files take the mode over.
    closeSync(openSync(filePath, 'a', 0o600));
    db = new Database(filePath);
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.pragma('foreign_keys = ON');
    db.pragma('busy_timeout = 5000');
    // More would make commits dearer: where pages were split, SQLite looks through the whole cache at their end.
    db.pragma('cache_size = -8192');
    db.pragma('temp_store = MEMORY');
    lookForDamage(db, filePath);
    migrate(db, filePath);
    return db;
  } catch (error) {
    db?.close();
    throw openError(filePath, error);
  }
}

/**
 * What can be seen of damage without reading everything, which `PRAGMA quick_check` would: whether the file is as long as
 * it says, and whether both ends of every table and index can be reached.
 */
function lookForDamage(db: Sqlite.Database, filePath: string): void {
  const pages = Number(db.pragma('page_count', { simple: true }));
  const pageBytes = Number(db.pragma('page_size', { simple: true }));
  const log = statSync(`${filePath}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (log === 0 && statSync(filePath).size < pages * pageBytes)
    throw new DamageError('the file is cut short');
  const tables = db
    .prepare<[], { name: string }>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE '%WITHOUT ROWID' AND name NOT LIKE 'sqlite_%'",
    )
    .all();
  // Apart: asked for both at once, SQLite would read the whole table.
  for (const { name } of tables)
    for (const end of ['min', 'max']) db.prepare(`SELECT ${end}(rowid) FROM "${name}"`).get();
}

class DamageError extends Error {
  override readonly name = 'DamageError';
}

function openError(filePath: string, error: unknown): IndexOpenError {
  if (error instanceof IndexOpenError) return error;
  const isDamaged =
    error instanceof DamageError ||
    (error instanceof Database.SqliteError && /^SQLITE_(?:NOTADB|CORRUPT)/.test(error.code));
  if (!isDamaged) return cannotOpen(filePath, error);
  return new IndexOpenError(
    `the index ${filePath} is damaged: ${error.message}`,
    'Stop the daemon and build it anew from the stored images with "avara-ingest reindex"; nothing received is lost.',
    { cause: error },
  );
}

function cannotOpen(filePath: string, error: unknown): IndexOpenError {
  const fault = fileFaultOf(error);
  const what = fault?.what ?? (error instanceof Error ? error.message : String(error));
  return new IndexOpenError(
    `cannot open the index ${filePath}: ${what}`,
    fault?.hint ?? 'Check that the data folder is writable and the file is a SQLite database.',
    { cause: error },
  );
}

function migrate(db: Sqlite.Database, filePath: string): void {
  const applied = Number(db.pragma('user_version', { simple: true }));
  if (applied > MIGRATIONS.length) {
    throw new IndexOpenError(
      `the index ${filePath} was written by a newer version (schema ${applied}, known ${MIGRATIONS.length})`,
      'Start the newer version, or restore a backup made with this one.',
    );
  }
  for (let step = applied; step < MIGRATIONS.length; step += 1) {
    db.transaction(() => {
      db.exec(MIGRATIONS[step] ?? '');
      db.pragma(`user_version = ${step + 1}`);
    }).immediate();
  }
}
