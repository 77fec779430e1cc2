import { describe, expect, it } from 'vitest';
import type { AlertCondition, AlertEntry } from './alert.ts';
import { CLEAR_AFTER_MS, dueNotices, forgetChannels, markTold, observe } from './alert-book.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const crash: AlertCondition = {
  rule: 'crash-loop',
  subject: '',
  severity: 'critical',
  summary: 'It crashes.',
  advice: 'Look.',
};
const attention: AlertCondition = { ...crash, rule: 'deliveries-attention', severity: 'warning' };
const kinds = (book: readonly AlertEntry[], now: number): string[] =>
  dueNotices(book, 'mail', now, DAY).map(({ kind, entry }) => `${kind} ${entry.key}`);
const told = (book: readonly AlertEntry[], now: number): readonly AlertEntry[] =>
  markTold(book, 'mail', dueNotices(book, 'mail', now, DAY), now);

describe('an alert', () => {
  it('is told once, reminded of daily, and told to be over', () => {
    let book = observe([], [crash], 0);
    expect(kinds(book, 0)).toEqual(['raised crash-loop']);
    book = told(book, 0);
    expect(kinds(book, DAY - 1)).toEqual([]);
    book = observe(book, [crash], DAY);
    expect(kinds(book, DAY)).toEqual(['still crash-loop']);
    book = told(book, DAY);
    expect(kinds(book, DAY + 1)).toEqual([]);
    book = observe(book, [], DAY + 1);
    expect(kinds(book, DAY + 1)).toEqual([]);
    const over = DAY + 1 + CLEAR_AFTER_MS;
    book = observe(book, [], over);
    expect(kinds(book, over)).toEqual(['recovered crash-loop']);
    expect(told(book, over)).toEqual([]);
  });

  it('that comes and goes is one alert', () => {
    let book = told(observe([], [crash], 0), 0);
    for (let now = 0; now < HOUR; now += 60_000) {
      book = observe(book, now % 120_000 === 0 ? [] : [crash], now);
      expect(kinds(book, now)).toEqual([]);
    }
    expect(book).toHaveLength(1);
  });

  it('that lasts too short a time is told to nobody', () => {
    let book = observe([], [attention], 0);
    expect(kinds(book, 0)).toEqual([]);
    book = observe(book, [attention], 60_000);
    expect(kinds(book, 60_000)).toEqual([]);
    expect(observe(book, [], 90_000)).toEqual([]);
    book = observe(book, [attention], 120_000);
    expect(kinds(book, 120_000)).toEqual(['raised deliveries-attention']);
  });

  it('that gets worse is told again', () => {
    const book = told(observe([], [{ ...crash, severity: 'warning' }], 0), 0);
    expect(kinds(observe(book, [crash], 60_000), 60_000)).toEqual(['raised crash-loop']);
  });

  it('that comes back before its end was told stays one that people know of', () => {
    let book = told(observe([], [attention], 0), 0);
    book = told(observe(book, [attention], 120_000), 120_000);
    book = observe(book, [], 200_000);
    book = observe(book, [], 200_000 + CLEAR_AFTER_MS);
    book = observe(book, [attention], 210_000 + CLEAR_AFTER_MS);
    // It forms anew; should it vanish at once, those who were told before still learn of the end.
    book = observe(book, [], 220_000 + CLEAR_AFTER_MS);
    expect(kinds(book, 220_000 + CLEAR_AFTER_MS)).toEqual(['recovered deliveries-attention']);
  });

  it('is told to each channel by itself', () => {
    const book = told(observe([], [crash], 0), 0);
    expect(dueNotices(book, 'webhook', 1, DAY)).toHaveLength(1);
  });

  it('waits for no channel that is gone', () => {
    const raised = told(observe([], [crash], 0), 0);
    const over = observe(observe(raised, [], 1), [], 1 + CLEAR_AFTER_MS);
    expect(forgetChannels(over, ['mail'])).toHaveLength(1);
    expect(forgetChannels(over, ['webhook'])).toEqual([]);
  });

  it('of one subject says nothing of another', () => {
    const dimse = { ...crash, rule: 'certificate-expiring' as const, subject: 'dimse' };
    const book = told(observe([], [dimse], 0), 0);
    const both = observe(book, [dimse, { ...dimse, subject: 'http' }], 1);
    expect(kinds(both, 1)).toEqual(['raised certificate-expiring:http']);
  });
});
