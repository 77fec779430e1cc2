import type { IntakeObserver } from '../ingest/create-intake.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { StudyIndex } from '../ports/study-index.ts';
import { studyKeyText } from '../study/instance.ts';
import type { StudyKey } from '../study/instance.ts';
import type { MetadataKeeper } from './metadata-keeper.ts';

/** Studies that wait; of more the first to come are forgotten, and made when somebody asks. */
const MAX_WAITING = 10_000;
/** Intake within this time holds preparation back ... */
const QUIET_MS = 1000;
/** ... but no series longer than this. */
const MAX_HELD_BACK_MS = 30_000;
/** Latest studies looked at after a start. */
const STUDIES_AT_START = 200;

export interface MetadataPreparerOptions {
  readonly index: Pick<StudyIndex, 'listContents' | 'listStudies'>;
  readonly keeper: Pick<MetadataKeeper, 'prepare'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What BulkDataURIs will begin with, as far as it is known; undefined: there is nothing to prepare for. */
  readonly serviceRoot: () => string | undefined;
}

/**
 * Prepares metadata of studies that have become stable: one series at a time, and while nothing is received, as far as
 * that can be had.
 */
export class MetadataPreparer implements IntakeObserver {
  readonly #options: MetadataPreparerOptions;
  readonly #waiting = new Map<string, StudyKey>();
  #lastIntakeAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #isStopped = true;

  constructor(options: MetadataPreparerOptions) {
    this.#options = options;
  }

  /** Studies that wait, the one that is being prepared included. */
  get waiting(): number {
    return this.#waiting.size + (this.#running === undefined ? 0 : 1);
  }

  /** Takes up what was not prepared before the last stop. */
  start(): void {
    this.#isStopped = false;
    const { studies } = this.#options.index.listStudies({ limit: STUDIES_AT_START, state: 'stable' });
    for (const { key } of studies) this.add(key);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#waiting.clear();
    this.#wake?.();
    await this.#running;
  }

  /** A study is worth preparing. */
  add({ customer, studyInstanceUid }: StudyKey): void {
    if (this.#isStopped) return;
    const key = { customer, studyInstanceUid };
    this.#waiting.set(studyKeyText(key), key);
    if (this.#waiting.size > MAX_WAITING) {
      const [first] = this.#waiting.keys();
      if (first !== undefined) this.#waiting.delete(first);
    }
    this.#run();
  }

  instanceHandled(): void {
    this.#lastIntakeAt = this.#options.clock.now();
  }

  intakeEnded(): void {
    // Quiet is told by the time since the last instance alone.
  }

  #run(): void {
    const [next] = this.#waiting;
    if (this.#running !== undefined || next === undefined || this.#isStopped) return;
    const [text, key] = next;
    // Before it is prepared: a study that becomes stable again meanwhile is to be looked at again.
    this.#waiting.delete(text);
    this.#running = this.#prepare(key).finally(() => {
      this.#running = undefined;
      this.#run();
    });
  }

  async #prepare(study: StudyKey): Promise<void> {
    const { index, keeper, serviceRoot, logger } = this.#options;
    // A series that somebody adds to meanwhile is made when the study is stable again.
    for (const contents of index.listContents(study)) {
      await this.#untilQuiet();
      const root = serviceRoot();
      if (this.#isStopped || root === undefined) return;
      try {
        await keeper.prepare(study, contents, root);
      } catch (error) {
        const { seriesInstanceUid } = contents;
        logger.warn(
          { err: error, ...study, seriesInstanceUid },
          'metadata of a series could not be prepared',
        );
      }
    }
  }

  async #untilQuiet(): Promise<void> {
    const { clock } = this.#options;
    const since = clock.now();
    while (!this.#isStopped && clock.now() - since < MAX_HELD_BACK_MS) {
      const quietIn = this.#lastIntakeAt + QUIET_MS - clock.now();
      if (quietIn <= 0) return;
      await new Promise<void>((resolve) => {
        const cancel = clock.after(quietIn, resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
      this.#wake = undefined;
    }
  }
}
