/** Runs tasks of the same key one after another; tasks of different keys run freely. */
export class KeyedQueue {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Resolves or rejects as `task` does; a failed task does not stop the next. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const run = before === undefined ? task() : before.then(task, task);
    this.#last.set(key, run);
    const forget = (): void => {
      if (this.#last.get(key) === run) this.#last.delete(key);
    };
    run.then(forget, forget);
    return run;
  }
}
