import type { Config } from '../../config/config.ts';
import { ConfigError } from '../../config/errors.ts';
import { loadConfig } from '../../config/load.ts';
import { checkAvara } from '../checks/avara.ts';
import type { Check, CheckResult } from '../checks/check.ts';
import { checkCertificates } from '../checks/certificates.ts';
import { checkDataFolder } from '../checks/data-folder.ts';
import { checkFolders } from '../checks/folders.ts';
import { checkListeners } from '../checks/listeners.ts';
import { checkMachine } from '../checks/machine.ts';
import { checkPublicUrl } from '../checks/public-url.ts';
import { checkRoutes } from '../checks/routes.ts';
import { checkSecrets } from '../checks/secrets.ts';
import { checkSetup } from '../checks/setup.ts';
import type { CliCommand } from '../command.ts';
import { describeCommand, withConfigOption } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { Painter } from '../output.ts';
import { createPainter, printable, printJson } from '../output.ts';

interface CheckOptions {
  readonly config: string;
  readonly offline?: true;
  readonly json?: true;
}

const LOCAL_CHECKS: readonly Check[] = [
  checkSetup,
  checkRoutes,
  checkSecrets,
  checkCertificates,
  checkDataFolder,
  checkFolders,
  checkMachine,
  checkListeners,
];
const ONLINE_CHECKS: readonly Check[] = [checkPublicUrl, checkAvara];

/** `check`: the configuration, and what else must be right before going live. */
export const checkCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'check',
      group: 'Daemon',
      summary: 'check the configuration, and everything else before going live',
      description:
        'Checks the configuration, routes, secrets, certificates, data folder, disk (with a short measurement),\nwatched folders, ports, clock, whether the public URL leads to the daemon, and whether Avara takes the API keys and knows the\ncustomers. Leaves nothing behind. Run it as the daemon’s user, with the daemon’s secrets.',
      examples: [
        ['check --config /etc/avara-ingest/config.json', 'before the first start'],
        ['check --offline', 'without asking anybody on the network'],
        ['check --json', 'for programs'],
      ],
      exitCodes: { 1: 'something will not work (warnings alone end with 0)' },
    });
    return withConfigOption(command)
      .option('--offline', 'ask neither Avara nor the public URL')
      .option('--json', 'print JSON')
      .action(async (options: CheckOptions) => {
        let config: Config;
        try {
          config = loadConfig({ file: options.config, env: context.env });
        } catch (error) {
          if (options.json && error instanceof ConfigError) {
            printJson(context.stdout, { ok: false, file: error.file, problems: error.problems });
            finish(EXIT_CODES.usage);
            return;
          }
          throw error;
        }
        const checks = options.offline ? LOCAL_CHECKS : [...LOCAL_CHECKS, ...ONLINE_CHECKS];
        const checkContext = { config, env: context.env, now: Date.now };
        const found = await Promise.all(checks.map((check) => check(checkContext)));
        const results: CheckResult[] = [
          { id: 'config', title: 'Configuration', status: 'ok', detail: config.file },
          ...found.flat(),
        ];
        const ok = results.every(({ status }) => status !== 'failed');
        if (options.json) printJson(context.stdout, { ok, checks: results });
        else context.stdout.write(checkText(results, createPainter(context.stdout, context.env)));
        finish(ok ? EXIT_CODES.ok : EXIT_CODES.failed);
      });
  },
};

const MARKS = { ok: ['green', '✔'], warning: ['yellow', '!'], failed: ['red', '✖'] } as const;

function checkText(results: readonly CheckResult[], paint: Painter): string {
  const width = Math.max(...results.map(({ title }) => title.length)) + 2;
  const lines = results.flatMap(({ title, status, detail, advice }) => {
    const [style, mark] = MARKS[status];
    const line = `${paint(style, mark)} ${paint('bold', title.padEnd(width))}${printable(detail)}`;
    return advice === undefined ? [line] : [line, `  ${' '.repeat(width)}${paint(style, '→')} ${advice}`];
  });
  const count = (wanted: CheckResult['status']): number =>
    results.filter(({ status }) => status === wanted).length;
  return `${lines.join('\n')}\n\n${verdict(count('failed'), count('warning'), paint)}\n`;
}

function verdict(failed: number, warnings: number, paint: Painter): string {
  const warningText = warnings === 0 ? '' : warnings === 1 ? '1 warning' : `${warnings} warnings`;
  if (failed > 0) {
    const failedText = failed === 1 ? '1 check failed' : `${failed} checks failed`;
    return paint('red', `Not ready: ${[failedText, warningText].filter((text) => text !== '').join(', ')}`);
  }
  return warnings > 0 ? paint('yellow', `Works, with ${warningText}`) : paint('green', 'Ready');
}
