import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';

export interface BatchOptions<Value> {
  /** For the log: `events of studies`. */
  readonly what: string;
  readonly write: (values: readonly Value[]) => Promise<unknown>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Values held at most until the next write; further new ones are dropped. Default 5000. */
  readonly maxValues?: number;
  /** Default 1 s. */
  readonly flushAfterMs?: number;
}

/** Values that gather in memory, like ones merged, and are written together. */
export interface Batch<Value> {
  /** @param merge makes one of the value held under the key and the new one. */
  add(key: string, value: Value, merge: (held: Value, value: Value) => Value): void;
  /** Writes what is held. Never rejects. */
  flush(): Promise<void>;
}

/**
 * Statistics on their way to the index. Nobody waits for them: what cannot be written is lost, which is logged once until
 * it works again.
 */
export function createBatch<Value>(options: BatchOptions<Value>): Batch<Value> {
  const { what, write, clock, logger, maxValues = 5000, flushAfterMs = 1000 } = options;
  let held = new Map<string, Value>();
  let cancel: (() => void) | undefined;
  let isFailing = false;

  async function flush(): Promise<void> {
    cancel?.();
    cancel = undefined;
    if (held.size === 0) return;
    const values = [...held.values()];
    held = new Map();
    try {
      await write(values);
      isFailing = false;
    } catch (error) {
      if (!isFailing) logger.warn({ err: error }, `${what} cannot be written for now`);
      isFailing = true;
    }
  }

  return {
    add(key, value, merge) {
      const known = held.get(key);
      if (known === undefined && held.size >= maxValues) return;
      held.set(key, known === undefined ? value : merge(known, value));
      cancel ??= clock.after(flushAfterMs, () => void flush());
    },
    flush,
  };
}
