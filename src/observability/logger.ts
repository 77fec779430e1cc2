import pino from 'pino';
import { redact, redactText } from './redact.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

const RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Buffered output beyond this is dropped: a reader that stalls must not fill the memory. */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;

export interface LoggerOptions {
  /** Least severe level that is written. Default: `info`. */
  readonly level?: LogLevel;
  /** Where lines go. Default: standard output. */
  readonly destination?: { write(line: string): void };
}

/** Writes JSON lines; implements the logger port of core. Fields and messages pass {@link redact} first. */
export interface JsonLogger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger that adds `fields` to every line; it follows the level of its parent. */
  child(fields: LogFields): JsonLogger;
  /** Applies to this logger and all its children. */
  setLevel(level: LogLevel): void;
  /** Writes what is buffered before it returns; for the end of the process. Never throws. */
  flush(): void;
}

type LogFields = Readonly<Record<string, unknown>>;

/**
 * Creates the process's logger. Lines are written asynchronously, so that a slow reader never holds up the event
 * loop; {@link JsonLogger.flush} is called at exit.
 */
export function createLogger({ level = 'info', destination }: LoggerOptions = {}): JsonLogger {
  const standardOutput =
    destination === undefined
      ? pino.destination({ dest: 1, sync: false, minLength: 0, maxLength: MAX_BUFFERED_BYTES })
      : undefined;
  const root = pino(
    {
      // Levels are checked here, once for all children: pino's own children each keep a level of theirs.
      level: 'debug',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Errors arrive here already as plain objects.
      serializers: { err: (value: unknown) => value },
    },
    standardOutput ?? destination,
  );
  const shared = { minimum: RANKS[level] };

  function flush(): void {
    try {
      standardOutput?.flushSync();
    } catch {
      // Standard output is closed or not yet open: there is nowhere left to write to, or to complain.
    }
  }
  if (standardOutput !== undefined) process.once('exit', flush);

  function wrap(target: pino.Logger): JsonLogger {
    const write =
      (at: LogLevel) =>
      (fields: LogFields, message: string): void => {
        if (RANKS[at] >= shared.minimum) target[at](redact(fields), redactText(message));
      };
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: (fields) => wrap(target.child(redact(fields))),
      setLevel(next) {
        shared.minimum = RANKS[next];
      },
      flush,
    };
  }

  return wrap(root);
}
