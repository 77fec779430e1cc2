import type { Config } from '../../config/config.ts';
import type { CliContext } from '../context.ts';

/** `ok`: green; `warning`: works, but should be looked at before going live; `failed`: will not work. */
export type CheckStatus = 'ok' | 'warning' | 'failed';

/** One line of the go-live check. */
export interface CheckResult {
  /** Stable name, for programs. */
  readonly id: string;
  readonly title: string;
  readonly status: CheckStatus;
  /** What was found. */
  readonly detail: string;
  /** What to do about it; present unless `ok`. */
  readonly advice?: string;
}

export interface CheckContext {
  readonly config: Config;
  readonly env: CliContext['env'];
  /** Wall clock, milliseconds since 1970. */
  readonly now: () => number;
}

/** A group of checks. Never rejects: what goes wrong is a result. */
export type Check = (context: CheckContext) => Promise<readonly CheckResult[]>;

/** The code of a system error, such as `ENOENT`; else its message. */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
