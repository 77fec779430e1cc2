import type { StudyGate } from '../ingest/study-gate.ts';
import type { AuditTrail } from '../ports/audit-trail.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { RemovalReason, RemovalRecord, Removals, RetentionFacts } from '../ports/removals.ts';
import type { StudyFiles } from '../ports/study-files.ts';
import type { StudyKey } from '../study/instance.ts';
import { apartName } from './settle-removals.ts';

/** Told of each study whose images are gone, to drop what was made from them. Must not fail. */
export type RemovalHook = (key: StudyKey) => Promise<void> | void;

export interface StudyRemoverOptions {
  readonly removals: Removals;
  readonly files: Pick<StudyFiles, 'setApart' | 'deleteSome'>;
  readonly gate: StudyGate;
  /** Drops every staging link whose object is indexed. */
  readonly flushIntake: () => Promise<void>;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hooks: readonly RemovalHook[];
}

export interface StudyRemover {
  /**
   * Takes a study out, alone with it: record and index in one transaction, then its files out of their place. They are
   * deleted later, by {@link deleteSome}.
   * @param mayRemove asked with the facts as they are then. @returns undefined where it may not be.
   */
  remove(
    key: StudyKey,
    why: Exclude<RemovalReason, 'moved'>,
    mayRemove: (facts: RetentionFacts) => boolean,
  ): Promise<RemovalRecord | undefined>;
  /** Tries again to take files out of their place that could not be. @returns whether all are. */
  settle(): Promise<boolean>;
  /** Deletes some of the files set apart. @returns how many, and whether none are left. */
  deleteSome(limit: number): Promise<{ readonly files: number; readonly isDone: boolean }>;
}

/** The steps of a removal; each may be the last before a crash, see docs/architecture.md. */
export function createStudyRemover(options: StudyRemoverOptions): StudyRemover {
  const { removals, files, gate, flushIntake, audit, clock, logger, hooks } = options;

  async function takeOut(removal: RemovalRecord): Promise<void> {
    try {
      await files.setApart(removal.key, apartName(removal));
      gate.unblock(removal.key);
    } catch (error) {
      // What comes in now would lie among files that are to go.
      gate.block(removal.key);
      logger.error({ ...removal.key, err: error }, 'files of a removed study could not be taken out yet');
      return;
    }
    await removals.setFiles(removal.id, 'apart');
  }

  return {
    remove: (key, why, mayRemove) =>
      gate.alone([key], async () => {
        // A staging link of the study would bring its object back at the next start.
        await flushIntake();
        const removal = await removals.remove(key, why, clock.now(), mayRemove);
        if (removal === undefined) return undefined;
        const { instances, bytes } = removal;
        audit.record({
          event: 'study.removed',
          ...key,
          actor: 'retention',
          detail: `${why}: ${instances} instances, ${bytes} bytes`,
        });
        await takeOut(removal);
        for (const hook of hooks) await hook(key);
        logger.info({ ...key, why, instances, bytes }, 'study removed');
        return removal;
      }),
    async settle() {
      for (const removal of removals.unfinished()) {
        if (removal.files === 'in-place') await gate.alone([removal.key], () => takeOut(removal));
      }
      return removals.unfinished().every((removal) => removal.files !== 'in-place');
    },
    async deleteSome(limit) {
      let deleted = 0;
      for (const removal of removals.unfinished()) {
        if (removal.files !== 'apart') continue;
        const { files: count, isGone } = await files.deleteSome(apartName(removal), limit - deleted);
        deleted += count;
        if (isGone) await removals.setFiles(removal.id, 'removed');
        if (deleted >= limit) return { files: deleted, isDone: false };
      }
      return { files: deleted, isDone: true };
    },
  };
}
