import type { LogFields, Logger } from '../../src/core/ports/logger.ts';

export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: LogFields;
  readonly message: string;
}

/** A logger that keeps its lines for a test to look at. */
export interface RecordingLogger extends Logger {
  readonly lines: readonly LoggedLine[];
  messages(level: LoggedLine['level']): readonly string[];
}

export function createRecordingLogger(base: LogFields = {}, lines: LoggedLine[] = []): RecordingLogger {
  const at =
    (level: LoggedLine['level']) =>
    (fields: LogFields, message: string): void =>
      void lines.push({ level, fields: { ...base, ...fields }, message });
  return {
    lines,
    messages: (level) => lines.filter((line) => line.level === level).map((line) => line.message),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => createRecordingLogger({ ...base, ...fields }, lines),
  };
}
