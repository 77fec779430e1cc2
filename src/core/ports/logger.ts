/**
 * Structured logger. Fields identify work by UIDs, AE titles, counts and durations only; patient data and secrets
 * never go in (design invariant 8).
 */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
}

export type LogFields = Readonly<Record<string, unknown>>;
