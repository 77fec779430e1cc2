import fs from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';

import type { Clock } from '../core/ports/clock.ts';
import type { FileIntake, QuarantineEntry } from '../core/ports/file-intake.ts';
import type { FileRecords } from '../core/ports/file-records.ts';
import type { Intake } from '../core/ports/intake.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import { lookAt } from './disposal.ts';
import { FileDesk } from './file-desk.ts';
import { runImport } from './import-run.ts';
import { Quarantine } from './quarantine.ts';
import { retryQuarantined } from './quarantine-retry.ts';
import { shownPath } from './system-path.ts';
import { isAskedFor } from './waiting-files.ts';
import { type FolderSettings, WatchedFolder } from './watched-folder.ts';

const DAY_MS = 86_400_000;
/** How long it is remembered what became of files that are gone from their place. */
const REMEMBER_DAYS = 90;
/** A copy that was given up may go on after all: the newest cut off files are looked at again so often. */
const REGROWTH_CHECK_MS = 60_000;
const MAX_REGROWTH_CHECKED = 200;
const MAX_ANSWERS = 50;
const MAX_SEARCHED_QUARANTINE = 10_000;

export interface FileIntakeOptions {
  /** Absolute path of the data folder. */
  readonly dataDir: string;
  readonly intake: Intake;
  readonly index: Pick<StudyIndex, 'findInstance'>;
  readonly records: FileRecords;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface FileIntakeService extends FileIntake {
  /** Begins to watch these folders, ends watching others, leaves those alone that stay as they are. */
  watch(folders: readonly FolderSettings[]): Promise<void>;
  /** Begins nothing new and lets the files in work come to their end. */
  stop(): Promise<void>;
}

/** Files as a way in. Nothing is watched until {@link FileIntakeService.watch}. @throws where the quarantine cannot be opened. */
export async function createFileIntake(options: FileIntakeOptions): Promise<FileIntakeService> {
  const { dataDir, intake, index, records, clock, logger } = options;
  const quarantine = await Quarantine.open(dataDir);
  const realDataDir = await fs.realpath(dataDir);
  const desk = new FileDesk({ intake, records, quarantine, clock });
  const stopping = new AbortController();
  const running = new Set<Promise<unknown>>();
  let folders: readonly WatchedFolder[] = [];
  let cancelForgetting = (): void => undefined;
  let cancelRegrowth = (): void => undefined;
  let importNumber = 0;

  const forgetOldRecords = (): void => {
    records.forgetBefore(clock.now() - REMEMBER_DAYS * DAY_MS).catch((error: unknown) => {
      logger.warn({ err: error }, 'old records of files could not be dropped');
    });
    cancelForgetting = clock.after(DAY_MS, forgetOldRecords);
  };

  /** Tries those again that have grown in quarantine since: their writer had them open when they were moved. */
  const retryRegrown = async (): Promise<void> => {
    for (const entry of await quarantine.list(MAX_REGROWTH_CHECKED)) {
      if (entry.code !== 'truncated' || entry.file === undefined) continue;
      const now = await lookAt(quarantine.locate(entry));
      if (now === undefined || now.bytes === entry.bytes) continue;
      await retryQuarantined({ desk, quarantine, signal: stopping.signal }, { id: entry.id, asIs: false });
    }
  };
  const checkRegrowth = (): void => {
    const checking = retryRegrown().catch((error: unknown) => {
      logger.warn({ err: error }, 'the quarantine could not be looked through');
    });
    running.add(checking);
    void checking.finally(() => {
      running.delete(checking);
      if (!stopping.signal.aborted) cancelRegrowth = clock.after(REGROWTH_CHECK_MS, checkRegrowth);
    });
  };

  return {
    async watch(wanted) {
      const kept = folders.filter(({ settings }) =>
        wanted.some((other) => isDeepStrictEqual(other, settings)),
      );
      await Promise.all(folders.filter((folder) => !kept.includes(folder)).map((folder) => folder.stop()));
      const added = wanted
        .filter((settings) => !kept.some((folder) => isDeepStrictEqual(folder.settings, settings)))
        .map((settings) => {
          const folder: WatchedFolder = new WatchedFolder({
            settings,
            desk,
            clock,
            logger,
            othersFolders: () => [
              realDataDir,
              ...folders.flatMap((other) => (other === folder ? [] : (other.realPath ?? []))),
            ],
          });
          return folder;
        });
      folders = [...kept, ...added];
      for (const folder of added) folder.start();
      cancelForgetting();
      forgetOldRecords();
      cancelRegrowth();
      cancelRegrowth = clock.after(REGROWTH_CHECK_MS, checkRegrowth);
    },
    async stop() {
      stopping.abort();
      cancelForgetting();
      cancelRegrowth();
      await Promise.all([...folders.map((folder) => folder.stop()), ...running]);
    },
    folders: () => folders.map((folder) => folder.status()),
    get quarantinedCount() {
      return quarantine.count;
    },
    async find(name) {
      const all = await quarantine.list(MAX_SEARCHED_QUARANTINE);
      const shown = ({ path: filePath, ...entry }: QuarantineEntry): QuarantineEntry => ({
        ...entry,
        path: shownPath(filePath),
      });
      return {
        records: records.lookUp(name, MAX_ANSWERS),
        quarantined: all
          .filter((entry) => isEntryAskedFor(entry, name))
          .slice(0, MAX_ANSWERS)
          .map(shown),
        waiting: folders.flatMap((folder) => folder.find(name)).slice(0, MAX_ANSWERS),
      };
    },
    quarantined: (limit, customer) => quarantine.list(limit, customer),
    async retryQuarantined(request) {
      const retrying = retryQuarantined({ desk, quarantine, signal: stopping.signal }, request);
      running.add(retrying);
      return retrying.finally(() => running.delete(retrying));
    },
    async *import(request, signal) {
      importNumber += 1;
      const intakeId = `import ${importNumber}`;
      let end = (): void => undefined;
      const ended = new Promise<void>((resolve) => {
        end = resolve;
      });
      running.add(ended);
      try {
        const context = { desk, quarantine, index, clock, dataDir, intakeId };
        yield* runImport(context, request, AbortSignal.any([signal, stopping.signal]));
      } finally {
        desk.intakeEnded(intakeId);
        end();
        running.delete(ended);
      }
    },
  };
}

/** A member of an archive is known by its own name, and by the path of its archive. */
function isEntryAskedFor({ path: filePath, member }: QuarantineEntry, name: string): boolean {
  if (member === undefined) return isAskedFor(filePath, name);
  return shownPath(filePath) === name || isAskedFor(`${filePath}!/${member}`, name);
}
