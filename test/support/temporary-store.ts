import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { onTestFinished } from 'vitest';

import type { InstanceStore } from '../../src/core/ports/instance-store.ts';
import { createInstanceStore } from '../../src/storage/instance-store.ts';

/** A real object store in a folder that goes away with the test. Call it inside a test or a `beforeEach`. */
export async function temporaryStore(): Promise<{ dataDir: string; store: InstanceStore }> {
  const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'store-'));
  const store = await createInstanceStore({ dataDir });
  onTestFinished(async () => {
    await store.close();
    await fs.rm(dataDir, { recursive: true, force: true });
  });
  return { dataDir, store };
}
