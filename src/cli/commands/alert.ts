import { channelsOf } from '../../app/alerts.ts';
import { loadConfig } from '../../config/load.ts';
import { createAlertLoop } from '../../core/alerts/alert-loop.ts';
import { createLogger } from '../../observability/logger.ts';
import { createSystemClock } from '../../platform/clock.ts';
import type { CliCommand, DaemonOptions } from '../command.ts';
import { describeCommand, withDaemonOptions } from '../command.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../context.ts';
import type { AdminAlerts, AlertTestResult } from '../daemon-client.ts';
import { createDaemonClient, resolveDaemonAddress } from '../daemon-client.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { Painter } from '../output.ts';
import { createPainter, printable, printJson } from '../output.ts';

interface AlertOptions extends DaemonOptions {
  readonly test?: true;
  readonly json?: true;
}

/** `alert`: what is wrong now, and whether anybody would be told. */
export const alertCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'alert',
      group: 'Daemon',
      summary: 'show active alerts, or send a test to those who would be told',
      description:
        'Shows what the running daemon is alarmed about, and how its webhook and mail command are doing. --test sends\na test message on each of them: by the daemon, as a real alert goes; where none runs, from here.',
      examples: [
        ['alert', 'what is wrong now'],
        ['alert --test', 'does the message arrive?'],
      ],
      exitCodes: { 1: 'a test message was not taken', 3: 'the daemon does not answer (without --test)' },
    });
    return withDaemonOptions(command)
      .option('--test', 'send a test message')
      .option('--json', 'print JSON')
      .action(async (options: AlertOptions) => {
        const client = createDaemonClient(resolveDaemonAddress(options, context.env));
        const paint = createPainter(context.stdout, context.env);
        if (!options.test) {
          const alerts = await client.alerts();
          if (options.json) printJson(context.stdout, alerts);
          else context.stdout.write(alertText(alerts, paint));
          finish(EXIT_CODES.ok);
          return;
        }
        const isRunning = await client.isAlive();
        const results = isRunning ? await client.testAlerts() : await testFromHere(options.config, context);
        if (results.length === 0) {
          throw new CliError(
            'nobody would be told: the configuration has neither alerts.webhook nor alerts.mail',
            {
              exitCode: EXIT_CODES.failed,
            },
          );
        }
        if (options.json) printJson(context.stdout, { sentBy: isRunning ? 'daemon' : 'command', results });
        else {
          if (!isRunning)
            context.stdout.write(
              'The daemon does not run: sent from here, as this user and outside its sandbox.\n',
            );
          context.stdout.write(resultText(results, paint));
        }
        finish(results.every(({ ok }) => ok) ? EXIT_CODES.ok : EXIT_CODES.failed);
      });
  },
};

async function testFromHere(file: string, { env }: CliContext): Promise<readonly AlertTestResult[]> {
  const { alerts } = loadConfig({ file, env });
  const clock = createSystemClock();
  const loop = createAlertLoop({
    look: () => [],
    records: { list: () => [], replace: () => Promise.resolve() },
    channels: channelsOf(alerts, undefined, clock),
    clock,
    logger: createLogger({ destination: { write: () => undefined } }),
    repeatMs: 1,
  });
  const results = await loop.test();
  return results.map(({ channel, error }) => ({ channel, ok: error === undefined, error: error ?? null }));
}

function alertText({ alerts, channels }: AdminAlerts, paint: Painter): string {
  const lines = alerts.flatMap(({ severity, summary, advice, since }) => [
    `${severity === 'critical' ? paint('red', '✖') : paint('yellow', '!')} ${printable(summary)}`,
    `  ${paint('dim', `since ${since}`)}`,
    `  → ${printable(advice)}`,
  ]);
  const told = channels.map(({ name, lastSentAt, lastError }) => {
    if (lastError !== null) return `${paint('red', '✖')} ${name}: ${printable(lastError)}`;
    return `${paint('green', '✔')} ${name}${lastSentAt === null ? '' : `: last message ${lastSentAt}`}`;
  });
  return [
    ...(lines.length === 0 ? [paint('green', 'No alerts')] : lines),
    '',
    ...(told.length === 0 ? ['Nobody is told: neither alerts.webhook nor alerts.mail is configured'] : told),
    '',
  ].join('\n');
}

function resultText(results: readonly AlertTestResult[], paint: Painter): string {
  return results
    .map(({ channel, ok, error }) =>
      ok
        ? `${paint('green', '✔')} ${channel} took the test message\n`
        : `${paint('red', '✖')} ${channel}: ${printable(error ?? '')}\n`,
    )
    .join('');
}
