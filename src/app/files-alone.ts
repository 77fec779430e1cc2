import type { Config } from '../config/config.ts';
import { createIntake } from '../core/ingest/create-intake.ts';
import { undoMoves } from '../core/move/move-study.ts';
import { settleRemovals } from '../core/retention/settle-removals.ts';
import { recoverStaged } from '../core/ingest/recover-staged.ts';
import type { FileIntake, ImportEvent } from '../core/ports/file-intake.ts';
import type { Logger } from '../core/ports/logger.ts';
import { createFileIntake } from '../folder/file-intake.ts';
import { createSystemClock } from '../platform/clock.ts';
import { watchFreeSpace } from '../storage/free-space.ts';
import { openCommandAudit } from './command-audit.ts';
import { Lifecycle } from './lifecycle.ts';
import { accountForIntake } from './space-guard.ts';
import { openAlone } from './open-alone.ts';
import { startErrorOf } from './start-errors.ts';

export interface FilesAlone {
  readonly files: FileIntake;
  close(): Promise<void>;
}

/**
 * Opens what an import needs, without listeners and without Avara, for when no daemon is running. Studies that come in
 * go to Avara when the daemon starts.
 * @throws StartError, also where a daemon is using the data folder.
 */
export async function openFilesAlone({
  config,
  logger,
}: {
  readonly config: Config;
  readonly logger: Logger;
}): Promise<FilesAlone> {
  const { dataDir, storage } = config;
  const clock = createSystemClock();
  const lifecycle = new Lifecycle(logger);
  try {
    const { store, database } = await openAlone(dataDir, lifecycle);
    const { index, removals, moves, files: records } = database;
    const freeSpace = lifecycle.opened(
      'free space watch',
      await watchFreeSpace({ dataDir, reserveBytes: storage.reserveBytes, clock, logger }),
      (it) => it.stop(),
    );
    await settleRemovals({ removals, files: store, logger });
    await recoverStaged({ store, index, logger });
    await undoMoves({ index, moves, files: store, logger });
    const intake = createIntake({
      store,
      index,
      clock,
      logger,
      hasSpace: () => !freeSpace.current().isBelowReserve,
      observers: [accountForIntake(freeSpace)],
    });
    const files = await createFileIntake({ dataDir, intake, index, records, clock, logger });
    return {
      files: {
        ...files,
        get quarantinedCount() {
          return files.quarantinedCount;
        },
        async *import(request, signal) {
          if (request.dryRun) {
            yield* files.import(request, signal);
            return;
          }
          const { customer } = request;
          const audit = await openCommandAudit({ dataDir, logger, command: 'import', customer });
          let outcome = 'broken off';
          try {
            audit.started();
            for await (const event of files.import(request, signal)) {
              if (event.event === 'end') outcome = outcomeOf(event);
              yield event;
            }
          } finally {
            audit.ended(outcome);
            await audit.close();
          }
        },
      },
      async close() {
        await files.stop();
        // What fails was logged; the next start sees to it.
        await intake.flush().catch(() => undefined);
        await lifecycle.close();
      },
    };
  } catch (error) {
    await lifecycle.close();
    throw startErrorOf(error);
  }
}

function outcomeOf({ counts, result }: Extract<ImportEvent, { event: 'end' }>): string {
  const { stored, duplicates, quarantined } = counts;
  const end = result === 'stopped' ? ', stopped' : '';
  return `${stored} stored, ${duplicates} held already, ${quarantined} quarantined${end}`;
}
