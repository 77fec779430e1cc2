import fs from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import type { ProofFiles } from '../src/core/ports/proof-files.ts';
import type { ProofCounts } from '../src/core/proof/finding.ts';
import { verify } from '../src/core/proof/verify.ts';
import { createRetentionLoop } from '../src/core/retention/retention-loop.ts';
import {
  type CustomerKey,
  customerKey,
  type InstanceKey,
  type StudyKey,
} from '../src/core/study/instance.ts';
import { uid, type Uid } from '../src/dicom/uid.ts';
import { createLogger } from '../src/observability/logger.ts';
import { createSystemClock } from '../src/platform/clock.ts';
import { Database } from '../src/sqlite/driver.mjs';
import { takeOver } from '../src/sqlite/index-rebuild.ts';
import { openSnapshot, snapshotIndex } from '../src/sqlite/index-snapshot.ts';
import { openDatabase } from '../src/sqlite/open.ts';
import { openSqliteIndex } from '../src/sqlite/study-index.ts';
import { asOfVersion } from '../test/support/former-schema.ts';

/** Of one piece of work. */
export interface Upkeep {
  readonly title: string;
  readonly seconds: number;
  /** Longest time that the event loop was held up, milliseconds; absent: it runs in a process of its own. */
  readonly longestTurnMs?: number;
  /** What the process grew by, at most. */
  readonly grownBytes?: number;
  readonly found: string;
}

const CUSTOMERS = ['city-medical', 'north-clinic', 'harbour-imaging'].map(customerKey);

/** Does what keeps an index in order, on this one; the index is left as it was. */
export async function measureUpkeep(file: string, scratch: string): Promise<readonly Upkeep[]> {
  const opened = openSqliteIndex({ filePath: file });
  const clock = createSystemClock();
  const files = indexedFiles(file);
  const results: Upkeep[] = [];
  results.push(
    await watched('verify: ledger, rows, counts and names of files', async () => {
      const counts: ProofCounts = await verify(
        {
          index: opened.index,
          proof: opened.proof,
          files: files.port,
          gateway: {
            find: () => Promise.reject(new Error('nobody is to be asked')),
            expectedExpressCustomerId: () => '',
          },
          productsOf: () => ['viewer'],
          clock,
        },
        { selection: {}, offline: true, quick: true, repair: false, setAside: false, maxBytesPerSecond: 0 },
        new AbortController().signal,
        () => undefined,
      );
      if (counts.errors > 0) throw new Error(`verify found ${counts.errors} errors`);
      return `${counts.stored} objects, ${counts.errors} errors`;
    }),
  );
  files.close();
  results.push(
    await watched('retention: every study judged', async () => {
      const afterReceivedMs = 1;
      const loop = createRetentionLoop({
        removals: opened.removals,
        remover: {
          remove: () => Promise.resolve(undefined),
          settle: () => Promise.resolve(false),
          deleteSome: () => Promise.resolve({ files: 0, isDone: true }),
        },
        clock,
        logger: createLogger({ destination: { write: () => undefined } }),
        rules: () => ({
          customers: new Map(
            CUSTOMERS.map((customer) => [
              customer,
              { products: ['viewer'] as const, isExempt: false, afterReceivedMs },
            ]),
          ),
          minimumAgeMs: 0,
        }),
        freeBytes: () => Promise.resolve(1e12),
        isBusy: () => false,
        intervalMs: 1e9,
        filesPerSecond: 1e9,
      });
      const judged = { studies: 0, remove: 0 };
      for await (const { verdict } of loop.preview()) {
        judged.studies += 1;
        if (verdict.kind === 'remove') judged.remove += 1;
      }
      return `${judged.studies} studies, ${judged.remove} would go`;
    }),
  );
  opened.index.close();

  const copy = `${scratch}/snapshot.db`;
  results.push(
    await timed('backup: a snapshot of the index, and the list of its objects', async () => {
      await snapshotIndex(file, copy);
      const snapshot = openSnapshot(copy);
      let objects = 0;
      for (const { bytes } of snapshot.objects()) objects += bytes > 0 ? 1 : 0;
      snapshot.close();
      return `${objects} objects`;
    }),
  );
  results.push(
    await timed('reindex: what no file tells, taken over from the index of before', () => {
      emptied(copy, ['outbox', 'study_event']);
      const missed = takeOver(copy, file);
      if (missed?.length !== 0) throw new Error(`not taken over: ${missed?.join(', ')}`);
      return 'all of it';
    }),
  );
  for (const suffix of ['', '-wal', '-shm']) fs.rmSync(copy + suffix, { force: true });

  const old = `${scratch}/first-version.db`;
  asOfVersion(1, file, old);
  results.push(
    await timed('the start after an upgrade from the first schema version', () => {
      const db = openDatabase(old);
      const version = Number(db.pragma('user_version', { simple: true }));
      db.close();
      return `schema version ${version}`;
    }),
  );
  for (const suffix of ['', '-wal', '-shm']) fs.rmSync(old + suffix, { force: true });
  return results;
}

async function timed(title: string, work: () => Promise<string> | string): Promise<Upkeep> {
  const startedAt = performance.now();
  const found = await work();
  return { title, found, seconds: (performance.now() - startedAt) / 1000 };
}

/** With an eye on the event loop and the memory, for what runs in the daemon. */
async function watched(title: string, work: () => Promise<string>): Promise<Upkeep> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const before = process.memoryUsage().rss;
  let most = before;
  const sampler = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 50);
  delay.enable();
  const done = await timed(title, work);
  delay.disable();
  clearInterval(sampler);
  return { ...done, longestTurnMs: delay.max / 1e6, grownBytes: most - before };
}

function emptied(file: string, tables: readonly string[]): void {
  const db = new Database(file);
  for (const table of tables) db.exec(`DELETE FROM ${table}`);
  db.close();
}

/** The files that an index speaks of, as if each were there: for the work of verifying that is not reading files. */
function indexedFiles(file: string): { readonly port: ProofFiles; close(): void } {
  const db = new Database(file, { readonly: true });
  const studies = db.prepare<[string], Uid>('SELECT study_uid FROM study WHERE customer = ?').pluck();
  const rows = db.prepare<[string, string], { series_uid: string; sop_uid: string; file_bytes: number }>(`
    SELECT series_uid, sop_uid, file_bytes FROM study JOIN series ON series.study_id = study.id
    JOIN instance ON instance.series_id = series.id WHERE study_uid = ? AND customer = ?`);
  const pathOf = (key: InstanceKey): string =>
    `objects/${key.customer}/${key.studyInstanceUid}/${key.seriesInstanceUid}/${key.sopInstanceUid}.dcm`;
  const refuse = (): never => {
    throw new Error('no file is to be touched');
  };
  /** As reading a folder does, it lets others have their turn. */
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const port: ProofFiles = {
    customers: (area) => Promise.resolve(area === 'objects' ? CUSTOMERS : []),
    async *studies(area: string, customer: CustomerKey) {
      if (area !== 'objects') return;
      for (const study of studies.all(customer)) {
        await turn();
        yield study;
      }
    },
    async *filesOf(_area: string, study: StudyKey) {
      const found = rows.all(study.studyInstanceUid, study.customer);
      await turn();
      for (const row of found) {
        const seriesInstanceUid = uid(row.series_uid);
        const key = { ...study, seriesInstanceUid, sopInstanceUid: uid(row.sop_uid) };
        yield { path: pathOf(key), bytes: row.file_bytes, modifiedAt: 0, key };
      }
      await turn();
    },
    async *foreign() {
      // There is none.
    },
    isStaged: () => Promise.resolve(false),
    exists: () => Promise.resolve(true),
    pathOf,
    conflictPathOf: refuse,
    read: refuse,
    open: refuse,
    async *leftovers() {
      // There are none.
    },
    setAside: refuse,
    link: refuse,
  };
  return { port, close: () => db.close() };
}
