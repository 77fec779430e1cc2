import type Database from 'better-sqlite3';

import type { PreparedWrite } from '../core/ports/study-index.ts';
import { writeError } from './write-error.ts';

interface PendingWrite {
  readonly apply: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (reason: unknown) => void;
}

const DONE = Promise.resolve();

/**
 * Gathers the writes that come in during one turn of the event loop into one transaction. A lone write commits in the
 * same turn; 64 Associations share a commit. A write that fails does not take the others with it: the batch is rolled
 * back and each write is tried alone.
 */
export class WriteQueue {
  readonly #db: Database.Database;
  readonly #beginning: Database.Statement;
  readonly #committing: Database.Statement;
  readonly #onRollback: () => void;
  readonly #onCommit: () => void;
  #pending: PendingWrite[] = [];
  #isScheduled = false;
  /** Applied in a transaction that is still open. */
  #ahead: PreparedWrite | undefined;

  /**
   * @param db as it is before anybody has its statements guarded by {@link giveWay}.
   * @param onRollback called after a transaction was undone: caches of what it wrote are wrong now.
   * @param onCommit called after one was committed.
   */
  constructor(
    db: Database.Database,
    onRollback: () => void = () => undefined,
    onCommit: () => void = () => undefined,
  ) {
    this.#db = db;
    this.#beginning = db.prepare('BEGIN IMMEDIATE');
    this.#committing = db.prepare('COMMIT');
    this.#onRollback = onRollback;
    this.#onCommit = onCommit;
  }

  /**
   * Runs `apply` inside a transaction. @returns its value once committed.
   * @throws StoreError `out-of-resources` where the disk is full or failing, and whatever `apply` throws.
   */
  write<T>(apply: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({ apply, resolve, reject });
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      setImmediate(() => this.flush());
    });
  }

  /**
   * Runs `apply` in a transaction that stays open until it is wanted: committing it then costs little. Whatever else uses
   * the database meanwhile has to call {@link giveWay} before, so that nobody sees what may come to nothing.
   * @returns undefined where others are writing, or `apply` fails.
   */
  prepare(apply: () => void): PreparedWrite | undefined {
    if (this.#ahead !== undefined || this.#pending.length > 0) return undefined;
    try {
      this.#begin(apply);
    } catch {
      // Done again when it is wanted, it fails again and says why.
      return undefined;
    }
    const ahead: PreparedWrite = {
      commit: () => (this.#ahead === ahead && this.#commitAhead() ? DONE : this.write(apply)),
      cancel: () => {
        if (this.#ahead === ahead) this.giveWay();
      },
    };
    this.#ahead = ahead;
    return ahead;
  }

  /** Takes back what was only prepared; it is done again once it is wanted. */
  giveWay(): void {
    if (this.#ahead === undefined) return;
    this.#ahead = undefined;
    this.#rollback();
  }

  /** Commits everything waiting, now. */
  flush(): void {
    this.#isScheduled = false;
    const batch = this.#pending;
    if (batch.length === 0) return;
    this.giveWay();
    this.#pending = [];
    const values: unknown[] = [];
    try {
      this.#transaction(() => {
        for (const write of batch) values.push(write.apply());
      });
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(writeError(error));
      else for (const write of batch) this.#writeAlone(write);
      return;
    }
    batch.forEach((write, index) => write.resolve(values[index] as never));
  }

  #writeAlone(write: PendingWrite): void {
    try {
      let value: unknown;
      this.#transaction(() => {
        value = write.apply();
      });
      write.resolve(value as never);
    } catch (error) {
      write.reject(writeError(error));
    }
  }

  #transaction(body: () => void): void {
    this.#begin(body);
    this.#commit();
    this.#onCommit();
  }

  /** Leaves the transaction open, unless `body` throws. */
  #begin(body: () => void): void {
    this.#beginning.run();
    try {
      body();
    } catch (error) {
      this.#rollback();
      throw error;
    }
  }

  #commit(): void {
    try {
      this.#committing.run();
    } catch (error) {
      this.#rollback();
      throw error;
    }
  }

  /** @returns false where that fails: it is tried once more then, as a write that says what is wrong. */
  #commitAhead(): boolean {
    this.#ahead = undefined;
    try {
      this.#commit();
    } catch {
      return false;
    }
    this.#onCommit();
    return true;
  }

  #rollback(): void {
    if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
    this.#onRollback();
  }
}
