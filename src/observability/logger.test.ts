import { describe, expect, it } from 'vitest';
import type { JsonLogger, LoggerOptions } from './logger.ts';
import { createLogger } from './logger.ts';
import { REDACTED } from './redact.ts';

function capture(options: LoggerOptions = {}): {
  logger: JsonLogger;
  lines: Record<string, unknown>[];
  text: () => string;
} {
  const raw: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    ...options,
    destination: {
      write(line) {
        raw.push(line);
        lines.push(JSON.parse(line) as Record<string, unknown>);
      },
    },
  });
  return { logger, lines, text: () => raw.join('') };
}

describe('a log line', () => {
  it('is one JSON object with ISO time, level name, message and fields', () => {
    const { logger, lines, text } = capture();
    logger.child({ associationId: 'a1' }).warn({ callingAeTitle: 'CT1', bytes: 12 }, 'no route');
    expect(text()).toMatch(/^[^\n]+\n$/);
    expect(lines[0]).toMatchObject({
      level: 'warn',
      msg: 'no route',
      associationId: 'a1',
      callingAeTitle: 'CT1',
      bytes: 12,
    });
    expect(lines[0]?.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('shows an error with its cause', () => {
    const { logger, lines } = capture();
    const cause = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    logger.error({ err: new TypeError('cannot write', { cause }) }, 'failed');
    expect(lines[0]?.err).toMatchObject({
      type: 'TypeError',
      message: 'cannot write',
      cause: { message: 'no space left', code: 'ENOSPC' },
    });
  });

  it('is written from the level on, which can change while running, for children too', () => {
    const { logger, lines } = capture({ level: 'warn' });
    const child = logger.child({});
    child.info({}, 'one');
    logger.setLevel('debug');
    child.debug({}, 'two');
    logger.setLevel('error');
    child.warn({}, 'three');
    expect(lines.map((line) => line.msg)).toEqual(['two']);
  });
});

describe('the guard', () => {
  it.each([
    'patientName',
    'PatientID',
    'patient_id',
    'Patient-Birth-Date',
    'mrn',
    'accessionNumber',
    '00100010',
    '00080050',
    'token',
    'apiKey',
    'API_KEY',
    'authorization',
    'Set-Cookie',
    'webhookSecret',
    'password',
  ])('replaces the value of %s at any depth', (name) => {
    const { logger, text } = capture();
    logger.info({ [name]: 'GIVEAWAY', a: { b: [{ [name]: { value: 'GIVEAWAY' } }] } }, 'x');
    logger.child({ [name]: 'GIVEAWAY' }).info({}, 'x');
    logger.error({ err: Object.assign(new Error('x'), { [name]: 'GIVEAWAY' }) }, 'x');
    expect(text()).not.toContain('GIVEAWAY');
    expect(text().split(REDACTED)).toHaveLength(5);
  });

  it('leaves identifiers of work alone', () => {
    const { logger, lines } = capture();
    const fields = {
      studyInstanceUid: '1.2.3',
      callingAeTitle: 'CT1',
      keyId: 'k1',
      tokens: 3,
      patientCount: 2,
    };
    logger.info(fields, 'x');
    expect(lines[0]).toMatchObject(fields);
  });

  it.each([
    'GET /objects/1/2/3.dcm?token=GIVEAWAY&x=1 failed',
    'header was Bearer GIVEAWAY.abc-def',
    'key sk_live_GIVEAWAY refused',
    'secret whsec_GIVEAWAY= is wrong',
  ])('takes secrets out of text: %s', (message) => {
    const { logger, text } = capture();
    logger.info({ url: message, err: new Error(message) }, message);
    expect(text()).not.toContain('GIVEAWAY');
  });

  it('shows objects as they wish to be shown in JSON', () => {
    const { logger, lines } = capture();
    logger.info(
      { url: new URL('https://x.org/a?token=GIVEAWAY'), hidden: { toJSON: () => '[secret]' } },
      'x',
    );
    expect(lines[0]).toMatchObject({ url: `https://x.org/a?token=${REDACTED}`, hidden: '[secret]' });
  });

  it('writes sizes in place of bytes', () => {
    const { logger, lines } = capture();
    logger.info({ pdu: Buffer.from('GIVEAWAY') }, 'x');
    expect(lines[0]?.pdu).toBe('[8 bytes]');
  });

  it('survives circles, depth, size and getters that throw', () => {
    const { logger, lines, text } = capture();
    const circle: Record<string, unknown> = {
      big: 'x'.repeat(1_000_000),
      many: Array.from({ length: 5000 }, () => 1),
    };
    circle.self = circle;
    Object.defineProperty(circle, 'bad', {
      enumerable: true,
      get() {
        throw new Error('no');
      },
    });
    let deep: Record<string, unknown> = {};
    for (let level = 0; level < 1000; level += 1) deep = { deep };
    logger.info({ circle, deep, big: 10n }, 'x');
    expect(lines[0]?.circle).toMatchObject({ self: '[circular]', bad: '[unreadable]' });
    expect(text().length).toBeLessThan(20_000);
  });
});
