import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { onTestFinished } from 'vitest';

import { createIntake } from '../../src/core/ingest/create-intake.ts';
import { recoverStaged } from '../../src/core/ingest/recover-staged.ts';
import { StudyGate } from '../../src/core/ingest/study-gate.ts';
import type { AuditEntry } from '../../src/core/ports/audit-trail.ts';
import type { IngestOutcome } from '../../src/core/ports/intake.ts';
import { undoMoves } from '../../src/core/move/move-study.ts';
import { settleRemovals } from '../../src/core/retention/settle-removals.ts';
import { customerKey } from '../../src/core/study/instance.ts';
import { uid } from '../../src/dicom/uid.ts';
import { openSqliteIndex } from '../../src/sqlite/study-index.ts';
import { createInstanceStore } from '../../src/storage/instance-store.ts';
import type { SyntheticInstance } from './data-sets.ts';
import { createFakeClock } from './fake-clock.ts';
import { createRecordingLogger } from './recording-logger.ts';

export type ArchiveSite = Awaited<ReturnType<typeof archiveSite>>;

/**
 * A data folder with all that keeps studies, opened as the daemon opens it. `reopen` is what a crash and a start make of
 * it: nothing is flushed in between. Call it inside a test.
 */
export async function archiveSite() {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'archive-'));
  const clock = createFakeClock(Date.UTC(2026, 0, 1));
  const logger = createRecordingLogger();
  const audited: AuditEntry[] = [];
  const audit = { record: (entry: AuditEntry) => void audited.push(entry) };

  async function open() {
    const store = await createInstanceStore({ dataDir });
    const sqlite = openSqliteIndex({ filePath: path.join(dataDir, 'index.db') });
    const { index, removals, moves } = sqlite;
    await settleRemovals({ removals, files: store, logger });
    const recovered = await recoverStaged({ store, index, logger });
    await undoMoves({ index, moves, files: store, logger });
    const gate = new StudyGate();
    const intake = createIntake({
      store,
      index,
      clock,
      logger,
      hasSpace: () => true,
      observers: [],
      gate,
    });
    return { ...sqlite, store, gate, intake, recovered };
  }
  let parts = await open();
  let isClosed = false;
  onTestFinished(async () => {
    if (!isClosed) {
      await parts.intake.flush();
      parts.index.close();
      await parts.store.close();
    }
    fs.rmSync(dataDir, { recursive: true });
  });

  return {
    dataDir,
    clock,
    logger,
    audit,
    audited,
    get parts() {
      return parts;
    },
    /** Takes an object in, as an Association brings it. */
    async receive(instance: SyntheticInstance, customer: string): Promise<IngestOutcome> {
      const { sopClassUid, sopInstanceUid, transferSyntaxUid, dataSet } = instance;
      const reception = parts.intake.begin(
        { source: 'dimse', customer: customerKey(customer), callingAeTitle: 'CT1', calledAeTitle: 'CITYMED' },
        {
          sopClassUid: uid(sopClassUid),
          sopInstanceUid: uid(sopInstanceUid),
          transferSyntaxUid: uid(transferSyntaxUid),
        },
      );
      await reception.write(dataSet);
      return reception.finish();
    },
    /** Makes the study stable and brings it to Avara, as far as the index is concerned. */
    async announce(customer: string, study: string, avaraStudyId = `stu_${customer}`): Promise<void> {
      const key = { customer: customerKey(customer), studyInstanceUid: uid(study) };
      const now = clock.now();
      await parts.index.settle(key, Number.MAX_SAFE_INTEGER, ['viewer'], now);
      for (const entry of parts.outbox.due(now, 100, new Set(), new Set())) {
        if (entry.study.key.customer !== customer || entry.study.key.studyInstanceUid !== study) continue;
        await parts.outbox.complete(entry.id, { avaraStudyId: entry.avaraStudyId ?? avaraStudyId }, now);
      }
    },
    async reopen(): Promise<void> {
      isClosed = true;
      parts.index.close();
      await parts.store.close();
      parts = await open();
      isClosed = false;
    },
    /** Files below a folder of the data folder, as paths relative to it, sorted. */
    files(folder: string): readonly string[] {
      const root = path.join(dataDir, folder);
      if (!fs.existsSync(root)) return [];
      return fs
        .readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
        .sort();
    },
    /** Acknowledged objects that are neither in the index nor removed: always none. */
    unaccountedFor(): number {
      const { acknowledgedInstances, instances, removedInstances } = parts.index.totals();
      return acknowledgedInstances - instances - removedInstances;
    },
  };
}
