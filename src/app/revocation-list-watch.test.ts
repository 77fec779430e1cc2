import { expect, it } from 'vitest';

import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../test/support/recording-logger.ts';
import { createRevocationListWatch } from './revocation-list-watch.ts';

const DAY_MS = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const listOf = (file: string, days: number) => ({
  ...{ file, pem: '', issuer: 'CA' },
  thisUpdateAt: START,
  nextUpdateAt: START + days * DAY_MS,
});

it('says once a day that a list runs out, then that it has, and nothing of one that was replaced', () => {
  const clock = createFakeClock(START);
  const logger = createRecordingLogger();
  const watch = createRevocationListWatch({ clock, logger });
  const inUse = [listOf('crl.pem', 20), listOf('crl.pem', 20), listOf('other.pem', 100)];
  /** Looks every minute, as the daemon does, and returns what that day brought. */
  const dayOf = (lists = inUse): readonly string[] => {
    const before = logger.lines.length;
    for (let minute = 0; minute < 24 * 60; minute += 1) {
      watch.look(lists);
      clock.advance(60_000);
    }
    return logger.lines
      .slice(before)
      .map(({ level, message, fields }) => `${level} ${message} ${String(fields.crl)}`);
  };
  const days = Array.from({ length: 22 }, () => dayOf());
  const soon = 'warn a certificate revocation list is soon out of date crl.pem';
  const over =
    'error a certificate revocation list is out of date: every certificate of its authority is refused crl.pem';
  expect(days.slice(0, 18).flat()).toEqual([]);
  expect(days.slice(18)).toEqual([[soon], [soon], [over], [over]]);
  expect(dayOf([listOf('crl.pem', 60), listOf('other.pem', 100)])).toEqual([]);
  expect(logger.lines.at(-1)?.fields).toMatchObject({ nextUpdate: '2026-01-21T00:00:00.000Z' });
});
