import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createLogLevelControl } from './log-level.ts';
import { createLogger } from './logger.ts';

function setUp() {
  const messages: unknown[] = [];
  const logger = createLogger({
    level: 'info',
    destination: { write: (line) => void messages.push((JSON.parse(line) as { msg: unknown }).msg) },
  });
  const clock = createFakeClock();
  return { clock, logger, messages, control: createLogLevelControl({ logger, configured: 'info', clock }) };
}

describe('the log level', () => {
  it('is another one for a time, then the configured one again', () => {
    const { clock, control, logger, messages } = setUp();
    logger.debug({}, 'before');
    expect(control.override('debug', 600_000)).toEqual({
      level: 'debug',
      configured: 'info',
      until: clock.now() + 600_000,
    });
    logger.debug({}, 'meanwhile');
    clock.advance(600_000);
    logger.debug({}, 'after');
    expect(control.current()).toEqual({ level: 'info', configured: 'info' });
    expect(messages).toContain('meanwhile');
    expect(messages).not.toContain('before');
    expect(messages).not.toContain('after');
  });

  it('stays as set when the configuration is reloaded, and goes back to the new one', () => {
    const { clock, control } = setUp();
    control.override('debug', 60_000);
    control.configure('error');
    expect(control.current().level).toBe('debug');
    clock.advance(60_000);
    expect(control.current()).toEqual({ level: 'error', configured: 'error' });
  });

  it('lasts as long as the latest wish, and a day at most', () => {
    const { clock, control } = setUp();
    control.override('debug', 60_000);
    control.override('debug', 120_000);
    clock.advance(100_000);
    expect(control.current().level).toBe('debug');
    control.override('debug', 1e12);
    expect(control.current().until).toBe(clock.now() + 86_400_000);
    expect(control.reset()).toEqual({ level: 'info', configured: 'info' });
    expect(clock.pending).toBe(0);
  });
});
