import { StoreError } from '../ports/instance-store.ts';
import { studyKeyText } from '../study/instance.ts';
import type { StudyKey } from '../study/instance.ts';

/**
 * Lets receptions of a study go side by side, and one that takes the study out of its place be alone with it. Costs an
 * entry of a map where nobody asks to be alone.
 */
export class StudyGate {
  readonly #inside = new Map<string, number>();
  readonly #closed = new Map<string, Promise<void>>();
  readonly #onEmpty = new Map<string, () => void>();
  readonly #blocked = new Set<string>();

  /**
   * Runs `task` while nobody is alone with the study; waits for that where need be.
   * @throws StoreError `out-of-resources` where the study is blocked, and whatever `task` throws.
   */
  async enter<T>(study: StudyKey, task: () => Promise<T>): Promise<T> {
    const name = studyKeyText(study);
    for (let closed = this.#closed.get(name); closed !== undefined; closed = this.#closed.get(name))
      await closed;
    if (this.#blocked.has(name))
      throw new StoreError('out-of-resources', 'files of the study could not be taken out of its place');
    this.#inside.set(name, (this.#inside.get(name) ?? 0) + 1);
    try {
      return await task();
    } finally {
      const left = (this.#inside.get(name) ?? 1) - 1;
      if (left > 0) this.#inside.set(name, left);
      else {
        this.#inside.delete(name);
        this.#onEmpty.get(name)?.();
      }
    }
  }

  /** Runs `task` alone with the studies: what entered before has left, what comes meanwhile waits. */
  async alone<T>(studies: readonly StudyKey[], task: () => Promise<T>): Promise<T> {
    // In one order everywhere, so that two that want the same studies do not wait for each other.
    const names = [...new Set(studies.map(studyKeyText))].sort();
    const open: (() => void)[] = [];
    try {
      for (const name of names) open.push(await this.#close(name));
      return await task();
    } finally {
      for (const reopen of open) reopen();
    }
  }

  /** Refuses what wants to enter, until {@link unblock}. */
  block(study: StudyKey): void {
    this.#blocked.add(studyKeyText(study));
  }

  unblock(study: StudyKey): void {
    this.#blocked.delete(studyKeyText(study));
  }

  async #close(name: string): Promise<() => void> {
    for (let closed = this.#closed.get(name); closed !== undefined; closed = this.#closed.get(name))
      await closed;
    let reopen: () => void = () => undefined;
    const closing = new Promise<void>((resolve) => {
      reopen = () => {
        this.#closed.delete(name);
        resolve();
      };
    });
    this.#closed.set(name, closing);
    if ((this.#inside.get(name) ?? 0) > 0) {
      await new Promise<void>((resolve) => this.#onEmpty.set(name, resolve));
      this.#onEmpty.delete(name);
    }
    return reopen;
  }
}
