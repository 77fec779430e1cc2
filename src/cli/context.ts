/** A stream that commands print to. */
export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** The process as commands see it, so that tests can stand in for it. */
export interface ProcessControl {
  onSignal(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void): void;
  /** An exception or rejection that nobody caught: state is unknown, the process must end. */
  onFatal(listener: (error: unknown, origin: string) => void): void;
  exit(code: number): void;
}

/** Everything a command may use of the outside. */
export interface CliContext {
  /** Arguments without the interpreter and the script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results: text for people, or JSON. */
  readonly stdout: OutputStream;
  /** Diagnostics: errors and hints. */
  readonly stderr: OutputStream;
  readonly process: ProcessControl;
}

/** Why a command ends without success. `run` prints it with its hint. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;
  /** What to do about it. */
  readonly hint: string | undefined;

  constructor(message: string, options: { exitCode: number; hint?: string | undefined; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.exitCode = options.exitCode;
    this.hint = options.hint;
  }
}
