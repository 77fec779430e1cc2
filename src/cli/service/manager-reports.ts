import type { Daemon } from '../../app/daemon.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { ServiceMessage, ServiceNotifier } from '../../platform/service-notifier.ts';

/** How often the status line is renewed where no watchdog asks for more, milliseconds. */
const STATUS_INTERVAL_MS = 30_000;
/** The watchdog is fed so many times within its interval: one late turn must not end the process. */
const BEATS_PER_WATCHDOG = 3;
/** A start is reported as under way this often, and promised to need at most so much longer. */
const START_INTERVAL_MS = 20_000;
const START_EXTENSION_MS = 60_000;

export interface ManagerReportsOptions {
  readonly notifier: ServiceNotifier;
  readonly clock: Clock;
  readonly logger: Logger;
  /** CLOCK_MONOTONIC in microseconds, which a reload is reported with. */
  readonly monotonicMicroseconds?: () => bigint;
}

/** What a service manager is told over the life of the daemon. Nothing here ever fails: trouble is logged once. */
export interface ManagerReports {
  /** Until {@link ready} or {@link stopping}: recovery after a crash may take longer than the manager's patience. */
  starting(): void;
  /** Every listener is up. From now on the watchdog is fed, as long as the daemon's pulse comes. */
  ready(daemon: Pick<Daemon, 'pulse'>): void;
  reloading(): void;
  /** The reload has ended, well or not; the daemon goes on. */
  reloaded(status: string): void;
  stopping(): void;
}

/** Speaks to the service manager on the daemon's behalf. */
export function createManagerReports(options: ManagerReportsOptions): ManagerReports {
  const { notifier, clock, logger } = options;
  const monotonic = options.monotonicMicroseconds ?? (() => process.hrtime.bigint() / 1000n);
  let cancel = (): void => undefined;
  let isStopping = false;
  let hasFailed = false;

  function send(message: ServiceMessage): void {
    notifier.send(message).then(
      () => (hasFailed = false),
      (error: unknown) => {
        if (!hasFailed) logger.warn({ err: error }, 'the service manager cannot be notified');
        hasFailed = true;
      },
    );
  }

  function extendStart(): void {
    send({ EXTEND_TIMEOUT_USEC: String(START_EXTENSION_MS * 1000), STATUS: 'Starting' });
    cancel = clock.after(START_INTERVAL_MS, extendStart);
  }

  /**
   * A beat proves that timers fire and that the index takes writes. One that does not come back is never followed by
   * another: the manager then ends the process and starts it anew.
   */
  function beat(daemon: Pick<Daemon, 'pulse'>): void {
    daemon.pulse().then(
      ({ summary }) => {
        if (isStopping) return;
        send({ ...(notifier.watchdogMs !== undefined && { WATCHDOG: '1' }), STATUS: summary });
        scheduleBeat(daemon);
      },
      (error: unknown) => logger.error({ err: error }, 'no pulse: the watchdog is not fed any more'),
    );
  }

  function scheduleBeat(daemon: Pick<Daemon, 'pulse'>): void {
    const interval = Math.min(
      STATUS_INTERVAL_MS,
      (notifier.watchdogMs ?? Number.POSITIVE_INFINITY) / BEATS_PER_WATCHDOG,
    );
    cancel = clock.after(interval, () => beat(daemon));
  }

  if (notifier.transport === 'none') {
    const nothing = (): void => undefined;
    return { starting: nothing, ready: nothing, reloading: nothing, reloaded: nothing, stopping: nothing };
  }
  return {
    starting: extendStart,
    ready(daemon) {
      cancel();
      send({ READY: '1', STATUS: 'Ready' });
      beat(daemon);
    },
    reloading() {
      if (!isStopping) send({ RELOADING: '1', MONOTONIC_USEC: String(monotonic()) });
    },
    reloaded(status) {
      if (!isStopping) send({ READY: '1', STATUS: status });
    },
    stopping() {
      isStopping = true;
      cancel();
      send({ STOPPING: '1', STATUS: 'Finishing what is in flight' });
    },
  };
}
