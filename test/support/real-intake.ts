import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { onTestFinished } from 'vitest';

import { createIntake } from '../../src/core/ingest/create-intake.ts';
import type { InstanceStore } from '../../src/core/ports/instance-store.ts';
import type { Intake } from '../../src/core/ports/intake.ts';
import type { StudyIndex } from '../../src/core/ports/study-index.ts';
import { createInstanceStore } from '../../src/storage/instance-store.ts';
import { createFakeClock } from './fake-clock.ts';
import { createRecordingLogger } from './recording-logger.ts';
import { temporaryIndex } from './temporary-index.ts';

export interface RealIntake {
  readonly dataDir: string;
  readonly intake: Intake;
  readonly store: InstanceStore;
  readonly index: StudyIndex;
  /** Whether the disk has space; changes what the next receptions meet. */
  hasSpace: boolean;
}

/** An intake over a real store and index that go away with the test. Call it inside a test or a `beforeEach`. */
export async function realIntake(): Promise<RealIntake> {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'intake-'));
  const { index } = temporaryIndex();
  const store = await createInstanceStore({ dataDir });
  const real = { dataDir, store, index, hasSpace: true };
  const intake = createIntake({
    store,
    index,
    clock: createFakeClock(),
    logger: createRecordingLogger(),
    hasSpace: () => real.hasSpace,
    observers: [],
  });
  onTestFinished(async () => {
    await intake.flush();
    await store.close();
    fs.rmSync(dataDir, { recursive: true });
  });
  return Object.assign(real, { intake });
}
