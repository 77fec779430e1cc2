import type { CustomerKey, StudyKey } from '../study/instance.ts';
import type { Product, StudyRecord } from '../study/study.ts';

/** What an operator wants of a study at Avara; `none` once it is done. */
export type DeliveryWish = 'none' | 'cancel' | 'uncancel';

/** A durable job: bring one study to one Avara product, or bring what Avara has of it up to date. */
export interface OutboxEntry {
  readonly id: number;
  readonly study: StudyRecord;
  readonly product: Product;
  /** Attempts begun so far. */
  readonly attempts: number;
  /** Present once the study is known to be at Avara: what is left to do is a change. */
  readonly avaraStudyId?: string;
  /** What Avara was last told, as {@link Outbox.noteSent} took it down. */
  readonly sent?: string;
  readonly wish?: DeliveryWish;
  readonly isCancelled?: boolean;
  /** Counts the reasons to tell Avara something. */
  readonly revision?: number;
  /** Its study was moved to another customer: nothing of it is to be left at Avara here. */
  readonly isMovedAway?: boolean;
  /** Avara's id of the study that this one takes the place of, which is cancelled. */
  readonly supersedes?: string;
}

/** How an entry stands when nothing is left to do. */
export interface Completion {
  readonly avaraStudyId: string;
  readonly sent?: string;
  readonly isCancelled?: boolean;
  /** Of the entry that was worked on: where there is a new one by now, the entry stays pending. */
  readonly revision?: number;
}

/** Durable jobs to Avara; one entry per (study, product), made by `StudyIndex.settle`. Writes resolve on commit. */
export interface Outbox {
  /**
   * Pending entries of stable studies whose time has come, oldest first.
   * @param except customers left out (their API key is paused, say).
   * @param busy entry ids already being worked on.
   */
  due(
    now: number,
    limit: number,
    except: ReadonlySet<CustomerKey>,
    busy: ReadonlySet<number>,
  ): readonly OutboxEntry[];
  /** When the next pending entry of a stable study falls due (may be past); undefined: none is waiting. */
  nextDueAt(except: ReadonlySet<CustomerKey>, busy: ReadonlySet<number>): number | undefined;
  /** Counts an attempt before it is made. */
  begin(id: number): Promise<void>;
  /** Takes down what a create is about to say, for the case that its answer is lost. */
  noteSent(id: number, sent: string): Promise<void>;
  /** The study is at Avara, made by us or adopted, as it should be. */
  complete(id: number, completion: Completion, now: number): Promise<void>;
  /** Forgets an entry: there is nothing at Avara that belongs to it. */
  drop(id: number): Promise<void>;
  /** Try again at `at` (ms since 1970). */
  postpone(id: number, at: number, error: string): Promise<void>;
  /** Needs an operator; `error` says why, without patient data. */
  needAttention(id: number, error: string): Promise<void>;
  /** Puts the study's entries in attention, and postponed ones, back to due now. @returns how many. */
  retry(key: StudyKey, now: number): Promise<number>;
  /** As {@link retry}, for all studies of a customer (or of all). @returns how many. */
  retryAll(customer: CustomerKey | undefined, now: number): Promise<number>;
  /**
   * An operator wants the study cancelled at Avara, or the cancellation undone.
   * @param product only there; undefined: everywhere. @returns how many entries that concerns.
   */
  wish(
    key: StudyKey,
    product: Product | undefined,
    wish: Exclude<DeliveryWish, 'none'>,
    now: number,
  ): Promise<number>;
  /**
   * Adds entries for stable studies of a customer that lack one for a product, because it was configured later.
   * @returns how many; fewer than `limit` means that none is left.
   */
  addMissing(customer: CustomerKey, product: Product, limit: number, now: number): Promise<number>;
}
