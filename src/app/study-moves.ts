import { createStudyMover } from '../core/move/move-study.ts';
import type { StudyMover, StudyMoverOptions } from '../core/move/move-study.ts';

/** How often it is looked whether Avara has been told everything of moved studies, milliseconds. */
const TIDY_INTERVAL_MS = 30_000;

export interface StudyMovesPart extends StudyMover {
  start(): void;
  stop(): void;
}

/** Moves studies, and forgets from time to time what is left of moved ones. */
export function createStudyMovesPart(options: StudyMoverOptions): StudyMovesPart {
  const { moves, clock, logger } = options;
  const mover = createStudyMover(options);
  let cancel: (() => void) | undefined;
  const tidy = (): void => {
    moves.tidy().catch((error: unknown) => {
      logger.error({ err: error }, 'what is left of moved studies could not be forgotten yet');
    });
    cancel = clock.after(TIDY_INTERVAL_MS, tidy);
  };
  return { ...mover, start: tidy, stop: () => cancel?.() };
}
