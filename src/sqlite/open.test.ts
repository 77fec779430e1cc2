import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { expect, it } from 'vitest';

import { openDatabase } from './open.ts';

it('keeps the index and its log to the daemon’s user: they hold patient data', async () => {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'open-'));
  const file = path.join(folder, 'index.db');
  const db = openDatabase(file);
  for (const name of [file, `${file}-wal`, `${file}-shm`]) {
    expect((await fs.stat(name)).mode & 0o777, name).toBe(0o600);
  }
  db.close();
  await fs.rm(folder, { recursive: true });
});
