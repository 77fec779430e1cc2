import type { StudyKey } from '../study/instance.ts';

/**
 * Takes whole studies out of the object store. What is set apart is no object any more: nothing opens it, and it waits
 * below `removed/` to be deleted. Nobody may write to the study meanwhile.
 */
export interface StudyFiles {
  /**
   * Takes the folder of a study out of its place in one step, which is on stable storage when this resolves. Safe to
   * repeat. Whoever has a file of it open goes on reading.
   * @param name what it is called from then on.
   * @throws StoreError; the study is then where it was.
   */
  setApart(key: StudyKey, name: string): Promise<void>;
  /**
   * Deletes some files of what was set apart.
   * @returns how many, and whether nothing is left. Also where there never was anything.
   */
  deleteSome(name: string, limit: number): Promise<{ readonly files: number; readonly isGone: boolean }>;
}
