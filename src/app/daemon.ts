import type { Config } from '../config/config.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { LogLevelControl } from '../observability/log-level.ts';
import type { ReloadDifference } from './reload-difference.ts';

/** Where a listener is bound; the port is the real one where 0 was configured. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface ListenAddresses {
  readonly dimse: ListenAddress;
  readonly http: ListenAddress;
  readonly admin: ListenAddress;
}

/** The whole product, built and not yet started. */
export interface Daemon {
  /**
   * Recovers what a crash left, then opens every listener.
   * @throws StartError, or the error of whatever failed; what had been started is stopped again.
   */
  start(): Promise<ListenAddresses>;
  /**
   * Takes nothing new, finishes what is in flight, closes everything. Resolves at `deadlineMs` milliseconds at the
   * latest; what is not finished then is cut off, and nothing acknowledged is lost by that.
   */
  stop(options: { readonly deadlineMs: number }): Promise<void>;
  /**
   * Takes over customers, routes, folders, tokens and log level of a new configuration without dropping an
   * Association. @returns what is different now. @throws Error where that cannot be done; the old configuration then
   * stays in force.
   */
  reload(config: Config): Promise<ReloadDifference>;
  /**
   * Resolves once the event loop and the index's writer have come round: a sign of life for a watchdog. Stays away, or
   * rejects, where the daemon can do no work any more.
   */
  pulse(): Promise<DaemonPulse>;
}

export interface DaemonPulse {
  /** What goes on, in one line for the service manager; no patient data. */
  readonly summary: string;
}

export interface CreateDaemonOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** The level that `logger` writes at, for the admin API. */
  readonly logLevel: LogLevelControl;
}

/** Why the daemon could not start, with what to do about it. */
export class StartError extends Error {
  override readonly name = 'StartError';
  /** One sentence for the operator. */
  readonly hint: string;
  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.hint = hint;
  }
}
