import type { JsonLogger, LogLevel } from './logger.ts';

/** Longest time that another level may be in force, milliseconds: a forgotten `debug` must not fill the disk. */
export const MAX_LOG_LEVEL_OVERRIDE_MS = 24 * 3_600_000;

export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** The level in force; `until` where it is not the configured one (milliseconds since 1970). */
export interface LogLevelState {
  readonly level: LogLevel;
  readonly configured: LogLevel;
  readonly until?: number;
}

/** The log level of the process: the configured one, or for some time another. */
export interface LogLevelControl {
  current(): LogLevelState;
  /** Sets another level for `forMs`; then the configured one is back by itself. */
  override(level: LogLevel, forMs: number): LogLevelState;
  /** Ends an override now. */
  reset(): LogLevelState;
  /** Another level is configured. It is in force at once, unless an override is. */
  configure(level: LogLevel): void;
}

export interface LogLevelControlOptions {
  readonly logger: Pick<JsonLogger, 'setLevel' | 'warn'>;
  readonly configured: LogLevel;
  readonly clock: { now(): number; after(delayMs: number, callback: () => void): () => void };
}

export function createLogLevelControl({
  logger,
  configured: initial,
  clock,
}: LogLevelControlOptions): LogLevelControl {
  let configured = initial;
  let override: { readonly level: LogLevel; readonly until: number; readonly cancel: () => void } | undefined;

  function current(): LogLevelState {
    return override === undefined
      ? { level: configured, configured }
      : { level: override.level, configured, until: override.until };
  }

  function reset(): LogLevelState {
    if (override !== undefined) {
      override.cancel();
      override = undefined;
      // At warn, so that the change shows at most levels.
      logger.warn({ logLevel: configured }, 'log level is the configured one again');
      logger.setLevel(configured);
    }
    return current();
  }

  return {
    current,
    reset,
    override(level, forMs) {
      const lastsMs = Math.min(forMs, MAX_LOG_LEVEL_OVERRIDE_MS);
      override?.cancel();
      override = { level, until: clock.now() + lastsMs, cancel: clock.after(lastsMs, () => void reset()) };
      logger.warn({ logLevel: level, seconds: Math.round(lastsMs / 1000) }, 'log level changed for a time');
      logger.setLevel(level);
      return current();
    },
    configure(level) {
      configured = level;
      if (override === undefined) logger.setLevel(level);
    },
  };
}
