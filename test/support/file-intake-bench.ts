import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import type Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';

import type { Clock } from '../../src/core/ports/clock.ts';
import type { FolderStatus } from '../../src/core/ports/file-intake.ts';
import type { FileRecord } from '../../src/core/ports/file-records.ts';
import { customerKey } from '../../src/core/study/instance.ts';
import { createFileIntake, type FileIntakeService } from '../../src/folder/file-intake.ts';
import type { FolderSettings } from '../../src/folder/watched-folder.ts';
import { createSystemClock } from '../../src/platform/clock.ts';
import { part10Of, syntheticCt } from './data-sets.ts';
import { realIntake, type RealIntake } from './real-intake.ts';
import { createRecordingLogger, type RecordingLogger } from './recording-logger.ts';
import { temporaryFileRecords } from './temporary-file-records.ts';
import { waitUntil } from './wait-until.ts';

export const CITY = customerKey('city-medical');

export interface FileIntakeBench {
  readonly real: RealIntake;
  readonly files: FileIntakeService;
  readonly logger: RecordingLogger;
  /** A folder for tests to have watched. */
  readonly inbox: string;
  /** Of file records, which are in a database of their own here. */
  readonly records: {
    readonly find: (filePath: string) => FileRecord | undefined;
    /** From now on the database cannot grow: SQLITE_FULL. */
    readonly fill: () => Promise<void>;
    /** Lets it grow again. */
    readonly empty: () => void;
  };
  readonly settings: (changes?: Partial<FolderSettings>) => FolderSettings;
  /** Puts a small CT into a folder, the inbox where none is given. @returns its path. */
  readonly drop: (name: string, instanceNumber: number, folder?: string) => Promise<string>;
  /** The first watched folder, once `fits` holds for it. */
  readonly folderWhen: (
    what: string,
    fits: (folder: FolderStatus) => boolean,
    timeoutMs?: number,
  ) => Promise<FolderStatus>;
  /** What a file waits for; undefined where it does not wait. */
  readonly why: (filePath: string) => Promise<string | undefined>;
}

/** Files as a way in over a real store and real databases, which go away with the test. Call it in a test or `beforeEach`. */
export async function fileIntakeBench({
  clock = createSystemClock(),
}: { readonly clock?: Clock } = {}): Promise<FileIntakeBench> {
  const real = await realIntake();
  const logger = createRecordingLogger();
  const place = await fs.mkdtemp(path.join(os.tmpdir(), 'files-'));
  const inbox = path.join(place, 'inbox');
  await fs.mkdir(inbox);
  const { db, records } = temporaryFileRecords();
  const files = await createFileIntake({
    dataDir: real.dataDir,
    intake: real.intake,
    index: real.index,
    records,
    clock,
    logger,
  });
  onTestFinished(async () => {
    await files.stop();
    await fs.rm(place, { recursive: true, force: true });
  });
  return {
    real,
    files,
    logger,
    inbox,
    records: {
      find: (filePath) => records.find(CITY, filePath),
      fill: () => fill(db, inbox, (record) => records.record(record)),
      empty: () => void db.pragma('max_page_count = 1000000'),
    },
    settings: (changes = {}) => ({
      path: inbox,
      customer: CITY,
      afterImport: 'delete',
      include: [],
      exclude: [],
      settledAfterMs: 50,
      quarantineAfterMs: 100,
      concurrency: 4,
      watch: 'auto',
      pollIntervalMs: 200,
      ...changes,
    }),
    async drop(name, instanceNumber, folder = inbox) {
      const filePath = path.join(folder, name);
      await fs.writeFile(filePath, part10Of(syntheticCt({ instanceNumber, rows: 16, columns: 16 })));
      return filePath;
    },
    folderWhen: (what, fits, timeoutMs) =>
      waitUntil(
        what,
        () => {
          const [folder] = files.folders();
          return folder !== undefined && fits(folder) ? folder : undefined;
        },
        timeoutMs,
      ),
    why: async (filePath) => (await files.find(filePath)).waiting[0]?.why,
  };
}

/** Lets the database grow no further, and uses up what room its pages still have, wherever in them a path comes to be. */
async function fill(
  db: Database.Database,
  folder: string,
  record: (record: FileRecord) => Promise<void>,
): Promise<void> {
  db.pragma(`max_page_count = ${Number(db.pragma('page_count', { simple: true }))}`);
  for (let failures = 0; failures < 50;) {
    const filePath = path.join(folder, randomBytes(16).toString('base64url'));
    const at = { stamp: '', bytes: 1, place: 'removed', at: Date.now() } as const;
    try {
      await record({ customer: CITY, source: 'folder', path: filePath, outcome: 'stored', ...at });
      failures = 0;
    } catch {
      failures += 1;
    }
  }
}
