import { describe, expect, it } from 'vitest';

import type { DiskSample } from '../ports/disk-history.ts';
import { forecastDisk } from './forecast.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const NOW = 1000 * DAY;
const TOTAL = 10_000;

/** Hourly samples of `days` days, of which `freeAt` tells the free bytes by days ago. */
const history = (days: number, freeAt: (daysAgo: number) => number): DiskSample[] =>
  Array.from({ length: days * 24 + 1 }, (_, hours) => ({
    at: NOW - (days * 24 - hours) * HOUR,
    freeBytes: freeAt(days - hours / 24),
    totalBytes: TOTAL,
  }));
const ask = (samples: readonly DiskSample[], freeBytes = 3000) =>
  forecastDisk({ now: NOW, freeBytes, totalBytes: TOTAL, reserveBytes: 500, samples });

describe('disk forecast', () => {
  it('tells when the reserve, not the last byte, is reached at the pace of the last two weeks', () => {
    expect(ask(history(20, (daysAgo) => 3000 + 100 * daysAgo))).toEqual({
      kind: 'filling',
      bytesPerDay: 100,
      days: 14,
      fullAt: NOW + 25 * DAY,
    });
  });

  it('counts weekends for what they are', () => {
    // Seven days a week, of which two without anything: 5/7 of 140 a day.
    const written = (daysAgo: number): number => {
      let free = 3000;
      for (let day = 0; day < daysAgo; day += 1) free += day % 7 < 2 ? 0 : 140;
      return free;
    };
    const forecast = ask(history(14, (daysAgo) => written(Math.round(daysAgo))));
    expect(forecast.kind).toBe('filling');
    expect(forecast.kind === 'filling' && forecast.bytesPerDay).toBeGreaterThan(90);
    expect(forecast.kind === 'filling' && forecast.bytesPerDay).toBeLessThan(115);
  });

  it('is not fooled by the day on which somebody tidied up', () => {
    const tidied = history(14, (daysAgo) => 3000 + 100 * daysAgo - (daysAgo >= 5 ? 2500 : 0));
    expect(ask(tidied)).toMatchObject({ kind: 'filling', bytesPerDay: 100 });
  });

  it('is steady where nothing is lost, or for years', () => {
    expect(ask(history(14, () => 3000))).toEqual({ kind: 'steady', bytesPerDay: 0, days: 14 });
    expect(ask(history(14, (daysAgo) => 3000 - 10 * daysAgo))).toMatchObject({
      kind: 'steady',
      bytesPerDay: -10,
    });
    expect(ask(history(14, (daysAgo) => 3000 + daysAgo))).toMatchObject({ kind: 'steady', bytesPerDay: 1 });
  });

  it('is full now where the reserve is reached already', () => {
    expect(
      ask(
        history(14, (daysAgo) => 400 + 100 * daysAgo),
        400,
      ),
    ).toMatchObject({ fullAt: NOW });
  });

  it('waits for two days of samples, also after the disk was made larger', () => {
    expect(ask(history(1, () => 3000))).toEqual({ kind: 'learning' });
    const smaller = history(14, (daysAgo) => 3000 + 100 * daysAgo).map((sample) => ({
      ...sample,
      totalBytes: 9000,
    }));
    expect(ask(smaller)).toEqual({ kind: 'learning' });
  });
});
