import { join } from 'node:path';

import type { ServicePlan } from './service-plan.ts';

/** One thing that installing or removing the service does. */
export type InstallStep =
  | {
      readonly kind: 'run';
      readonly why: string;
      /** The program and its arguments. */
      readonly command: readonly string[];
      /** Goes on where the command fails. */
      readonly mayFail?: true;
    }
  | {
      readonly kind: 'write';
      readonly why: string;
      readonly path: string;
      readonly content: string;
      /** Permission bits. */
      readonly mode: number;
    };

/** What is there already. */
export interface InstallFacts {
  readonly hasUser: boolean;
  /** Whether systemd runs this machine; in a container or a chroot the unit is only put in place. */
  readonly isSystemdRunning: boolean;
  readonly exists: (path: string) => boolean;
  readonly unitFile: string;
}

/** The steps of `service --install`. Each may be done again. */
export function installSteps(
  plan: ServicePlan,
  unitText: string,
  facts: InstallFacts,
): readonly InstallStep[] {
  const { unit, environment } = plan;
  const { user, dataDir, configFile, environmentFile, credentials } = unit;
  const name = unitNameOf(facts.unitFile);
  const credentialFolders = [...new Set(credentials.map(({ file }) => join(file, '..')))];
  return [
    ...(facts.hasUser
      ? []
      : [
          run(`user ${user}, without a login`, [
            ...['useradd', '--system', '--user-group', '--no-create-home', '--home-dir', dataDir],
            ...['--shell', '/usr/sbin/nologin', user],
          ]),
        ]),
    run('data folder, for the service’s user alone', [
      ...['install', '-d', '-m', '750', '-o', user, '-g', user, dataDir],
    ]),
    run('everything in it belongs to the service', ['chown', '-R', `${user}:${user}`, dataDir]),
    run('configuration: the service may read it, other users may not', ['chgrp', user, configFile]),
    run('', ['chmod', 'g+r,o-rwx', configFile]),
    ...(environmentFile === undefined || facts.exists(environmentFile)
      ? []
      : [
          {
            kind: 'write' as const,
            why: 'secrets of the configuration: fill them in',
            path: environmentFile,
            content: environment.map((variable) => `${variable}=\n`).join(''),
            mode: 0o600,
          },
        ]),
    ...credentialFolders.map((folder) =>
      run('credentials: only root reads them, and systemd hands them over', [
        ...['install', '-d', '-m', '700', '-o', 'root', '-g', 'root', folder],
      ]),
    ),
    { kind: 'write', why: 'the unit', path: facts.unitFile, content: unitText, mode: 0o644 },
    ...(facts.isSystemdRunning
      ? [
          run('', ['systemctl', 'daemon-reload']),
          run('started with the machine', ['systemctl', 'enable', name]),
        ]
      : []),
  ];
}

/** The steps of `service --uninstall`: the unit goes; images, configuration, secrets and user stay. */
export function uninstallSteps(facts: InstallFacts): readonly InstallStep[] {
  const name = unitNameOf(facts.unitFile);
  return [
    ...(facts.isSystemdRunning
      ? [
          {
            ...run('finish what is in flight, then stop', ['systemctl', 'disable', '--now', name]),
            mayFail: true as const,
          },
        ]
      : []),
    run('the unit', ['rm', '-f', facts.unitFile]),
    ...(facts.isSystemdRunning ? [run('', ['systemctl', 'daemon-reload'])] : []),
  ];
}

function run(why: string, command: readonly string[]): InstallStep & { kind: 'run' } {
  return { kind: 'run', why, command };
}

function unitNameOf(unitFile: string): string {
  return unitFile.slice(unitFile.lastIndexOf('/') + 1);
}
