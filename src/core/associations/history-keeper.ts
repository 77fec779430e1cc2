import type { AssociationHistory, EndedAssociation } from '../ports/association-history.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';

/** How often lines that are too old are looked for. */
const PRUNE_INTERVAL_MS = 3_600_000;
/** Between two steps, so that objects that come in go first. */
const STEP_PAUSE_MS = 50;
/** The first look, when the rush of a start is over. */
const FIRST_PRUNE_MS = 30_000;

export interface HistoryKeeperOptions {
  readonly history: Pick<AssociationHistory, 'add' | 'pruneSome'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a line is kept, milliseconds. */
  readonly keepMs: number;
}

export interface HistoryKeeper {
  /** Takes note of an Association that is over; nobody waits for it. */
  record(ended: EndedAssociation): void;
  /** Starts to prune, in small steps. */
  start(): void;
  stop(): void;
}

/**
 * Keeps the history of Associations. It must never get in the way of receiving: what cannot be written is lost, which
 * is logged once until it works again.
 */
export function createHistoryKeeper({ history, clock, logger, keepMs }: HistoryKeeperOptions): HistoryKeeper {
  let isFailing = false;
  let isStopped = false;
  let cancel: (() => void) | undefined;

  function noteFailure(error: unknown): void {
    if (!isFailing) logger.warn({ err: error }, 'the history of Associations cannot be written for now');
    isFailing = true;
  }

  async function add(ended: EndedAssociation): Promise<void> {
    try {
      await history.add(ended);
      isFailing = false;
    } catch (error) {
      noteFailure(error);
    }
  }

  async function prune(): Promise<void> {
    let isMoreLeft = false;
    try {
      isMoreLeft = await history.pruneSome(clock.now() - keepMs);
    } catch (error) {
      noteFailure(error);
    }
    schedule(isMoreLeft ? STEP_PAUSE_MS : PRUNE_INTERVAL_MS);
  }

  function schedule(delayMs: number): void {
    if (!isStopped) cancel = clock.after(delayMs, () => void prune());
  }

  return {
    record: (ended) => void add(ended),
    start: () => schedule(FIRST_PRUNE_MS),
    stop() {
      isStopped = true;
      cancel?.();
    },
  };
}
