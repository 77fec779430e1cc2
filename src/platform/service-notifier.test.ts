import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startNotifyReceiver, type NotifyReceiver } from '../../test/support/notify-receiver.ts';
import { openServiceNotifier } from './service-notifier.ts';

describe.runIf(process.platform === 'linux')('the service notifier', () => {
  let receiver: NotifyReceiver | undefined;
  let folder: string | undefined;
  afterEach(async () => {
    await receiver?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
    receiver = folder = undefined;
  });

  it('sends datagrams to a socket in the file system', async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'notify-'));
    receiver = await startNotifyReceiver(path.join(folder, 'socket'));
    const notifier = await openServiceNotifier({ env: { NOTIFY_SOCKET: receiver.address }, pid: 1 });
    expect(notifier).toMatchObject({ transport: 'socket', watchdogMs: undefined });
    await notifier.send({ READY: '1', STATUS: 'receiving\nWATCHDOG=trigger' });
    expect(await receiver.received(() => true)).toEqual({
      READY: '1',
      STATUS: 'receiving WATCHDOG=trigger',
    });
  });

  it('sends to the abstract namespace', async () => {
    receiver = await startNotifyReceiver(`@avara-ingest-test-${process.pid}-${Math.random()}`);
    const notifier = await openServiceNotifier({ env: { NOTIFY_SOCKET: receiver.address }, pid: 1 });
    await notifier.send({ STOPPING: '1' });
    expect(await receiver.received(() => true)).toEqual({ STOPPING: '1' });
  });

  it('says that nobody listens', async () => {
    const env = { NOTIFY_SOCKET: path.join(tmpdir(), 'no-such-socket') };
    const notifier = await openServiceNotifier({ env, pid: 1 });
    await expect(notifier.send({ READY: '1' })).rejects.toThrow(/no-such-socket/);
  });

  it('refuses an address that is none', async () => {
    await expect(openServiceNotifier({ env: { NOTIFY_SOCKET: 'tcp:1' }, pid: 1 })).rejects.toThrow();
    const long = `/${'x'.repeat(108)}`;
    await expect(openServiceNotifier({ env: { NOTIFY_SOCKET: long }, pid: 1 })).rejects.toThrow();
  });
});

describe('the watchdog interval', () => {
  const watchdogOf = async (env: Record<string, string>): Promise<number | undefined> =>
    (await openServiceNotifier({ env: { NOTIFY_SOCKET: '/x', ...env }, pid: 7 })).watchdogMs;

  it('comes from the environment, unless it is meant for another process', async () => {
    expect(await watchdogOf({ WATCHDOG_USEC: '90000000' })).toBe(90_000);
    expect(await watchdogOf({ WATCHDOG_USEC: '90000000', WATCHDOG_PID: '7' })).toBe(90_000);
    expect(await watchdogOf({ WATCHDOG_USEC: '90000000', WATCHDOG_PID: '8' })).toBeUndefined();
    expect(await watchdogOf({ WATCHDOG_USEC: 'soon' })).toBeUndefined();
    expect(await watchdogOf({})).toBeUndefined();
  });

  it('does not matter where no manager listens', async () => {
    const notifier = await openServiceNotifier({ env: { WATCHDOG_USEC: '1000000' }, pid: 7 });
    expect(notifier).toMatchObject({ transport: 'none', watchdogMs: undefined });
    await notifier.send({ READY: '1' });
  });
});
