import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { expect, it } from 'vitest';

import { DataFolderLockedError, lockDataFolder } from './data-folder-lock.ts';

it('lets one daemon at a time use a data folder', async () => {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'lock-'));
  const unlock = lockDataFolder(folder);
  expect(() => lockDataFolder(folder)).toThrow(DataFolderLockedError);
  unlock();
  lockDataFolder(folder)();
  await fs.rm(folder, { recursive: true });
});
