import type { CustomerKey, StudyKey } from '../study/instance.ts';
import type { Product } from '../study/study.ts';

/** What decides whether a study may be moved. */
export interface MoveFacts {
  /** Instances that the other customer has with the same bytes. */
  readonly identical: number;
  /** Instances that the other customer has under the same UIDs with other bytes. */
  readonly different: number;
  /** Objects kept apart from the study, as paths below the data folder. */
  readonly conflictPaths: readonly string[];
}

/** A move whose links were being made when the process ended. */
export interface UnfinishedMove {
  readonly id: number;
  readonly from: StudyKey;
  readonly to: CustomerKey;
}

export interface MoveCompletion {
  readonly from: StudyKey;
  readonly to: CustomerKey;
  /** Where it is to go at Avara. */
  readonly products: readonly Product[];
  readonly now: number;
  /** How many instances were linked: where the study has another number by now, nothing is changed. */
  readonly instances: number;
}

/** Moves of studies from one customer to another, in the database of the index. Writes resolve on commit. */
export interface StudyMoves {
  /** @returns undefined where there is no such study. */
  facts(from: StudyKey, to: CustomerKey): MoveFacts | undefined;
  /** Notes that links are about to be made; on stable storage when it resolves. @returns its id. */
  begin(from: StudyKey, to: CustomerKey, now: number): Promise<number>;
  /** The links are gone again, or never were. */
  abandon(id: number): Promise<void>;
  unfinished(): readonly UnfinishedMove[];
  /**
   * Makes the study the other customer's, in one transaction that is on stable storage when this resolves: its rows,
   * what was kept apart, the record of its removal here (`in-place`), what is to be cancelled at Avara and what is to be
   * created after that. @returns false where the study is not as it was: nothing was changed.
   */
  complete(id: number, completion: MoveCompletion): Promise<boolean>;
  /** Forgets what is left of moved studies once Avara has been told everything. @returns how many. */
  tidy(): Promise<number>;
}
