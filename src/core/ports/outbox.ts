import type { CustomerKey, StudyKey } from '../study/instance.ts';
import type { Product, StudyRecord } from '../study/study.ts';

/** A durable job: bring one study to one Avara product. */
export interface OutboxEntry {
  readonly id: number;
  readonly study: StudyRecord;
  readonly product: Product;
  /** Attempts begun so far. */
  readonly attempts: number;
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
  /** The study is at Avara, made by us or adopted. */
  complete(id: number, avaraStudyId: string, now: number): Promise<void>;
  /** Try again at `at` (ms since 1970). */
  postpone(id: number, at: number, error: string): Promise<void>;
  /** Needs an operator; `error` says why, without patient data. */
  needAttention(id: number, error: string): Promise<void>;
  /** Puts the study's entries in attention, and postponed ones, back to due now. @returns how many. */
  retry(key: StudyKey, now: number): Promise<number>;
  /** As {@link retry}, for all studies of a customer (or of all). @returns how many. */
  retryAll(customer: CustomerKey | undefined, now: number): Promise<number>;
}
