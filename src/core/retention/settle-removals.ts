import type { Logger } from '../ports/logger.ts';
import type { RemovalRecord, Removals } from '../ports/removals.ts';
import type { StudyFiles } from '../ports/study-files.ts';

/** What the files of a removed study are called while they wait to be deleted. */
export function apartName({ id }: Pick<RemovalRecord, 'id'>): string {
  return `removal-${id}`;
}

export interface SettleRemovalsOptions {
  readonly removals: Pick<Removals, 'unfinished' | 'setFiles'>;
  readonly files: Pick<StudyFiles, 'setApart'>;
  readonly logger: Logger;
}

/**
 * Takes the files of studies that are removed in the index out of their place, where a crash came in between. Run before
 * start-up recovery and before the first intake, which would take them for objects. Idempotent.
 * @returns how many there were. @throws StoreError
 */
export async function settleRemovals({ removals, files, logger }: SettleRemovalsOptions): Promise<number> {
  const inPlace = removals.unfinished().filter((removal) => removal.files === 'in-place');
  for (const removal of inPlace) {
    await files.setApart(removal.key, apartName(removal));
    await removals.setFiles(removal.id, 'apart');
    logger.warn({ ...removal.key }, 'a removal that was cut short is taken to its end');
  }
  return inPlace.length;
}
