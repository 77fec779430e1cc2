import type Sqlite from 'better-sqlite3';
import { expect, it, vi } from 'vitest';

import { temporaryIndex } from '../../test/support/temporary-index.ts';
import { Database } from './driver.mjs';

it('no statement reads all that is kept, or all that waits, to find what concerns one study, report or moment', () => {
  const prepare = vi.spyOn(Database.prototype, 'prepare');
  const { filePath } = temporaryIndex();
  const statements = new Set(prepare.mock.calls.map(([sql]) => sql));
  prepare.mockRestore();
  const db = new Database(filePath, { readonly: true });
  const readersOfAState = [...statements]
    .filter((sql) => /^\s*(?:SELECT|UPDATE|DELETE|INSERT)\b[^]*\b(?:report|report_output|outbox)\b/.test(sql))
    // Lists of what failed, and commands for all of it, read what they are about.
    .filter((sql) => !sql.includes("'attention'"))
    .filter((sql) => planOf(db, sql).some((step) => step.endsWith('_by_state (state=?)')));
  db.close();
  expect(statements.size).toBeGreaterThan(100);
  expect(readersOfAState).toEqual([]);
});

function planOf(db: Sqlite.Database, sql: string): readonly string[] {
  const positional = Array.from(sql.match(/\?/g) ?? [], () => '[]');
  const named = Object.fromEntries(Array.from(sql.matchAll(/@(\w+)/g), ([, name = '']) => [name, 1]));
  const isNamed = Object.keys(named).length > 0;
  return db
    .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
    .all(...positional, ...(isNamed ? [named] : []))
    .map(({ detail }) => detail);
}
