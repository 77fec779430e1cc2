import type { CustomerKey, InstanceKey, StudyKey } from '../study/instance.ts';

/**
 * Takes whole studies out of the object store. What is set apart is no object any more: nothing opens it, and it waits
 * below `removed/` to be deleted. Nobody may write to the study meanwhile.
 */
export interface StudyFiles {
  /**
   * Takes the folder of a study, and that of what was kept apart from it, out of its place in one step each, which is on stable storage when this resolves. Safe to
   * repeat. Whoever has a file of it open goes on reading.
   * @param name what it is called from then on.
   * @throws StoreError; the study is then where it was.
   */
  setApart(key: StudyKey, name: string): Promise<void>;
  /**
   * Makes objects of a study, and what was kept apart from it, also those of another customer: a second link to the same
   * file, durable when this resolves. What the other customer has is left as it is. Safe to repeat.
   * @param conflictPaths below the data folder. @throws StoreError
   */
  linkInto(
    to: CustomerKey,
    instances: readonly InstanceKey[],
    conflictPaths: readonly string[],
  ): Promise<void>;
  /**
   * Takes back what {@link linkInto} made, as far as it is the same file and the index does not have it. Safe to repeat.
   * @throws StoreError
   */
  unlinkFrom(to: CustomerKey, from: StudyKey, isIndexed: (key: InstanceKey) => boolean): Promise<void>;
  /**
   * Deletes some files of what was set apart.
   * @returns how many, and whether nothing is left. Also where there never was anything.
   */
  deleteSome(name: string, limit: number): Promise<{ readonly files: number; readonly isGone: boolean }>;
}
