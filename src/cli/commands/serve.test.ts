import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Daemon } from '../../app/daemon.ts';
import { StartError } from '../../app/daemon.ts';
import type { Config } from '../../config/config.ts';
import { loadConfig } from '../../config/load.ts';
import type { JsonLogger } from '../../observability/logger.ts';
import { createLogger } from '../../observability/logger.ts';
import type { ServiceMessage, ServiceNotifier } from '../../platform/service-notifier.ts';
import type { ProcessControl } from '../context.ts';
import { serve } from './serve.ts';

const NO_NOTIFIER: ServiceNotifier = {
  transport: 'none',
  watchdogMs: undefined,
  send: () => Promise.resolve(),
};
const ADDRESS = { host: '127.0.0.1', port: 1 };

let folder: string;
let file: string;
let lines: Record<string, unknown>[];
let logger: JsonLogger;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'serve-'));
  file = join(folder, 'config.json');
  lines = [];
  logger = createLogger({
    destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
});
afterEach(() => rmSync(folder, { recursive: true }));

function writeConfig(change: Record<string, unknown> = {}): Config {
  const customers = { city: { expressCustomerId: `cus_${'0'.repeat(32)}` } };
  const avara = { apiKey: 'sk_live_x', webhookSecret: 'whsec_x1' };
  writeFileSync(file, JSON.stringify({ avara, customers, ...change }));
  return loadConfig({ file, env: {} });
}

/** A process whose signals the test sends. */
function fakeProcess(): ProcessControl & {
  send(signal: string): void;
  fail(error: unknown): void;
  exits: number[];
} {
  const listeners = new Map<string, () => void>();
  let onFatal: (error: unknown, origin: string) => void = () => undefined;
  const exits: number[] = [];
  return {
    exits,
    onSignal: (signal, listener) => void listeners.set(signal, listener),
    onFatal(listener) {
      onFatal = listener;
    },
    exit: (code) => void exits.push(code),
    send: (signal) => listeners.get(signal)?.(),
    fail: (error) => onFatal(error, 'uncaughtException'),
  };
}

function fakeDaemon(change: Partial<Daemon> = {}): Daemon {
  return {
    start: () => Promise.resolve({ dimse: ADDRESS, http: ADDRESS, admin: ADDRESS }),
    stop: () => Promise.resolve(),
    reload: () => Promise.resolve({}),
    pulse: () => Promise.resolve({ summary: 'idle' }),
    ...change,
  };
}

function begin(
  daemon: Daemon,
  notifier: ServiceNotifier = NO_NOTIFIER,
): { process: ReturnType<typeof fakeProcess>; ended: Promise<number> } {
  const process = fakeProcess();
  const config = writeConfig();
  const createDaemon = (): Promise<Daemon> => Promise.resolve(daemon);
  return { process, ended: serve({ context: { env: {}, process }, config, logger, createDaemon, notifier }) };
}

const messages = (): unknown[] => lines.map((line) => line.msg);
const logged = (message: string): Promise<void> => vi.waitFor(() => expect(messages()).toContain(message));

describe('serve', () => {
  it('logs one ready line with every address', async () => {
    const { process, ended } = begin(fakeDaemon());
    await logged('ready');
    expect(lines.filter((line) => line.msg === 'ready')).toMatchObject([
      { level: 'info', dimse: ADDRESS, http: ADDRESS, admin: ADDRESS },
    ]);
    process.send('SIGTERM');
    await ended;
  });

  it.each(['SIGTERM', 'SIGINT'])('drains at the first %s and ends with 0', async (signal) => {
    const stop = vi.fn(() => Promise.resolve());
    const { process, ended } = begin(fakeDaemon({ stop }));
    await logged('ready');
    process.send(signal);
    await expect(ended).resolves.toBe(0);
    expect(stop).toHaveBeenCalledTimes(1);
    expect(process.exits).toEqual([]);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ])('ends at once at the second signal, %s, with %i', async (signal, exitCode) => {
    const { process } = begin(fakeDaemon({ stop: () => new Promise(() => undefined) }));
    await logged('ready');
    process.send('SIGTERM');
    process.send(signal);
    expect(process.exits).toEqual([exitCode]);
  });

  it('stops in order when the signal comes before it is ready', async () => {
    const stop = vi.fn(() => Promise.resolve());
    const { process, ended } = begin(fakeDaemon({ stop }));
    process.send('SIGTERM');
    await expect(ended).resolves.toBe(0);
    expect(stop).toHaveBeenCalledTimes(1);
  });

  it('ends with 1 where it cannot stop cleanly', async () => {
    const { process, ended } = begin(fakeDaemon({ stop: () => Promise.reject(new Error('stuck')) }));
    await logged('ready');
    process.send('SIGTERM');
    await expect(ended).resolves.toBe(1);
  });

  it('ends with 1 after an exception that nobody caught, and logs it', async () => {
    const { process } = begin(fakeDaemon());
    await logged('ready');
    process.fail(new Error('boom'));
    expect(process.exits).toEqual([1]);
    expect(lines.at(-1)).toMatchObject({ level: 'error', err: { message: 'boom' } });
  });

  it.each([
    [
      new StartError('port in use: 0.0.0.0:104', 'set another port'),
      'port in use: 0.0.0.0:104',
      'set another port',
    ],
    [
      Object.assign(new Error('EROFS: read-only'), { code: 'EROFS', path: '/data' }),
      '/data cannot be used: it is on a read-only file system (EROFS)',
      expect.stringContaining('Mount it for writing.') as string,
    ],
    [
      new Error('cannot open', { cause: Object.assign(new Error('x'), { code: 'EACCES', path: '/data' }) }),
      '/data cannot be used: this user may not write there (EACCES)',
      expect.stringContaining('Make the daemon’s user its owner') as string,
    ],
  ])('says why it could not start, with a hint and exit code 4', async (error, message, hint) => {
    const { ended } = begin(fakeDaemon({ start: () => Promise.reject(error) }));
    await expect(ended).rejects.toMatchObject({ message, hint, exitCode: 4 });
    expect(lines.at(-1)).toMatchObject({ level: 'error', msg: message, hint, exitCode: 4 });
    expect(lines.at(-1)).not.toHaveProperty('err');
    expect(messages()).not.toContain('ready');
  });
});

describe('SIGHUP', () => {
  it('reloads the file, also its log level', async () => {
    const reload = vi.fn<Daemon['reload']>(() => Promise.resolve({ routes: { added: ['NEW → city'] } }));
    const { process, ended } = begin(fakeDaemon({ reload }));
    await logged('ready');
    writeConfig({ log: { level: 'debug' }, routes: [{ calledAe: 'NEW', customer: 'city' }] });
    process.send('SIGHUP');
    await logged('configuration reloaded');
    expect(reload.mock.calls[0]?.[0].routes).toMatchObject([{ calledAe: 'NEW' }]);
    expect(lines.find(({ msg }) => msg === 'configuration reloaded')).toMatchObject({
      changes: { routes: { added: ['NEW → city'] } },
    });
    logger.debug({}, 'now visible');
    expect(messages()).toContain('now visible');
    process.send('SIGTERM');
    await ended;
  });

  it('keeps the old configuration where the file is bad, and names the problem', async () => {
    const reload = vi.fn(() => Promise.resolve({}));
    const { process, ended } = begin(fakeDaemon({ reload }));
    await logged('ready');
    writeFileSync(file, '{ "dimse": { "port": "x" } }');
    process.send('SIGHUP');
    await logged('configuration not reloaded, the old one stays in force');
    expect(reload).not.toHaveBeenCalled();
    expect(JSON.stringify(lines.at(-1))).toContain('dimse.port');
    process.send('SIGTERM');
    await expect(ended).resolves.toBe(0);
  });

  it('before it is ready is carried out once it is', async () => {
    const reload = vi.fn(() => Promise.resolve({}));
    const { process, ended } = begin(fakeDaemon({ reload }));
    process.send('SIGHUP');
    expect(reload).not.toHaveBeenCalled();
    await logged('configuration reloaded');
    expect(messages().indexOf('ready')).toBeLessThan(messages().indexOf('configuration reloaded'));
    process.send('SIGTERM');
    await ended;
  });
});

describe('the service manager', () => {
  it('hears of ready, a reload and the end, in this order', async () => {
    const messages: ServiceMessage[] = [];
    const notifier: ServiceNotifier = {
      transport: 'socket',
      watchdogMs: 60_000,
      send: (message) => Promise.resolve(void messages.push(message)),
    };
    const { process, ended } = begin(fakeDaemon(), notifier);
    await logged('ready');
    process.send('SIGHUP');
    await logged('configuration reloaded');
    process.send('SIGTERM');
    await ended;
    const names = messages.flatMap((message) =>
      Object.keys(message).filter((name) => /ING|READY/.test(name)),
    );
    expect(names).toEqual(['READY', 'RELOADING', 'READY', 'STOPPING']);
  });

  it('hears that a bad configuration was not taken', async () => {
    const messages: ServiceMessage[] = [];
    const notifier: ServiceNotifier = {
      transport: 'socket',
      watchdogMs: undefined,
      send: (message) => Promise.resolve(void messages.push(message)),
    };
    const { process, ended } = begin(fakeDaemon(), notifier);
    await logged('ready');
    writeFileSync(file, '{');
    process.send('SIGHUP');
    await logged('configuration not reloaded, the old one stays in force');
    expect(messages.at(-1)).toMatchObject({
      READY: '1',
      STATUS: expect.stringContaining('NOT reloaded') as string,
    });
    process.send('SIGTERM');
    await ended;
  });
});
