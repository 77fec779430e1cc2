import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../../test/support/recording-logger.ts';
import type { AlertChannel, AlertMessage } from '../ports/alert-channel.ts';
import type { AlertRecords } from '../ports/alert-records.ts';
import type { AlertCondition, AlertEntry } from './alert.ts';
import { createAlertLoop } from './alert-loop.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function conditionOf(subject: string): AlertCondition {
  return { rule: 'audit-lost', subject, severity: 'critical', summary: `About ${subject}.`, advice: 'Look.' };
}

function memoryRecords(): AlertRecords {
  let kept: readonly AlertEntry[] = [];
  return { list: () => kept, replace: (entries) => Promise.resolve(void (kept = entries)) };
}

function setUp() {
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const records = memoryRecords();
  const world: { conditions: AlertCondition[]; isBroken: boolean } = { conditions: [], isBroken: false };
  const messages: AlertMessage[] = [];
  const channel: AlertChannel = {
    name: 'webhook',
    send: (message) =>
      world.isBroken ? Promise.reject(new Error('HTTP 503')) : Promise.resolve(void messages.push(message)),
  };
  const start = () => {
    const loop = createAlertLoop({
      look: () => world.conditions,
      records,
      channels: [channel],
      clock,
      logger,
      repeatMs: DAY,
    });
    loop.start();
    return loop;
  };
  const told = (): string[] =>
    messages.flatMap(({ alerts }) => alerts.map(({ state, subject }) => `${state} ${subject}`));
  return { clock, logger, world, messages, told, start };
}

describe('the alert loop', () => {
  it('tells of what is wrong, daily at most, and of its end', async () => {
    const { clock, world, told, start } = setUp();
    const loop = start();
    world.conditions = [conditionOf('a')];
    await clock.advanceAsync(HOUR);
    expect(told()).toEqual(['raised a']);
    await clock.advanceAsync(DAY);
    expect(told()).toEqual(['raised a', 'still a']);
    expect(loop.active()).toMatchObject([{ key: 'audit-lost:a' }]);
    world.conditions = [];
    await clock.advanceAsync(HOUR);
    expect(told()).toEqual(['raised a', 'still a', 'recovered a']);
    expect(loop.active()).toEqual([]);
    await loop.stop();
  });

  it('repeats nothing after a restart, and knows what it still owes', async () => {
    const { clock, world, told, start } = setUp();
    world.conditions = [conditionOf('a')];
    const first = start();
    await clock.advanceAsync(60_000);
    await first.stop();
    world.conditions = [];
    const second = start();
    await clock.advanceAsync(HOUR);
    expect(told()).toEqual(['raised a', 'recovered a']);
    await second.stop();
  });

  it('tells later what it could not tell at once, with longer and longer pauses, and logs it once', async () => {
    const { clock, logger, world, told, start } = setUp();
    world.isBroken = true;
    world.conditions = [conditionOf('a')];
    const loop = start();
    await clock.advanceAsync(3 * HOUR);
    expect(told()).toEqual([]);
    expect(loop.channels()).toEqual([{ name: 'webhook', lastError: 'HTTP 503' }]);
    expect(logger.messages('error')).toHaveLength(1);
    world.isBroken = false;
    await clock.advanceAsync(HOUR);
    expect(told()).toEqual(['raised a']);
    expect(loop.channels()[0]).not.toHaveProperty('lastError');
    await loop.stop();
  });

  it('never told of what was over before it could be told', async () => {
    const { clock, world, told, start } = setUp();
    world.isBroken = true;
    world.conditions = [conditionOf('a')];
    const loop = start();
    await clock.advanceAsync(HOUR);
    world.conditions = [];
    await clock.advanceAsync(HOUR);
    world.isBroken = false;
    await clock.advanceAsync(DAY);
    expect(told()).toEqual([]);
    await loop.stop();
  });

  it('puts what is due together, and sends a dozen messages an hour at most', async () => {
    const { clock, world, messages, told, start } = setUp();
    world.conditions = [conditionOf('a'), conditionOf('b')];
    const loop = start();
    await clock.advanceAsync(1000);
    expect(messages).toHaveLength(1);
    expect(told()).toEqual(['raised a', 'raised b']);
    for (let minute = 0; minute < 60; minute += 1) {
      world.conditions = [...world.conditions, conditionOf(`c${minute}`)];
      await clock.advanceAsync(60_000);
    }
    expect(messages.length).toBeLessThanOrEqual(13);
    await clock.advanceAsync(HOUR);
    expect(told().filter((one) => one.startsWith('raised'))).toHaveLength(62);
    await loop.stop();
  });

  it('tests every channel without a trace in the book', async () => {
    const { world, messages, start } = setUp();
    const loop = start();
    expect(await loop.test()).toEqual([{ channel: 'webhook' }]);
    expect(messages[0]?.alerts).toMatchObject([{ state: 'test' }]);
    world.isBroken = true;
    expect(await loop.test()).toEqual([{ channel: 'webhook', error: 'HTTP 503' }]);
    expect(loop.active()).toEqual([]);
    await loop.stop();
  });

  it('goes on where a look fails', async () => {
    const { clock, logger, world, told, start } = setUp();
    Object.defineProperty(world, 'conditions', {
      configurable: true,
      get: () => {
        throw new Error('the index is busy');
      },
    });
    const loop = start();
    await clock.advanceAsync(60_000);
    expect(logger.messages('error').length).toBeGreaterThan(0);
    Object.defineProperty(world, 'conditions', { value: [conditionOf('a')] });
    await clock.advanceAsync(60_000);
    expect(told()).toEqual(['raised a']);
    await loop.stop();
  });
});
