import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { canNotify } from '../../platform/service-notifier.ts';
import { VERSION } from '../../platform/version.ts';
import type { CliCommand } from '../command.ts';
import { describeCommand, withConfigOption } from '../command.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter } from '../output.ts';
import type { InstallFacts, InstallStep } from '../service/install-steps.ts';
import { installSteps, uninstallSteps } from '../service/install-steps.ts';
import {
  DEFAULT_USER,
  planService,
  UNIT_FOLDER,
  UNIT_NAME,
  type ServicePlan,
} from '../service/service-plan.ts';
import { systemdUnit } from '../service/systemd-unit.ts';
import { STOP_DEADLINE_MS } from './serve.ts';

interface ServiceOptions {
  readonly config: string;
  readonly user: string;
  readonly install?: true;
  readonly uninstall?: true;
  readonly dryRun?: true;
}

/** `service`: a systemd unit for this installation and configuration. */
export const serviceCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'service',
      group: 'Daemon',
      summary: 'print, install or remove a systemd unit',
      description:
        'Prints a hardened systemd unit for this installation: a user of its own, a read-only file system but for the\ndata folder and watched folders, ports below 1024, secrets as credentials or from an environment file.\n--install puts it in place as root, with the user and the folders; run it again after a change of paths or\nsecrets. --uninstall takes the unit away and leaves images and configuration alone.',
      examples: [
        ['service --config /etc/avara-ingest/config.json', 'look at it'],
        ['service --config /etc/avara-ingest/config.json --install --dry-run', 'what would be done'],
        ['service --config /etc/avara-ingest/config.json --install', 'do it, as root'],
        ['service --uninstall', 'stop it and remove the unit'],
      ],
      exitCodes: { 1: 'a step failed, or the service would not work' },
    });
    return withConfigOption(command)
      .option('--user <name>', 'user that the service runs as', parseUserName, DEFAULT_USER)
      .option('--install', 'make the user and folders, write and enable the unit')
      .option('--uninstall', 'stop the service and remove the unit')
      .option('--dry-run', 'with --install or --uninstall: only say what would be done')
      .action(async (options: ServiceOptions) => {
        const { stdout, stderr } = context;
        const facts = factsOf(options.user);
        if (options.uninstall) {
          carryOut(uninstallSteps(facts), context, options.dryRun === true);
          stdout.write('Images, configuration, secrets and the user are still there.\n');
          finish(EXIT_CODES.ok);
          return;
        }
        const plan = planService({ configFile: options.config, user: options.user });
        for (const problem of plan.problems) stderr.write(`warning: ${problem}\n`);
        const unit = systemdUnit({
          ...plan.unit,
          version: VERSION,
          notify: await notifyOf(),
          stopDeadlineMs: STOP_DEADLINE_MS,
        });
        if (!options.install) {
          stdout.write(unit);
          finish(EXIT_CODES.ok);
          return;
        }
        if (plan.problems.length > 0 && !options.dryRun) {
          throw new CliError('the service would not start: see the warnings above', {
            exitCode: EXIT_CODES.failed,
            hint: 'install program and Node.js where every user can read them, such as /opt or /usr',
          });
        }
        carryOut(installSteps(plan, unit, facts), context, options.dryRun === true);
        stdout.write(nextSteps(plan, facts));
        finish(EXIT_CODES.ok);
      });
  },
};

/** With koffi the messages to systemd come from the daemon itself, else from `systemd-notify`. */
async function notifyOf(): Promise<'main' | 'helper' | 'none'> {
  return (await canNotify()) ?? 'none';
}

function factsOf(user: string): InstallFacts {
  return {
    hasUser: spawnSync('id', ['-u', user], { stdio: 'ignore' }).status === 0,
    isSystemdRunning: existsSync('/run/systemd/system'),
    exists: existsSync,
    unitFile: join(UNIT_FOLDER, UNIT_NAME),
  };
}

function carryOut(steps: readonly InstallStep[], context: CliContext, isDryRun: boolean): void {
  if (!isDryRun && (process.platform !== 'linux' || process.getuid?.() !== 0)) {
    throw new CliError('only root can do this, on Linux', {
      exitCode: EXIT_CODES.failed,
      hint: 'use sudo, or --dry-run to see what would be done',
    });
  }
  const paint = createPainter(context.stdout, context.env);
  for (const step of steps) {
    if (step.why !== '') context.stdout.write(paint('dim', `# ${step.why}\n`));
    context.stdout.write(`${textOf(step)}\n`);
    if (!isDryRun) doStep(step);
  }
}

function textOf(step: InstallStep): string {
  if (step.kind === 'run')
    return step.command.map((word) => (/[\s'"$]/.test(word) ? `'${word}'` : word)).join(' ');
  return `write ${step.path} (mode ${step.mode.toString(8)})`;
}

function doStep(step: InstallStep): void {
  try {
    if (step.kind === 'write') {
      writeFileSync(step.path, step.content, { mode: step.mode });
      chmodSync(step.path, step.mode);
    } else {
      const [program = '', ...args] = step.command;
      execFileSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    }
  } catch (error) {
    if (step.kind === 'run' && step.mayFail) return;
    throw new CliError(`this step failed: ${textOf(step)}`, {
      exitCode: EXIT_CODES.failed,
      hint: 'put right what it complained of, and run the command again: every step may be done twice',
      cause: error,
    });
  }
}

function nextSteps({ unit, environment }: ServicePlan, facts: InstallFacts): string {
  const { environmentFile, credentials, user, configFile } = unit;
  const missing = credentials.filter(({ file }) => !existsSync(file));
  const properties = [
    `-p User=${user}`,
    ...(environmentFile === undefined ? [] : [`-p EnvironmentFile=${environmentFile}`]),
    ...credentials.map(({ name, file }) => `-p LoadCredential=${name}:${file}`),
    ...(unit.hasPrivilegedPort ? ['-p AmbientCapabilities=CAP_NET_BIND_SERVICE'] : []),
  ];
  const steps = [
    ...(environmentFile === undefined
      ? []
      : [`Secrets: set ${environment.join(', ')} in ${environmentFile}`]),
    ...missing.map(({ file }) => `Secret: write ${file} (mode 600)`),
    `Check as the service’s user:\n  systemd-run --pipe --wait ${properties.join(' ')} \\\n    ${unit.node} ${unit.main} check --config ${configFile}`,
    ...(facts.isSystemdRunning
      ? [`Start:\n  systemctl start ${UNIT_NAME}`]
      : ['systemd does not run here: enable and start the unit where it does']),
  ];
  return `\nNext:\n${steps.map((step, index) => `${index + 1}. ${step}`).join('\n')}\n`;
}

function parseUserName(text: string): string {
  if (/^[a-z_][a-z0-9_-]{0,31}$/.test(text)) return text;
  throw new CliError(`not the name of a user: ${text}`, { exitCode: EXIT_CODES.usage });
}
