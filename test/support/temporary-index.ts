import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { onTestFinished } from 'vitest';

import { openSqliteIndex, type SqliteIndex } from '../../src/sqlite/study-index.ts';

/** A real index in a folder that goes away with the test. Call it inside a test or a `beforeEach`. */
export function temporaryIndex(): SqliteIndex & { readonly filePath: string } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'index-'));
  const filePath = path.join(folder, 'index.db');
  const opened = openSqliteIndex({ filePath });
  onTestFinished(() => {
    opened.index.close();
    fs.rmSync(folder, { recursive: true });
  });
  return { ...opened, filePath };
}
