import { describe, expect, it } from 'vitest';
import type { InstallFacts, InstallStep } from './install-steps.ts';
import { installSteps, uninstallSteps } from './install-steps.ts';
import type { ServicePlan } from './service-plan.ts';

const PLAN: ServicePlan = {
  unit: {
    user: 'ingest',
    node: '/usr/bin/node',
    main: '/opt/dist/main.js',
    configFile: '/etc/avara-ingest/config.json',
    dataDir: '/srv/images',
    writableFolders: [],
    hasPrivilegedPort: false,
    environmentFile: '/etc/avara-ingest/environment',
    credentials: [{ name: 'key', file: '/etc/avara-ingest/credentials/key' }],
    readsHome: false,
  },
  environment: ['ADMIN', 'READ'],
  problems: [],
};
const FACTS: InstallFacts = {
  hasUser: false,
  isSystemdRunning: true,
  exists: () => false,
  unitFile: '/etc/systemd/system/avara-ingest.service',
};

const commandsOf = (steps: readonly InstallStep[]): string[] =>
  steps.flatMap((step) => (step.kind === 'run' ? [step.command.join(' ')] : []));
const written = (steps: readonly InstallStep[]): Record<string, unknown> =>
  Object.fromEntries(
    steps.flatMap((step) => (step.kind === 'write' ? [[step.path, [step.content, step.mode]]] : [])),
  );

describe('installing', () => {
  it('makes user, data folder, unit and a file for secrets that only root reads', () => {
    const steps = installSteps(PLAN, '[Unit]', FACTS);
    expect(commandsOf(steps)[0]).toMatch(/^useradd --system .* ingest$/);
    expect(commandsOf(steps)).toContain('install -d -m 750 -o ingest -g ingest /srv/images');
    expect(commandsOf(steps)).toContain('install -d -m 700 -o root -g root /etc/avara-ingest/credentials');
    expect(commandsOf(steps).at(-1)).toBe('systemctl enable avara-ingest.service');
    expect(written(steps)).toEqual({
      '/etc/avara-ingest/environment': ['ADMIN=\nREAD=\n', 0o600],
      '/etc/systemd/system/avara-ingest.service': ['[Unit]', 0o644],
    });
  });

  it('again leaves user and secrets as they are', () => {
    const steps = installSteps(PLAN, '[Unit]', { ...FACTS, hasUser: true, exists: () => true });
    expect(commandsOf(steps).some((command) => command.startsWith('useradd'))).toBe(false);
    expect(Object.keys(written(steps))).toEqual(['/etc/systemd/system/avara-ingest.service']);
  });

  it('never changes a folder that is not the service’s own', () => {
    const touched = commandsOf(installSteps(PLAN, '[Unit]', FACTS)).filter((command) =>
      command.startsWith('ch'),
    );
    expect(touched).toEqual([
      'chown -R ingest:ingest /srv/images',
      'chgrp ingest /etc/avara-ingest/config.json',
      'chmod g+r,o-rwx /etc/avara-ingest/config.json',
    ]);
  });

  it('asks nothing of a systemd that does not run', () => {
    const steps = installSteps(PLAN, '[Unit]', { ...FACTS, isSystemdRunning: false });
    expect(commandsOf(steps).filter((command) => command.startsWith('systemctl'))).toEqual([]);
  });
});

describe('uninstalling', () => {
  it('stops the service and removes the unit, and nothing else', () => {
    expect(commandsOf(uninstallSteps(FACTS))).toEqual([
      'systemctl disable --now avara-ingest.service',
      'rm -f /etc/systemd/system/avara-ingest.service',
      'systemctl daemon-reload',
    ]);
  });
});
