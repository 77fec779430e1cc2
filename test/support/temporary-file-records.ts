import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import type Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';

import type { FileRecords } from '../../src/core/ports/file-records.ts';
import { createFileRecords } from '../../src/sqlite/file-records.ts';
import { openDatabase } from '../../src/sqlite/open.ts';
import { WriteQueue } from '../../src/sqlite/write-queue.ts';

/** Records of files in a database of their own, which goes away with the test. Call it in a test or `beforeEach`. */
export function temporaryFileRecords(): { readonly records: FileRecords; readonly db: Database.Database } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'file-records-'));
  const db = openDatabase(path.join(folder, 'records.db'));
  onTestFinished(() => {
    db.close();
    fs.rmSync(folder, { recursive: true });
  });
  return { db, records: createFileRecords(db, new WriteQueue(db)) };
}
