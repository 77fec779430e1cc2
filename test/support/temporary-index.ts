import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { onTestFinished } from 'vitest';

import type { FileRecords } from '../../src/core/ports/file-records.ts';
import type { Outbox } from '../../src/core/ports/outbox.ts';
import type { StudyIndex } from '../../src/core/ports/study-index.ts';
import { openSqliteIndex } from '../../src/sqlite/study-index.ts';

/** A real index in a folder that goes away with the test. Call it inside a test or a `beforeEach`. */
export function temporaryIndex(): { index: StudyIndex; outbox: Outbox; files: FileRecords } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'index-'));
  const opened = openSqliteIndex({ filePath: path.join(folder, 'index.db') });
  onTestFinished(() => {
    opened.index.close();
    fs.rmSync(folder, { recursive: true });
  });
  return opened;
}
