import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../../test/support/recording-logger.ts';
import type { ServiceMessage, ServiceNotifier } from '../../platform/service-notifier.ts';
import { createManagerReports } from './manager-reports.ts';

function setUp(notifier: Partial<ServiceNotifier> = {}) {
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const { lines } = logger;
  const messages: ServiceMessage[] = [];
  const reports = createManagerReports({
    notifier: {
      transport: 'socket',
      watchdogMs: 90_000,
      send: (message) => Promise.resolve(void messages.push(message)),
      ...notifier,
    },
    clock,
    logger,
    monotonicMicroseconds: () => 42n,
  });
  const beats = (): number => messages.filter(({ WATCHDOG }) => WATCHDOG === '1').length;
  return { clock, lines, messages, reports, beats };
}

const pulse = (): Promise<{ summary: string }> => Promise.resolve({ summary: '2 Associations open' });

describe('the service manager', () => {
  it('is asked for patience as long as the start takes', async () => {
    const { clock, messages, reports } = setUp();
    reports.starting();
    await clock.advanceAsync(50_000);
    expect(messages.map(({ EXTEND_TIMEOUT_USEC }) => EXTEND_TIMEOUT_USEC)).toEqual([
      '60000000',
      '60000000',
      '60000000',
    ]);
    reports.ready({ pulse });
    expect(messages.at(-1)).toMatchObject({ READY: '1' });
    const before = messages.length;
    await clock.advanceAsync(50_000);
    expect(messages.slice(before).filter((message) => 'EXTEND_TIMEOUT_USEC' in message)).toEqual([]);
  });

  it('hears of the pulse three times in its watchdog’s interval, with what goes on', async () => {
    const { clock, messages, reports, beats } = setUp({ watchdogMs: 9000 });
    reports.ready({ pulse });
    await clock.advanceAsync(9000);
    expect(beats()).toBe(4);
    expect(messages.at(-1)).toEqual({ WATCHDOG: '1', STATUS: '2 Associations open' });
  });

  it('hears nothing more once the pulse stays away', async () => {
    const { clock, reports, beats } = setUp({ watchdogMs: 9000 });
    let isStuck = false;
    reports.ready({ pulse: () => (isStuck ? new Promise(() => undefined) : pulse()) });
    await clock.advanceAsync(3000);
    expect(beats()).toBe(2);
    isStuck = true;
    await clock.advanceAsync(60_000);
    expect(beats()).toBe(2);
  });

  it('hears nothing more once the pulse fails', async () => {
    const { clock, reports, beats, lines } = setUp({ watchdogMs: 9000 });
    reports.ready({ pulse: () => Promise.reject(new Error('the index is closed')) });
    await clock.advanceAsync(60_000);
    expect(beats()).toBe(0);
    expect(lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('without a watchdog hears what goes on every half minute', async () => {
    const { clock, messages, reports, beats } = setUp({ watchdogMs: undefined });
    reports.ready({ pulse });
    await clock.advanceAsync(60_000);
    expect(beats()).toBe(0);
    expect(messages.filter(({ STATUS }) => STATUS === '2 Associations open')).toHaveLength(3);
  });

  it('knows of reloads and of the end', async () => {
    const { clock, messages, reports, beats } = setUp();
    reports.ready({ pulse });
    await clock.advanceAsync(0);
    reports.reloading();
    reports.reloaded('Configuration reloaded');
    expect(messages.slice(-2)).toEqual([
      { RELOADING: '1', MONOTONIC_USEC: '42' },
      { READY: '1', STATUS: 'Configuration reloaded' },
    ]);
    reports.stopping();
    expect(messages.at(-1)).toMatchObject({ STOPPING: '1' });
    const fed = beats();
    await clock.advanceAsync(600_000);
    reports.reloading();
    expect(beats()).toBe(fed);
    expect(messages.at(-1)).toMatchObject({ STOPPING: '1' });
  });

  it('that cannot be reached is said once, and again after it was', async () => {
    let isReachable = false;
    const { clock, reports, lines } = setUp({
      watchdogMs: 9000,
      send: () => (isReachable ? Promise.resolve() : Promise.reject(new Error('gone'))),
    });
    const warnings = (): number => lines.filter(({ level }) => level === 'warn').length;
    reports.ready({ pulse });
    await clock.advanceAsync(30_000);
    expect(warnings()).toBe(1);
    isReachable = true;
    await clock.advanceAsync(9000);
    isReachable = false;
    await clock.advanceAsync(9000);
    expect(warnings()).toBe(2);
  });

  it('is left alone where there is none', async () => {
    const { clock, messages, reports } = setUp({ transport: 'none' });
    reports.starting();
    reports.ready({ pulse });
    await clock.advanceAsync(100_000);
    reports.stopping();
    expect(messages).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
