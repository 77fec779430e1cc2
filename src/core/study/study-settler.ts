import type { IntakeObserver } from '../ingest/create-intake.ts';
import type { Clock } from '../ports/clock.ts';
import type { IngestOutcome } from '../ports/intake.ts';
import type { Logger } from '../ports/logger.ts';
import type { StudyIndex } from '../ports/study-index.ts';
import { type CustomerKey, type InstanceOrigin, type StudyKey, studyKeyText } from './instance.ts';
import type { Product } from './study.ts';

/** Wait before trying again when the index could not be written. */
const RETRY_AFTER_MS = 5000;

export interface StudySettlerOptions {
  readonly index: StudyIndex;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Quiet time while an intake that brought images of the study is still open. */
  readonly stableAfterMs: number;
  /** Quiet time once all of them have ended; at most `stableAfterMs`. */
  readonly stableAfterReleaseMs: number;
  /** Products of a customer, as configured now; undefined for a customer that is not configured any more. */
  readonly productsOf: (customer: CustomerKey) => readonly Product[] | undefined;
  /** A study became stable and its outbox entries are there. */
  readonly onStable: (key: StudyKey) => void;
}

interface ReceivingStudy {
  readonly key: StudyKey;
  lastReceivedAt: number;
  /** Not settled before, ms since 1970. */
  notBefore: number;
  readonly openIntakes: Set<string>;
}

/** Decides when a study is complete: nothing new for a while, less once its senders have hung up. */
export class StudySettler implements IntakeObserver {
  readonly #options: StudySettlerOptions;
  readonly #receiving = new Map<string, ReceivingStudy>();
  readonly #studiesOfIntake = new Map<string, Set<string>>();
  #cancelTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #isStopped = true;

  constructor(options: StudySettlerOptions) {
    this.#options = options;
  }

  /** Takes up the studies that were receiving when the daemon last stopped; their senders get time to come back. */
  start(): void {
    this.#isStopped = false;
    const { index, clock, stableAfterMs } = this.#options;
    for (const { key, lastReceivedAt } of index.receivingStudies()) {
      const text = studyKeyText(key);
      if (this.#receiving.has(text)) continue;
      this.#receiving.set(text, {
        key,
        lastReceivedAt,
        notBefore: clock.now() + stableAfterMs,
        openIntakes: new Set(),
      });
    }
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  instanceHandled(origin: InstanceOrigin, outcome: IngestOutcome, _bytes: number, receivedAt: number): void {
    if (outcome.kind !== 'stored') return;
    const text = studyKeyText(outcome.key);
    let study = this.#receiving.get(text);
    if (study === undefined) {
      const { customer, studyInstanceUid } = outcome.key;
      study = {
        key: { customer, studyInstanceUid },
        lastReceivedAt: 0,
        notBefore: 0,
        openIntakes: new Set(),
      };
      this.#receiving.set(text, study);
    }
    study.lastReceivedAt = Math.max(study.lastReceivedAt, receivedAt);
    if (origin.intakeId !== undefined && !study.openIntakes.has(origin.intakeId)) {
      study.openIntakes.add(origin.intakeId);
      const studies = this.#studiesOfIntake.get(origin.intakeId) ?? new Set();
      this.#studiesOfIntake.set(origin.intakeId, studies.add(text));
    }
    this.#scheduleAt(this.#dueAt(study));
  }

  intakeEnded(intakeId: string): void {
    for (const text of this.#studiesOfIntake.get(intakeId) ?? []) {
      const study = this.#receiving.get(text);
      if (study === undefined) continue;
      study.openIntakes.delete(intakeId);
      this.#scheduleAt(this.#dueAt(study));
    }
    this.#studiesOfIntake.delete(intakeId);
  }

  /**
   * An operator says that the study is complete.
   * @returns false where there is no such study; true also when it was stable already.
   */
  async complete(key: StudyKey): Promise<boolean> {
    const record = this.#options.index.findStudy(key);
    if (record === undefined) return false;
    const known = this.#receiving.get(studyKeyText(key));
    await this.#settle(known ?? { key: record.key, lastReceivedAt: 0, notBefore: 0, openIntakes: new Set() });
    return true;
  }

  #dueAt(study: ReceivingStudy): number {
    const { stableAfterMs, stableAfterReleaseMs } = this.#options;
    const quietMs =
      study.openIntakes.size > 0 ? stableAfterMs : Math.min(stableAfterMs, stableAfterReleaseMs);
    return Math.max(study.notBefore, study.lastReceivedAt + quietMs);
  }

  #schedule(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const study of this.#receiving.values()) next = Math.min(next, this.#dueAt(study));
    if (Number.isFinite(next)) this.#scheduleAt(next);
  }

  #scheduleAt(at: number): void {
    if (this.#isStopped || at >= this.#timerAt) return;
    this.#cancelTimer?.();
    this.#timerAt = at;
    const { clock } = this.#options;
    this.#cancelTimer = clock.after(Math.max(0, at - clock.now()), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#cancelTimer = undefined;
      void this.#settleDue();
    });
  }

  async #settleDue(): Promise<void> {
    const now = this.#options.clock.now();
    const due = [...this.#receiving.values()].filter((study) => this.#dueAt(study) <= now);
    await Promise.all(due.map((study) => this.#settle(study)));
    this.#schedule();
  }

  async #settle(study: ReceivingStudy): Promise<void> {
    const { index, clock, logger, productsOf, onStable } = this.#options;
    const { key, lastReceivedAt } = study;
    const products = productsOf(key.customer);
    if (products === undefined) {
      // Without a customer nothing could be sent; the study stays receiving until the configuration has it again.
      study.notBefore = clock.now() + RETRY_AFTER_MS;
      return;
    }
    try {
      // The index's own time of arrival, because a clock that was set back may have given us an earlier one.
      const record = index.findStudy(key);
      const isReceiving = record?.state === 'receiving';
      const isStable = isReceiving && (await index.settle(key, record.lastReceivedAt, products, clock.now()));
      if (study.lastReceivedAt === lastReceivedAt && (isStable || !isReceiving))
        this.#forget(studyKeyText(key));
      if (!isStable) return;
      logger.info({ ...key, products }, 'study is stable');
      onStable(key);
    } catch (error) {
      study.notBefore = clock.now() + RETRY_AFTER_MS;
      logger.error({ err: error, ...key }, 'a study could not be settled yet; it will be tried again');
    }
  }

  #forget(text: string): void {
    const study = this.#receiving.get(text);
    for (const intakeId of study?.openIntakes ?? []) this.#studiesOfIntake.get(intakeId)?.delete(text);
    this.#receiving.delete(text);
  }
}
