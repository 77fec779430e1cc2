import type { CreateDaemonOptions, Daemon } from '../../app/daemon.ts';
import type { Config } from '../../config/config.ts';
import { ConfigError } from '../../config/errors.ts';
import { loadConfig } from '../../config/load.ts';
import { createLogLevelControl, type LogLevelControl } from '../../observability/log-level.ts';
import type { JsonLogger } from '../../observability/logger.ts';
import { createLogger } from '../../observability/logger.ts';
import type { CliCommand } from '../command.ts';
import { describeCommand, withConfigOption } from '../command.ts';
import type { CliContext } from '../context.ts';
import { EXIT_CODES, exitCodeOfSignal } from '../exit-codes.ts';
import { explainStartFailure } from '../start-failure.ts';
import { createManagerReports, type ManagerReports } from '../service/manager-reports.ts';
import { createSystemClock } from '../../platform/clock.ts';
import { openServiceNotifier, type ServiceNotifier } from '../../platform/service-notifier.ts';
import { VERSION } from '../../platform/version.ts';

/** How long work in flight may take after the first signal, milliseconds; systemd's default patience is 90 s. */
export const STOP_DEADLINE_MS = 60_000;

/** `serve`: the daemon in the foreground. */
export const serveCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'serve',
      group: 'Daemon',
      summary: 'run the daemon in the foreground',
      description:
        'Runs the daemon in the foreground; logs are JSON lines on standard output. When every listener is up, one\nline has "msg":"ready" and the addresses.\n\nSIGTERM or SIGINT finishes what is in flight and ends; a second one ends at once. SIGHUP reads the\nconfiguration again (customers, routes, folders, tokens, log level) without dropping an Association.',
      examples: [
        ['serve --config /etc/avara-ingest/config.json', 'as a service does'],
        ['serve', 'with ./config.json'],
      ],
      exitCodes: {
        1: 'ended by an internal error; a supervisor should start it again',
        2: 'the configuration cannot be used',
        4: 'could not start: port in use, data folder not writable, already running',
      },
    });
    return withConfigOption(command)
      .addHelpText('after', '  130, 143  ended at once by a second SIGINT, SIGTERM')
      .action(async (options: { readonly config: string }) => {
        const config = loadConfig({ file: options.config, env: context.env });
        const logger = createLogger({ level: config.log.level });
        const { createDaemon } = await import('../../app/create-daemon.ts');
        const { pid } = process;
        const notifier = await openServiceNotifier({ env: context.env, pid });
        finish(await serve({ context, config, logger, createDaemon, notifier }));
      });
  },
};

export interface ServeOptions {
  readonly context: Pick<CliContext, 'env' | 'process'>;
  readonly config: Config;
  readonly logger: JsonLogger;
  readonly createDaemon: (options: CreateDaemonOptions) => Promise<Daemon>;
  readonly notifier: ServiceNotifier;
}

type StopSignal = 'SIGINT' | 'SIGTERM';

/**
 * Starts the daemon and stays until a signal (or an internal error) ends it.
 * @returns the exit code
 * @throws CliError where it could not start
 */
export async function serve(options: ServeOptions): Promise<number> {
  const { context, config, logger, createDaemon, notifier } = options;
  const { process } = context;
  const clock = createSystemClock();
  const manager = createManagerReports({ notifier, clock, logger });
  const logLevel = createLogLevelControl({ logger, configured: config.log.level, clock });
  let stopSignal: StopSignal | undefined;
  const end = (exitCode: number): void => {
    logger.flush();
    process.exit(exitCode);
  };
  process.onFatal((error, origin) => {
    logger.error({ err: error, origin, exitCode: EXIT_CODES.failed }, 'internal error, ending');
    end(EXIT_CODES.failed);
  });
  const stopRequested = new Promise<StopSignal>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.onSignal(signal, () => {
        if (stopSignal === undefined) {
          stopSignal = signal;
          manager.stopping();
          logger.info({ signal }, 'stopping: finishing what is in flight; a second signal ends at once');
          resolve(signal);
        } else {
          logger.warn({ signal, exitCode: exitCodeOfSignal(signal) }, 'ending at once');
          end(exitCodeOfSignal(signal));
        }
      });
    }
  });

  // From the start: by default SIGHUP ends the process. One that comes early is carried out once all is up.
  const reload = createReload({ file: config.file, env: context.env, logger, logLevel, manager });
  process.onSignal('SIGHUP', reload.request);

  let daemon: Daemon;
  try {
    manager.starting();
    logger.info({ version: VERSION, configFile: config.file, dataDir: config.dataDir }, 'starting');
    daemon = await createDaemon({ config, logger, logLevel });
    const listeners = await daemon.start();
    logger.info({ version: VERSION, ...listeners }, 'ready');
  } catch (error) {
    const failure = explainStartFailure(error);
    const { exitCode, hint } = failure;
    // Where the way out is known, the stack would only hide it.
    logger.error(hint === undefined ? { err: error, exitCode } : { exitCode, hint }, failure.message);
    logger.flush();
    throw failure;
  }

  manager.ready(daemon);
  reload.attach(daemon);

  const signal = await stopRequested;
  try {
    await daemon.stop({ deadlineMs: STOP_DEADLINE_MS });
    logger.info({ signal }, 'stopped');
    return EXIT_CODES.ok;
  } catch (error) {
    logger.error({ err: error, exitCode: EXIT_CODES.failed }, 'could not stop cleanly');
    return EXIT_CODES.failed;
  } finally {
    logger.flush();
  }
}

interface ReloadOptions {
  readonly file: string;
  readonly env: CliContext['env'];
  readonly logger: JsonLogger;
  readonly logLevel: LogLevelControl;
  readonly manager: ManagerReports;
}

/** Reloads one after the other; signals that come while one is under way add up to one more. */
function createReload({ file, env, logger, logLevel, manager }: ReloadOptions): {
  request: () => void;
  attach: (daemon: Daemon) => void;
} {
  let attached: Daemon | undefined;
  let isRunning = false;
  let isWanted = false;

  async function reload(daemon: Daemon): Promise<void> {
    manager.reloading();
    try {
      const config = loadConfig({ file, env });
      const changes = await daemon.reload(config);
      logLevel.configure(config.log.level);
      logger.info({ configFile: file, changes }, 'configuration reloaded');
      manager.reloaded('Configuration reloaded');
    } catch (error) {
      const problems = error instanceof ConfigError ? { problems: error.problems } : { err: error };
      logger.error(
        {
          configFile: file,
          ...problems,
          hint: 'correct the file and send SIGHUP again; "avara-ingest check" explains it',
        },
        'configuration not reloaded, the old one stays in force',
      );
      manager.reloaded('Configuration NOT reloaded, the old one stays in force: see the log');
    }
  }

  async function run(daemon: Daemon): Promise<void> {
    isRunning = true;
    while (isWanted) {
      isWanted = false;
      await reload(daemon);
    }
    isRunning = false;
  }

  function request(): void {
    isWanted = true;
    if (!isRunning && attached !== undefined) void run(attached);
  }

  return {
    request,
    attach(daemon) {
      attached = daemon;
      if (isWanted) request();
    },
  };
}
