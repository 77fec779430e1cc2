import fs from 'node:fs/promises';

import { describe, expect, it } from 'vitest';

import { NODE_FLAGS, systemdUnit, type SystemdUnitOptions } from './systemd-unit.ts';

const OPTIONS: SystemdUnitOptions = {
  version: '1.2.3',
  user: 'avara-ingest',
  node: '/usr/bin/node',
  main: '/opt/avara-ingest/dist/main.js',
  configFile: '/etc/avara-ingest/config.json',
  dataDir: '/var/lib/avara-ingest',
  writableFolders: [],
  hasPrivilegedPort: false,
  credentials: [],
  notify: 'main',
  readsHome: false,
  stopDeadlineMs: 60_000,
};

/** Values of a setting, in order. */
function valuesOf(unit: string, name: string): readonly string[] {
  return [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value);
}

const unitOf = (change: Partial<SystemdUnitOptions> = {}): string => systemdUnit({ ...OPTIONS, ...change });

describe('the unit', () => {
  it('has the same options for Node.js as the container', async () => {
    const dockerfile = await fs.readFile(new URL('../../../Dockerfile', import.meta.url), 'utf8');
    const entryPoint = /^ENTRYPOINT (.*)$/m.exec(dockerfile)?.[1] ?? '[]';
    expect(JSON.parse(entryPoint)).toEqual(['node', ...NODE_FLAGS, '/opt/avara-ingest/dist/main.js']);
  });

  it('starts, reloads and stops the daemon with the paths at hand', () => {
    const unit = unitOf();
    expect(valuesOf(unit, 'ExecStart')).toEqual([
      '/usr/bin/node --max-semi-space-size=16 /opt/avara-ingest/dist/main.js serve --config /etc/avara-ingest/config.json',
    ]);
    expect(valuesOf(unit, 'Type')).toEqual(['notify']);
    expect(valuesOf(unit, 'WatchdogSec')).toHaveLength(1);
  });

  it('gives the daemon more time to stop than it takes for itself', () => {
    expect(Number(valuesOf(unitOf(), 'TimeoutStopSec')[0])).toBeGreaterThan(60);
    expect(Number(valuesOf(unitOf({ stopDeadlineMs: 600_000 }), 'TimeoutStopSec')[0])).toBeGreaterThan(600);
  });

  it('has systemd make a data folder below /var/lib, and opens any other', () => {
    const below = unitOf();
    expect(valuesOf(below, 'StateDirectory')).toEqual(['avara-ingest']);
    expect(valuesOf(below, 'ReadWritePaths')).toEqual([]);
    const elsewhere = unitOf({ dataDir: '/srv/images' });
    expect(valuesOf(elsewhere, 'StateDirectory')).toEqual([]);
    expect(valuesOf(elsewhere, 'ReadWritePaths')).toEqual(['/srv/images']);
    expect(valuesOf(elsewhere, 'RequiresMountsFor')).toEqual(['/srv/images']);
  });

  it('opens watched folders, also those that are not there yet', () => {
    const unit = unitOf({ dataDir: '/srv/images', writableFolders: ['/mnt/scans', '/srv/out box'] });
    expect(valuesOf(unit, 'ReadWritePaths')).toEqual(['/srv/images -/mnt/scans "-/srv/out box"']);
  });

  it('holds a capability for ports below 1024 only', () => {
    expect(valuesOf(unitOf(), 'AmbientCapabilities')).toEqual(['']);
    expect(valuesOf(unitOf(), 'CapabilityBoundingSet')).toEqual(['']);
    const unit = unitOf({ hasPrivilegedPort: true });
    expect(valuesOf(unit, 'AmbientCapabilities')).toEqual(['CAP_NET_BIND_SERVICE']);
    expect(valuesOf(unit, 'CapabilityBoundingSet')).toEqual(['CAP_NET_BIND_SERVICE']);
  });

  it('hands over secrets', () => {
    const unit = unitOf({
      environmentFile: '/etc/avara-ingest/environment',
      credentials: [{ name: 'api-key', file: '/etc/avara-ingest/credentials/api-key' }],
    });
    expect(valuesOf(unit, 'EnvironmentFile')).toEqual(['/etc/avara-ingest/environment']);
    expect(valuesOf(unit, 'LoadCredential')).toEqual(['api-key:/etc/avara-ingest/credentials/api-key']);
  });

  it('does not wait for messages that nobody can send', () => {
    const unit = unitOf({ notify: 'none' });
    expect(valuesOf(unit, 'Type')).toEqual(['exec']);
    expect(valuesOf(unit, 'WatchdogSec')).toEqual([]);
    expect(valuesOf(unitOf({ notify: 'helper' }), 'NotifyAccess')).toEqual(['all']);
  });

  it('quotes what systemd would read otherwise', () => {
    const unit = unitOf({ configFile: '/etc/a b/100%/$x "y".json' });
    expect(valuesOf(unit, 'ExecStart')[0]).toContain('--config "/etc/a b/100%%/$$x \\"y\\".json"');
    expect(() => unitOf({ dataDir: '/srv/a\nExecStartPre=/bin/evil' })).toThrow(RangeError);
  });

  it('leaves code made at run time alone, which V8 needs, and keeps no core file', () => {
    expect(valuesOf(unitOf(), 'MemoryDenyWriteExecute')).toEqual([]);
    expect(valuesOf(unitOf(), 'LimitCORE')).toEqual(['0']);
  });
});
