import type Database from 'better-sqlite3';

import { writeError } from './write-error.ts';

interface PendingWrite {
  readonly apply: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Gathers the writes that come in during one turn of the event loop into one transaction. A lone write commits in the
 * same turn; 64 Associations share a commit. A write that fails does not take the others with it: the batch is rolled
 * back and each write is tried alone.
 */
export class WriteQueue {
  readonly #db: Database.Database;
  readonly #onRollback: () => void;
  readonly #onCommit: () => void;
  #pending: PendingWrite[] = [];
  #isScheduled = false;

  /**
   * @param onRollback called after a transaction was undone: caches of what it wrote are wrong now.
   * @param onCommit called after one was committed.
   */
  constructor(
    db: Database.Database,
    onRollback: () => void = () => undefined,
    onCommit: () => void = () => undefined,
  ) {
    this.#db = db;
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

  /** Commits everything waiting, now. */
  flush(): void {
    this.#isScheduled = false;
    const batch = this.#pending;
    if (batch.length === 0) return;
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
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      body();
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
      this.#onRollback();
      throw error;
    }
    this.#onCommit();
  }
}
