import type { Logger } from '../core/ports/logger.ts';
import { addTally, emptyTally, type FileDesk, type Tally } from './file-desk.ts';

export interface IntakeBatchesOptions {
  /** Root of the folder; its name in the log. */
  readonly folder: string;
  readonly desk: Pick<FileDesk, 'intakeEnded'>;
  readonly logger: Logger;
}

/** What a folder brings in, counted until nothing waits there any more. */
export class IntakeBatches {
  readonly #options: IntakeBatchesOptions;
  readonly #total = emptyTally();
  #batch = emptyTally();
  #number = 0;

  constructor(options: IntakeBatchesOptions) {
    this.#options = options;
  }

  /** Since the start. */
  get total(): Readonly<Tally> {
    return this.#total;
  }

  /** Of the batch under way. */
  get id(): string {
    return `folder ${this.#options.folder} ${this.#number}`;
  }

  count(tally: Tally): void {
    addTally(this.#total, tally);
    addTally(this.#batch, tally);
  }

  /** All that was there is taken: the studies may settle, and one line tells of it rather than one for each file. */
  end(): void {
    const { desk, logger, folder } = this.#options;
    const batch = this.#batch;
    desk.intakeEnded(this.id);
    this.#batch = emptyTally();
    this.#number += 1;
    if (Object.values(batch).some((count: number) => count > 0))
      logger.info({ folder, ...batch }, 'files taken in');
  }
}
